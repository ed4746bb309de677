"""The front door to the other peers: own rows out, their rows in, who is reached and who is not, and why."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from cryptography import x509

from sextet.cluster.trust import certificates, revocation, tls
from sextet.cluster.trust.revocation import Revocations
from sextet.cluster.wire.dial import Credentials, dial
from sextet.cluster.wire.enrolment import Enrolment
from sextet.cluster.wire.feed import Login, OwnRows, login
from sextet.cluster.wire.front import Front, Refused, Rules
from sextet.cluster.wire.link import Target
from sextet.cluster.wire.names import RETRY_S, Answer, NameFailure, Resolved, Resolver
from sextet.cluster.wire.nats_server import Access, NatsServer
from sextet.cluster.wire.peer_link import Callbacks, Dialling, PeerLink
from sextet.cluster.wire.proof import derive
from sextet.cluster.wire.session import Gate
from sextet.ending import end
from sextet.engine import EngineError, Journal
from sextet.journal import name_resolution_retry
from sextet.model.status import LinkStatus

PORT = 4372
LOOK_EVERY_S = 2.0  # at names that failed or are a minute old, and at rows of peers that are long away
FROZEN_S = 4.0  # from here on a store that does not answer counts as frozen; it answers in milliseconds
FROZEN_MAX_S = 12.0  # then it is ended; a machine that was suspended, or under load, has had its time
FROZEN_LOOK_S = 1.0
MAPPING_WAIT_S = 0.05  # addresses and mapped names are known at once; DNS may take its time without holding up anybody
KEPT_KINDS = ("config", "peer")  # rows that are never forgotten: configuration, and what a peer last said of itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """Everything of the configuration that the links follow."""

    number: int  # this peer's place in the list
    peers: tuple[str, ...]  # the whole list, as configured
    enforce: bool
    key: bytes = field(repr=False)  # the cluster key; empty while there is none
    certificate: Path
    private_key: Path
    trusted: Path
    crl: Path = Path()  # revocation lists, PEM; there need not be any
    mapping: Mapping[str, str] = field(default_factory=dict)  # FQDN -> IP address
    dns: tuple[str, ...] = ()  # "ip" or "ip:port"; none: the host's resolver
    ipv6: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """The files of a membership, read."""

    credentials: Credentials
    rules: Rules  # without members
    trusted: tuple[x509.Certificate, ...]
    revocations: Revocations


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """What touches sockets and programs; the simulator plays it."""

    front: Callable[..., Front] = Front
    server: Callable[..., NatsServer] = NatsServer
    dial: Dialling = dial
    login: Login = login


SOCKETS = Wire()


class Links:
    """All that connects this peer with the others; made in a running event loop."""

    def __init__(
        self,
        *,
        address: str,
        name: str,
        run_dir: Path,
        journal: Journal,
        enrolment: Enrolment,
        callbacks: Callbacks,
        trouble: Callable[[str], None],
        port: int = PORT,
        recovery: Callable[[Callable[[int], Gate]], Front] | None = None,
        user: str | None = None,
        binary: str | None = None,
        dice: Callable[[], float] = random.random,
        wire: Wire = SOCKETS,
    ) -> None:
        self.own = OwnRows(name=name, journal=journal, trouble=trouble, login=wire.login)
        self._dial = wire.dial
        self._address, self._port, self._journal, self._trouble = address, port, journal, trouble
        self._enrolment, self._callbacks, self._dice = enrolment, callbacks, dice
        self._gates: dict[int, Gate] = {}
        self._links: dict[int, PeerLink] = {}
        self._membership: Membership | None = None
        self._material: Material | None = None
        self._named: dict[int, str] = {}  # the others of the membership
        self._shown: dict[int, LinkStatus] = {}  # made anew only where something is different: it is asked for often
        self._resolver = Resolver(mapping={}, servers=(), clock=asyncio.get_running_loop().time)
        self._answers: dict[str, Answer] = {}  # name -> what the resolver said last
        self._last_ip: dict[str, str] = {}  # by name: DNS may be away while a peer is not
        self._confirmed: set[str] = set()  # names that the present mapping and servers have resolved
        self._front = wire.front(address=address, port=port, journal=journal, enrolment=enrolment, gate=self._gate)
        self._recovery = recovery(self._gate) if recovery is not None else None
        self._server = wire.server(
            name=name,
            run_dir=run_dir,
            user=user,
            journal=journal,
            up=self._store_up,
            down=self._store_down,
            binary=binary,
        )
        self._lines: dict[int, tuple[object, str]] = {}
        self._configuring = asyncio.Lock()
        self._look: asyncio.Task[None] | None = None
        self._thaw: asyncio.Task[None] | None = None
        self._looking: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Start the store, listen, and publish. Raises EngineError."""
        await self._front.start()
        try:
            if self._recovery is not None:
                await self._recovery.start()
        except EngineError:
            await self._stop_listening()
            raise
        try:
            await self._server.start()
        except EngineError as error:
            self._server.keep_trying(str(error))  # this peer serves alone meanwhile, and says so
        self.own.start()
        self._look = asyncio.create_task(self._keep_looking(), name="peer names")
        self._thaw = asyncio.create_task(self._end_frozen(), name="frozen store")

    async def stop(self) -> None:
        await end((self._look, self._thaw, *self._looking))
        await asyncio.gather(*(link.stop() for link in self._links.values()))
        self._links.clear()
        await self._stop_listening()
        await self.own.stop()
        await self._server.stop()

    async def _stop_listening(self) -> None:
        await self._front.stop()
        if self._recovery is not None:
            await self._recovery.stop()

    def _follow(self, rules: Rules | None) -> None:
        self._front.follow(rules)
        if self._recovery is not None:
            self._recovery.follow(rules)

    async def configure(self, membership: Membership | None) -> None:
        """Follow; idempotent. Raises EngineError when the certificate cannot be used, and keeps the old state."""
        async with self._configuring:
            material = await self._read(membership) if membership is not None else None
            old, self._membership, self._material = self._membership, membership, material
            self._named = _others(membership) if membership is not None else {}
            if membership is not None and (old is None or _naming(old) != _naming(membership)):
                clock = asyncio.get_running_loop().time
                mapping, dns = membership.mapping, membership.dns
                self._resolver = Resolver(mapping=mapping, servers=dns, ipv6=membership.ipv6, clock=clock)
                self._answers.clear()
                self._confirmed.clear()
        self._apply()
        looking = asyncio.create_task(self._look_up(), name="peer names")
        self._looking.add(looking)
        looking.add_done_callback(self._looking.discard)
        await asyncio.wait({looking}, timeout=MAPPING_WAIT_S)

    def refresh(self) -> None:
        """Look again at what enrolment allows; call it when a window opens or closes."""
        self._apply()

    def link(self, number: int) -> PeerLink | None:
        return self._links.get(number)

    def rows(self, number: int) -> Mapping[str, bytes]:
        """The mirrored rows of a peer."""
        link = self._links.get(number)
        return link.rows if link is not None else {}

    def statuses(self) -> dict[int, LinkStatus]:
        """How this peer sees the way to every other one, by number."""
        return {number: self._status(link) for number, link in self._links.items()}

    def resolved(self, number: int) -> Answer | None:
        """What the name of a peer resolves to; None while it is asked for the first time."""
        return self._answers.get(self._others().get(number, ""))

    def refusals(self) -> tuple[Refused, ...]:
        return self._front.refusals()

    def connected(self) -> frozenset[int]:
        """The peers whose links to this one are up, seen from here."""
        return self._front.connected()

    def addresses(self) -> dict[int, str]:
        """Where the peers whose links to this one are up come from."""
        return self._front.addresses()

    @property
    def trusted(self) -> tuple[x509.Certificate, ...]:
        """The authorities that certificates of peers are checked against."""
        return self._material.trusted if self._material is not None else ()

    @property
    def store_pid(self) -> int:
        return self._server.pid

    def block(self, number: int) -> None:
        """Cut the cable to a peer: both directions, and nobody is told (fault injection)."""
        self._gate(number).close()

    def unblock(self, number: int) -> None:
        self._gate(number).open()

    def _gate(self, number: int) -> Gate:
        return self._gates.setdefault(number, Gate())

    def _others(self) -> dict[int, str]:
        return self._named

    async def _read(self, membership: Membership) -> Material:
        try:
            files = [path.read_bytes() for path in (membership.certificate, membership.private_key, membership.trusted)]
            pem, private_key, trusted_pem = files
            trusted = certificates.read_pem(trusted_pem, str(membership.trusted)) if trusted_pem.strip() else []
            crl = membership.crl.read_bytes() if membership.crl.is_file() else b""
            revocations = revocation.load(crl, trusted)
            der = certificates.leaf(pem, str(membership.certificate))
            contexts = [_context(membership, server, verify) for server in (False, True) for verify in (False, True)]
        except (OSError, certificates.CertificateError, revocation.RevocationError) as error:
            raise EngineError(f"the certificate of this peer cannot be used: {error}") from error
        key = await asyncio.to_thread(derive, membership.key) if membership.key else b""
        name = membership.peers[membership.number - 1]
        digest = sha256(b"\0".join((*files, crl, key, name.encode()))).hexdigest()
        client, client_enforcing, server, server_enforcing = contexts
        credentials = Credentials(
            name=name, address=self._address, port=self._port, permissive=client, enforcing=client_enforcing,
            certificate=der, private_key=private_key, key=key, digest=digest, revocations=revocations,
        )  # fmt: skip
        rules = Rules(
            name=name, members={}, enforce=membership.enforce,
            context=server_enforcing if membership.enforce else server,
            fingerprint=certificates.fingerprint(der), key=key, trust=sha256(trusted_pem + crl).hexdigest(),
            revocations=revocations,
        )  # fmt: skip
        return Material(credentials=credentials, rules=rules, trusted=tuple(trusted), revocations=revocations)

    def _apply(self) -> None:
        """Bring front and links in line with the membership and with what the names resolve to."""
        membership, material, others = self._membership, self._material, self._others()
        if membership is None or material is None:
            self._follow(None)
        else:
            members = {number: (name, self._last_ip.get(name, "")) for number, name in others.items()}
            self._follow(replace(material.rules, members=members))
        for number in [number for number in self._links if number not in others]:
            self._links[number].configure(None, None)
        for number, name in others.items():
            assert material is not None and membership is not None
            if number not in self._links:
                self._links[number] = PeerLink(
                    number,
                    enrolment=self._enrolment,
                    gate=self._gate(number),
                    callbacks=self._callbacks,
                    dice=self._dice,
                    dial=self._dial,
                )
            own = material.credentials
            target = Target(
                name=name,
                ip=self._last_ip.get(name, ""),
                verify=membership.enforce,
                credentials=own.digest,
                obstacle=self._obstacle(number, name, own),
            )
            self._links[number].configure(target, own)

    def _obstacle(self, number: int, name: str, own: Credentials) -> str:
        if not self._last_ip.get(name):
            answer = self._answers.get(name)
            return f"name does not resolve: {answer.cause}" if isinstance(answer, NameFailure) else "resolving its name"
        return "" if own.key else self._enrolment.may_accept(number)

    def frozen(self) -> str:
        """Say that the server of the live rows does not answer although it runs; "" while it does."""
        silent_s = self.own.silent_s()
        return f"nats-server runs and has not answered for {silent_s:.0f} s." if silent_s > FROZEN_S else ""

    async def _end_frozen(self) -> None:
        while True:
            await asyncio.sleep(FROZEN_LOOK_S)
            silent_s = self.own.silent_s()
            if silent_s > FROZEN_MAX_S:
                sentence = f"nats-server has not answered for {silent_s:.0f} s; it is ended and started again"
                self._journal.module("developer.cluster.store", "ERROR", sentence)
                self._server.kill()

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self._look_up()
            for link in self._links.values():
                link.forget(KEPT_KINDS)

    async def _look_up(self) -> None:
        """Ask for all names at once, and apply each answer when it comes."""
        await asyncio.gather(*(self._resolve(name) for name in dict.fromkeys(self._others().values())))
        self._apply()

    async def _resolve(self, name: str) -> None:
        resolver = self._resolver
        answer = await resolver.resolve(name)
        if resolver is not self._resolver:
            return  # it was asked in another place than is configured now
        before, self._answers[name] = self._answers.get(name), answer
        if answer == before:
            return
        if isinstance(answer, Resolved):
            self._last_ip[name] = answer.ip
            self._confirmed.add(name)
        else:
            if name not in self._confirmed:
                self._last_ip.pop(name, None)
            self._journal.module("developer.clusterdb.peernamesresolver", "WARN", f"peer name {answer.sentence}")
            name_resolution_retry(self._journal, [name], int(RETRY_S * 1000))
        self._apply()

    def _status(self, link: PeerLink) -> LinkStatus:
        name = self._others().get(link.number, "")
        answer = self._answers.get(name)
        ip = answer.ip if isinstance(answer, Resolved) else ""
        round_trip_ms, line = round(link.round_trip_ms, 2), self._line(link, name)
        seen = name, link.state.value, link.reason, link.tried, link.since, round_trip_ms, ip, line
        before = self._shown.get(link.number)
        if before is None or seen != _seen(before):
            before = self._shown[link.number] = LinkStatus(
                peer=name, state=seen[1], reason=link.reason, tried=link.tried, since_s=link.since,
                round_trip_ms=round_trip_ms, resolved_ip=ip, certificate=line,
            )  # fmt: skip
        return before

    def _line(self, link: PeerLink, name: str) -> str:
        """The certificate line; worked out again each minute, since dates pass, and when something in it changes."""
        if not link.chain or self._material is None:
            return link.line or certificates.NOT_CHECKED
        now = datetime.now(UTC)  # the wall clock, since certificates speak of moments
        trusted, revocations = self._material.trusted, self._material.revocations
        of = link.chain, name, trusted, revocations, now.replace(second=0, microsecond=0)
        if self._lines.get(link.number, (None, ""))[0] != of:
            line, _ = certificates.line_for(link.chain, name, trusted, now, revocations)
            self._lines[link.number] = of, line
        return self._lines[link.number][1]

    def _store_up(self, access: Access) -> None:
        self._front.store(access)
        self.own.store(access)

    def _store_down(self, sentence: str) -> None:
        self._front.store(None)
        self.own.store(None)
        self._trouble(sentence)


def _context(membership: Membership, server: bool, verify: bool) -> ssl.SSLContext:
    trusted = membership.trusted if verify else None
    return tls.context(
        server=server, certificate=membership.certificate, private_key=membership.private_key, trusted=trusted
    )


def _others(membership: Membership) -> dict[int, str]:
    named = enumerate(membership.peers, start=1)
    return {number: name for number, name in named if name and number != membership.number}


def _seen(status: LinkStatus) -> tuple[object, ...]:
    return (
        status.peer, status.state, status.reason, status.tried, status.since_s, status.round_trip_ms,
        status.resolved_ip, status.certificate,
    )  # fmt: skip


def _naming(membership: Membership) -> tuple[object, ...]:
    return dict(membership.mapping), membership.dns, membership.ipv6
