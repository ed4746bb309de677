"""Real SIP engines on loopback addresses for scenarios, and a host that can be waited on."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sextet.engine import Neighbour, Picture, Shared, Wanted
from sextet.model.searches import Answer, Search, with_answers
from sextet.model.sections import Root
from sextet.model.settings.protocols import Domain, Protocols
from sextet.model.settings.registration import Credential
from sextet.model.status import Binding, Call, ZoneStatus
from sextet.sip.engine import SipEngine
from tests.support.end_with_tests import end_with_the_tests
from tests.support.sip_client import Dialog, Message, Phone

WAIT_S = 20.0  # what takes milliseconds, or a start of Kamailio; this is for a busy machine
Said = tuple[int, Sequence[Answer], bool, str]  # what engine.Searches.answered is told of a search
CONFIG = Root(
    protocols=Protocols(sip_udp=True, sip_tcp=True),
    domains=(Domain(name="apolo.local"),),
    credentials=tuple(Credential(name=name, password=f"{name}-secret") for name in ("alice", "bob", "carol")),
)


class Watch:
    """A Host that keeps what it was told, and lets a test wait for it."""

    def __init__(self) -> None:
        self.registrations: dict[str, tuple[Binding, ...]] = {}
        self.calls: dict[str, Call] = {}
        self.ended: dict[str, str] = {}
        self.use: dict[str, int] = {}  # element -> kbit/s
        self.heard: dict[str, Shared] = {}
        self.told: list[str] = []  # aliases, in the order in which changes were reported
        self.reasons: list[str] = []  # why devices were gone, of each of these changes
        self.rejections: list[tuple[str, str]] = []  # alias, reason
        self.states: list[str] = []
        self.conflicts: list[str] = []
        self.troubles: list[str] = []  # with policy services
        self.pictures = 0
        self.proxied = 0
        self.over: set[str] = set()  # calls that other peers do not have any more
        self.zone: dict[str, ZoneStatus] = {}
        self._changed = asyncio.Event()

    def registered(self, alias: str, bindings: Sequence[Binding], why: str = "") -> None:
        self.told.append(alias)
        self.reasons.append(why)
        self.registrations.pop(alias, None)
        if bindings:
            self.registrations[alias] = tuple(bindings)
        self._changed.set()

    def rejected(self, alias: str, reason: str, received: str, user_agent: str) -> None:
        self.rejections.append((alias, reason))
        self._changed.set()

    def call_changed(self, call: Call) -> None:
        self.calls[call.call_id] = call
        self._changed.set()

    def call_ended(self, call_id: str, reason: str) -> None:
        self.calls.pop(call_id, None)
        self.ended[call_id] = reason
        self._changed.set()

    def used(self, use: Mapping[str, int], heard: Mapping[str, Shared]) -> None:
        self.use = {element: kbps for element, kbps in (self.use | use).items() if kbps}
        self.heard |= heard
        self._changed.set()

    def picture(self, picture: Picture) -> None:
        self.use = dict(picture.use)
        self.registrations = {alias: tuple(rows) for alias, rows in picture.registrations.items()}
        self.calls = {call.call_id: call for call in picture.calls}
        self.pictures += 1
        self._changed.set()

    def carried(self, count: int) -> None:
        self.proxied = count
        self._changed.set()

    def gone(self, number: int, call_ids: Collection[str]) -> Collection[str]:
        return self.over & set(call_ids)

    def port_conflict(self, sentence: str) -> None:
        self.conflicts.append(sentence)
        self._changed.set()

    def policy_trouble(self, sentence: str) -> None:
        self.troubles.append(sentence)
        self._changed.set()

    def zones(self, zones: Mapping[str, ZoneStatus]) -> None:
        self.zone = dict(zones)
        self._changed.set()

    def engine_state(self, engine: str, sentence: str) -> None:
        self.states.append(sentence)
        self._changed.set()

    def turned(self) -> None:
        """Let who waits look again."""
        self._changed.set()

    async def call(self, dialog: Dialog) -> Call:
        """Wait until a call is told; the phones know of it a moment earlier."""
        await self.until(lambda: dialog.call_id in self.calls)
        return self.calls[dialog.call_id]

    async def until(self, holds: Callable[[], bool], wait_s: float = WAIT_S) -> None:
        """Wait until something holds of what was told."""
        async with asyncio.timeout(wait_s):
            while not holds():
                self._changed.clear()
                await self._changed.wait()


class Notes:
    """A Journal that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def event(self, event: str, /, **fields: str) -> None:
        self.lines.append(f"{event} {fields}")

    def module(self, module: str, level: str, detail: str, /, **fields: str) -> None:
        self.lines.append(f"{level} {detail}")


class Trace:
    """Searches that were told, the newest last."""

    def __init__(self, watch: Watch) -> None:
        self.searches: dict[str, Search] = {}
        self.final: set[str] = set()
        self._early: dict[str, list[Said]] = {}  # workers have lines of their own: one may be faster
        self._watch = watch

    def made(self, search: Search) -> None:
        self.searches[search.id] = search
        if search.status:
            self.final.add(search.id)
        for said in self._early.pop(search.id, ()):
            self.answered(search.id, *said)
        self._watch.turned()

    def answered(self, name: str, status: int, answers: Sequence[Answer], final: bool, reason: str = "") -> None:
        if name not in self.searches:
            self._early.setdefault(name, []).append((status, answers, final, reason))
            return
        self.searches[name] = with_answers(self.searches[name], status, answers, reason)
        if final:
            self.final.add(name)
        self._watch.turned()

    @property
    def newest(self) -> Search:
        return list(self.searches.values())[-1]

    async def ended(self, count: int = 1) -> Search:
        """Wait until so many searches are over; gives the newest."""
        await self._watch.until(lambda: len(self.final) >= count)
        return self.newest


class Peers:
    """Some SIP engines that know each other as the peers of a cluster."""

    def __init__(self, network: str, directory: Path, config: Root) -> None:
        self.network, self.directory, self.config = network, directory, config
        self.engines: dict[int, SipEngine] = {}
        self.hosts: dict[int, Watch] = {}
        self.notes: dict[int, Notes] = {}
        self.traces: dict[int, Trace] = {}
        self.wanted: dict[int, Wanted] = {}

    def address(self, number: int) -> str:
        return f"{self.network}.{number}"

    def run_dir(self, number: int) -> Path:
        return self.directory / f"p{number}"

    def want(self, number: int, numbers: Sequence[int], **changes: object) -> Wanted:
        """Say what one of these peers should be."""
        neighbours = tuple(
            Neighbour(number=each, name=f"peer{each}", ip=self.address(each), up=True)
            for each in numbers
            if each != number
        )
        wanted = Wanted(
            config=self.config, generation=1, number=number, address=self.address(number), neighbours=neighbours,
            secret=b"secret of the cluster", certificate=self.directory / "certificate.pem",
            private_key=self.directory / "key.pem", trusted=self.directory / "certificate.pem",
        )  # fmt: skip
        return replace(wanted, **changes)  # type: ignore[arg-type]

    def engine(self, number: int) -> SipEngine:
        """Make an engine that is not started yet."""
        self.hosts[number], self.notes[number] = Watch(), Notes()
        self.traces[number] = Trace(self.hosts[number])
        self.engines[number] = SipEngine(
            self.run_dir(number), self.hosts[number], self.notes[number], searches=self.traces[number]
        )
        return self.engines[number]

    async def start(self, *numbers: int, **changes: object) -> None:
        for number in numbers:
            self.wanted[number] = self.want(number, numbers, **changes)
            await self.engine(number).start(self.wanted[number])

    async def apply(self, number: int, **changes: object) -> tuple[str, ...]:
        """Change what one peer should be."""
        before = self.wanted[number]
        self.wanted[number] = replace(before, generation=before.generation + 1, **changes)  # type: ignore[arg-type]
        return await self.engines[number].apply(self.wanted[number])

    async def registered(self, number: int, alias: str, bindings: int = 1) -> None:
        """Wait until a peer knows so many bindings of an alias, then let all others know who has it."""
        host = self.hosts[number]
        await host.until(lambda: len(host.registrations.get(alias, ())) == bindings)
        for other in self.engines:
            if other != number:
                await self.located(other, alias, number)

    async def located(self, number: int, alias: str, *owners: int) -> None:
        """Let a peer know owners of an alias, and wait until its workers do."""
        engine = self.engines[number]
        engine.locate({alias: owners})
        async with engine._changing:  # the keeper feeds under this lock; feeding here is the same, and at once
            await engine._feed.now()


@contextlib.asynccontextmanager
async def peers(network: str, *numbers: int, config: Root = CONFIG, **changes: object) -> AsyncIterator[Peers]:
    """Run engines on network.1, network.2, ... and stop them all."""
    directory = Path(tempfile.mkdtemp(prefix="sip-", dir="/tmp"))
    directory.chmod(0o755)
    certificate(directory)
    made = Peers(network, directory, config)
    end_with_the_tests(directory)
    try:
        await made.start(*numbers, **changes)
        yield made
    finally:
        for engine in made.engines.values():
            await engine.stop()
        shutil.rmtree(directory)


def certificate(directory: Path) -> None:
    """Make a self-signed certificate for a test's few seconds."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sextet test")])
    now = datetime.datetime.now(datetime.UTC)  # wall clock: certificates hold moments
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (directory / "key.pem").write_bytes(private)
    (directory / "certificate.pem").write_bytes(made.public_bytes(pem))


def phone(at: Peers, number: int, user: str, transport: str = "udp", **more: object) -> Phone:
    return Phone(user, at.address(number), transport=transport, password=f"{user}-secret", **more)  # type: ignore[arg-type]


def answered(result: Dialog | Message) -> Dialog:
    assert isinstance(result, Dialog), result.first
    return result


def refused(result: Dialog | Message) -> Message:
    assert isinstance(result, Message), "the call was answered"
    return result
