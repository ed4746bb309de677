"""How do tests get real peers? A lab of its own process, on its own loopback network, asked and broken from outside."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import functools
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from sextet.lab import children, documents, ports
from sextet.lab.ask import Failed, Unanswered, ask
from sextet.lab.documents import Secrets
from sextet.lab.plan import PeerPlan, Place, Plan, host, plan, write_places
from sextet.lab.told import reckoned, routed
from sextet.lab.up import ENGINE_USER, MARK, MEMORY
from sextet.model.config import to_document
from sextet.model.sections import Root
from tests.support import private_network
from tests.support.sip_client import Dialog, Message, Phone

SEXTET = (sys.executable, "-m", "sextet.cli")
START_S = 60.0  # 2 s on an idle machine
STOP_S = 20.0  # 1 s on an idle machine; a peer that does not end is killed by the lab after 5 s
STEP_S = 20.0  # what takes milliseconds, or 5 s where a peer is waited for that is away; this is for a busy machine
PLACES = "places.json"
NETWORKS = 256  # 127.78.0 to 127.78.255
PERMISSIVE = 40049  # the one alarm of a lab that is well
PR_SET_PDEATHSIG = 1  # prctl(2)
T = TypeVar("T")
_LIBC = ctypes.CDLL(None)
_ALARM = re.compile(r'Event="Alarm (Raised|Lowered)" Id="(\d+)"')


@dataclass(frozen=True, slots=True)
class Lab:
    """A running lab; peers are named by their numbers."""

    plan: Plan
    passwords: Mapping[str, str]
    administrator: str
    pid: int

    def peer(self, number: int) -> PeerPlan:
        return self.plan.peers[number - 1]

    @property
    def numbers(self) -> range:
        return range(1, len(self.plan.peers) + 1)

    async def ask(self, number: int, command: str, **arguments: Any) -> Any:
        """Run one command on a peer's local socket; raises Failed with its sentences, or Unanswered."""
        return await ask(self.peer(number).socket, command, arguments, STEP_S)

    async def set(self, number: int, path: str, value: Any, **more: Any) -> Any:
        return await self.ask(number, "config set", path=path, value=value, **more)

    async def refusal(self, number: int, command: str, **arguments: Any) -> str:
        """Run a command that must be refused; gives its sentences."""
        try:
            result = await self.ask(number, command, **arguments)
        except Failed as refused:
            return str(refused)
        raise AssertionError(f"peer {number} did it: {command} {arguments}: {result}")

    async def value(self, number: int, path: str) -> str:
        """Read one saved setting."""
        return str((await self.ask(number, "config show", path=path))[0]["value"])

    async def do(self, command: str, **arguments: Any) -> Any:
        """Break or mend something: kill, start, restart, cut, heal."""
        return await ask(self.plan.control, command, arguments, START_S)

    async def pids(self, number: int, part: str) -> list[int]:
        return list((await self.do("status"))["peers"][number - 1]["pids"][part])

    async def cluster(self, number: int) -> Mapping[str, Any]:
        return dict(await self.ask(number, "cluster status"))

    async def member(self, number: int, of: int) -> Mapping[str, Any]:
        """How one peer sees another, as a row of the Clustering page."""
        return dict((await self.cluster(number))["peers"][of - 1])

    async def raised(self, number: int) -> dict[int, str]:
        """The alarms that a peer raises itself, with their measured causes."""
        name = self.peer(number).host_name
        return {
            alarm["number"]: peer["detail"]
            for alarm in await self.ask(number, "alarm list")
            for peer in alarm["peers"]
            if peer["peer_name"] == name and not peer["stale"]
        }

    async def registrations(self, number: int) -> set[tuple[str, int, bool]]:
        """(alias, owner, stale) of every device that a peer lists, and to which it routes calls by now.

        No calls go to a stale one: its peer is away, and it may be at another peer meanwhile.
        """
        listed = {(one["alias"], one["peer"], one["stale"]) for one in await self.ask(number, "registration list")}
        peer = self.peer(number)
        ask = functools.partial(routed, peer)
        there = await (asyncio.to_thread(private_network.asked_within, peer.prefix, ask) if peer.prefix else ask())
        return {one for one in listed if one[1] == number or one[2] or one[:2] in there}

    async def calls(self, number: int) -> list[tuple[str, bool]]:
        """(state, stale) of every call that a peer lists."""
        return [(one["state"], one["stale"]) for one in await self.ask(number, "call list")]

    async def reckoned(self, number: int, element: str) -> int:
        """How much of something shared the workers of a peer believe to be used by the others, in kbit/s."""
        return (await reckoned(self.peer(number))).get(element, 0)

    async def alarm(self, number: int, alarm: int, *says: str, standing: bool = True, within_s: float = STEP_S) -> str:
        """Wait until a peer raised an alarm, or lowered it; gives the cause.

        The cause follows what the peer knows, so words in it are waited for too: of two peers one is heard of first.
        """
        causes: dict[int, str] = {}

        async def seen() -> str | None:
            causes.clear()
            causes.update(await self.raised(number))
            cause = causes.get(alarm, "" if standing else "lowered")
            return cause if (alarm in causes) == standing and all(words in cause for words in says) else None

        verb = "raises" if standing else "lowers"
        try:
            return str(await eventually(f"peer {number} {verb} {alarm} {says or ''}", seen, within_s))
        except AssertionError as late:
            raise AssertionError(f"{late}; raised: {causes}") from None

    async def whole(self, numbers: Collection[int] | None = None, within_s: float = START_S) -> None:
        """Wait until the cluster is well: everybody active, in step, and without alarms."""
        for number in numbers or self.numbers:
            await eventually(f"peer {number} is well", lambda number=number: self.ails(number), within_s, wanted="")

    async def ails(self, number: int) -> str:
        """Say what a peer still complains of."""
        try:
            status = await self.cluster(number)
            wrong = [f"{p['name']}: {p['clustering']}" for p in status["peers"] if not p["in_step"]]
            wrong += [f"{n}: {cause}" for n, cause in (await self.raised(number)).items() if n != PERMISSIVE]
            return "; ".join(wrong) or ("" if status["database"] == "Active" else str(status["database"]))
        except Unanswered as error:
            return str(error)

    def lines(self, number: int) -> list[str]:
        """The event log of a peer."""
        return (self.peer(number).state_dir / "event.log").read_text(errors="replace").splitlines()

    def alarm_events(self) -> set[tuple[int, str]]:
        """Every (number, "Raised" or "Lowered") in the event logs of all peers."""
        found = (_ALARM.search(line) for number in self.numbers for line in self.lines(number))
        return {(int(one[2]), one[1]) for one in found if one}

    async def run(self, number: int, *words: str, stdin: bytes = b"") -> tuple[int, str, str]:
        """Run the command line as an administrator does: exit code, output, errors."""
        process = await asyncio.create_subprocess_exec(
            *SEXTET, "--socket", str(self.peer(number).socket), *words,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, errors = await process.communicate(stdin)
        return process.returncode or 0, out.decode(), errors.decode()

    def phone(self, number: int, user: str, transport: str = "udp", **more: Any) -> Phone:
        """A phone of this lab's user, at an address of its own, to be registered with a peer."""
        more = {"password": self.passwords.get(user, ""), "local_ip": host(self.plan.network, 150), **more}
        phone = Phone(user, self.peer(number).address, transport=transport, **more)
        phone.leaves = True
        return phone


async def eventually(claim: str, look: Callable[[], Awaitable[T]], within_s: float = STEP_S, wanted: object = ...) -> T:
    """Wait until a look gives something (or exactly what is wanted); fails with the claim and what was seen last.

    A peer that does not answer, since it is just starting, is looked at again.
    """
    began, last = time.monotonic(), ""
    while True:
        with contextlib.suppress(Unanswered):
            seen = await look()
            if seen == wanted or (wanted is ... and seen is not None and seen is not False):
                return seen
            last = repr(seen)
        assert time.monotonic() < began + within_s, f"not within {within_s:g} s: {claim}; last seen: {last}"
        await asyncio.sleep(0.02)


async def unchanged(claim: str, look: Callable[[], Awaitable[T]], during_s: float) -> T:
    """Look again and again: what is seen stays what it is."""
    first, began = await look(), time.monotonic()
    while time.monotonic() < began + during_s:
        now = await look()
        assert now == first, f"{claim}: {first!r} became {now!r}"
        await asyncio.sleep(0.05)
    return first


async def save(lab: Lab, settings: Mapping[str, Any]) -> None:
    """Save settings, by their paths, and wait until they are in force everywhere."""
    for path, value in settings.items():
        outcome = await lab.set(1, path, value)
    await applied(lab, outcome["stamp"])


async def applied(lab: Lab, stamp: object) -> None:
    """Wait until a revision is in force everywhere."""
    for number in lab.numbers:

        async def there(number: int = number) -> bool:
            return bool((await lab.cluster(number))["in_force"] == stamp)

        await eventually("the change is in force", there)


def standard(path: str) -> Any:
    """Give the default of a setting, or of a list outside the sections."""
    section, _, name = path.partition(".")
    value = to_document(Root())[section]
    return value[name] if name else value


async def killed(lab: Lab, victim: int, after_s: float, doing: Callable[[], Awaitable[Any]]) -> None:
    """Begin something, kill a peer in the middle of it, and start that peer again."""
    task = asyncio.ensure_future(doing())
    await asyncio.sleep(after_s)  # the moment of the fault
    await lab.do("kill", peer=victim)
    with contextlib.suppress(Failed, Unanswered):
        await task
    await lab.do("start", peer=victim)


def answered(result: Dialog | Message) -> Dialog:
    assert isinstance(result, Dialog), result.first
    return result


def refused(result: Dialog | Message) -> Message:
    assert isinstance(result, Message), "the call was answered"
    return result


@contextlib.contextmanager
def lab(
    peers: int = 3,
    prepare: Callable[[Plan, Secrets], None] | None = None,
    *,
    network: str = "",  # a free one of loopback, if not given
    places: Sequence[Place] = (),
) -> Iterator[Lab]:
    """Run a lab; `prepare` may change what the peers are given before they start. It ends, whatever happens."""
    directory = Path(tempfile.mkdtemp(prefix="x", dir="/tmp"))  # short: sockets have at most 107 bytes
    directory.chmod(0o711)  # engines run as another user
    claims = contextlib.ExitStack()
    if places:
        write_places(directory / PLACES, places)
        made = plan(peers, directory / "state", directory / "run", network, places)
    elif network:
        made = plan(peers, directory / "state", directory / "run", network)
    else:
        made = _on_a_free_network(peers, directory, claims)
    drawn = documents.new_secrets()
    for path in (made.state_dir, made.run_dir):
        path.mkdir()
        (path / MARK).touch()
    # The wall clock, since certificates speak of moments.
    documents.write(made, drawn, ENGINE_USER if os.geteuid() == 0 else "", datetime.now(UTC))
    memory = {"peers": peers, "administrator": drawn.administrator, "users": dict(drawn.users)}
    documents.secret_file(made.state_dir / MEMORY, json.dumps(memory))
    if prepare is not None:
        prepare(made, drawn)
    process = _started(made, directory)
    try:
        _wait_for(made, process, directory)
        yield Lab(made, drawn.users, drawn.administrator, process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        stuck = ""
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            stuck = (directory / "lab.log").read_text()
            process.kill()
            process.wait()
        asyncio.run(children.sweep(made.run_dir, made.state_dir))
        for leftover in directory.rglob("*"):
            if leftover.is_mount():
                subprocess.run(["umount", "-l", leftover], check=False)
        shutil.rmtree(directory, ignore_errors=True)
        claims.close()
        assert not stuck, f"the lab did not end within {STOP_S:g} s: {stuck}"


def edit_initial(peer: PeerPlan, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the configuration that a peer starts with the first time."""
    path = peer.state_dir / "initial.json"
    document = json.loads(path.read_text())
    change(document)
    documents.secret_file(path, json.dumps(document))


def stand_alone(made: Plan, drawn: Secrets) -> None:
    """Prepare peers that are in no cluster yet, as fresh systems are; each has a zone of its own to tell it by."""

    def forget(peer: PeerPlan, document: dict[str, Any]) -> None:
        document["clustering"] = {}
        document["zones"] = [{"name": f"Of {peer.host_name}", "monitor": False, "peers": [{"address": "127.0.0.9"}]}]

    for peer in made.peers:
        edit_initial(peer, lambda document, peer=peer: forget(peer, document))


def _on_a_free_network(peers: int, directory: Path, stack: contextlib.ExitStack) -> Plan:
    """Lay out a lab where no other one runs: several test runs may share a machine."""
    for place in random.sample(range(NETWORKS), NETWORKS):
        network = f"127.78.{place}"
        claim = stack.enter_context(socket.socket(socket.AF_UNIX))
        try:
            claim.bind(f"\0sextet test {network}")  # until the lab has ended: nobody else takes it before it starts
        except OSError:
            continue
        made = plan(peers, directory / "state", directory / "run", network)
        if not ports.problems(ports.endpoints(made)):
            return made
    raise AssertionError("no loopback network is free")


def _started(made: Plan, directory: Path) -> subprocess.Popen[bytes]:
    arguments = ["lab", "up", "--peers", str(len(made.peers)), "--network", made.network, "--dir", str(directory)]

    def end_with_the_tests() -> None:
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    if (directory / PLACES).exists():
        arguments += ["--places", str(directory / PLACES)]
    with (directory / "lab.log").open("wb") as log:
        return subprocess.Popen(
            [*SEXTET, *arguments, "--keep", "--no-proof"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=end_with_the_tests,
        )  # fmt: skip


def _wait_for(made: Plan, process: subprocess.Popen[bytes], directory: Path) -> None:
    deadline = time.monotonic() + START_S
    while not made.control.exists():
        said = (directory / "lab.log").read_text()
        assert process.poll() is None, f"the lab does not start: {said}"
        assert time.monotonic() < deadline, f"the lab is not up after {START_S:g} s: {said}"
        time.sleep(0.05)
