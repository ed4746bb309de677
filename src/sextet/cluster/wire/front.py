"""Who is let in on the cluster port 4372: TLS and the proof of the cluster key first, then bytes to our own store.

How it works. A connection is accepted as raw TCP. An address that is no configured peer's is closed before TLS, and
so is one with too many unfinished handshakes. Under Enforce the certificate must be issued by a trusted authority
(OpenSSL), be for the peer that the caller says it is, and come from the address that this peer's name resolves to. In
both modes both sides prove the cluster key. Then, and only then, a byte reaches nats-server. Every refusal is
counted, and told to the caller where TLS allows it.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import ssl
from collections import Counter, OrderedDict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from sextet.cluster.trust import certificates, tls
from sextet.cluster.trust.revocation import NONE, Revocations
from sextet.cluster.wire.dial import STREAM_BYTES_MAX, chain_of, read_message
from sextet.cluster.wire.enrolment import Enrolment
from sextet.cluster.wire.nats_server import Access
from sextet.cluster.wire.proof import (
    NONCE_BYTES,
    BadMessage,
    Callee,
    Failed,
    HandedOver,
    Hello,
    Proved,
    Refusal,
    Send,
    encode,
)
from sextet.cluster.wire.session import Gate
from sextet.ending import end
from sextet.engine import EngineError, Journal
from sextet.streams import Acceptor, Attend, family_of, stream

HANDSHAKE_LIMIT_S = 3.0  # TLS and proof: four round trips
HALF_OPEN_MAX = 32  # unfinished handshakes in all: each holds about 60 kB
HALF_OPEN_PER_ADDRESS_MAX = 6  # a peer that redials at once has two at most
CONNECTIONS_PER_PEER_MAX = 4  # one is used; others may be dying
REFUSALS_KEPT = 32  # causes, not connections: the same one again is counted
LOG_EVERY = 100  # a cause is written to the log the first time and then every hundredth
LOGGED_PER_MINUTE_MAX = 30  # many addresses at once must not fill the log
CHUNK_BYTES = 1 << 18
BACKLOG = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Who may come in: all that follows from the configuration."""

    name: str  # of this peer, as configured
    members: Mapping[int, tuple[str, str]]  # the other peers: number -> (configured name, IP address or "")
    enforce: bool
    context: ssl.SSLContext
    fingerprint: str  # of this peer's certificate
    key: bytes = field(repr=False)  # derived from the cluster key; empty while there is none
    trust: str = ""  # changes with the trusted authorities and revocation lists
    revocations: Revocations = NONE

    def number_of(self, name: str) -> int:
        return next((number for number, (known, _) in self.members.items() if known.lower() == name.lower()), 0)

    def knows(self, ip: str) -> bool:
        return any(known == ip for _, known in self.members.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Connections that were refused for one cause."""

    ip: str
    reason: str
    count: int
    last_at: float  # monotonic clock of this process


@dataclass(eq=False, slots=True)
class _Connection:
    number: int
    ip: str
    verified: bool
    transport: asyncio.WriteTransport


Talk = Callable[[int, asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]


class Front:
    """The listener on the cluster port; with `talk` one on another port, whose callers talk to that, not to a store."""

    def __init__(
        self,
        *,
        address: str,
        port: int,
        journal: Journal,
        enrolment: Enrolment,
        gate: Callable[[int], Gate],
        talk: Talk | None = None,
    ) -> None:
        self._talk = talk
        self._address, self._port, self._journal, self._enrolment, self._gate = address, port, journal, enrolment, gate
        self._rules: Rules | None = None
        self._access: Access | None = None
        self._acceptor = Acceptor(self._arrived, "front: our error", self._short)
        self._half_open: Counter[str] = Counter()
        self._connections: dict[_Connection, None] = {}  # in the order of their coming
        self._minute = self._logged = 0
        self._refused: OrderedDict[tuple[str, str], Refused] = OrderedDict()

    async def start(self) -> None:
        """Listen. Raises EngineError when the port cannot be had."""
        listener = socket.socket(family_of(self._address), socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setblocking(False)
            listener.bind((self._address, self._port))
            listener.listen(BACKLOG)
        except OSError as error:
            listener.close()
            raise EngineError(
                f"the cluster port {self._address}:{self._port} cannot be had: {error.strerror}"
            ) from error
        self._acceptor.open(listener)

    async def stop(self) -> None:
        self._acceptor.close()
        await end(self._acceptor.tasks)

    def follow(self, rules: Rules | None) -> None:
        """Apply rules; connections that no longer qualify are dropped at once."""
        old, self._rules = self._rules, rules
        for connection in tuple(self._connections):
            if rules is None or old is None or not _qualifies(connection, old, rules):
                connection.transport.abort()

    def store(self, access: Access | None) -> None:
        """Where our store listens now; None while it does not run."""
        self._access = access

    def refusals(self) -> tuple[Refused, ...]:
        """The causes of the last refusals, newest last."""
        return tuple(self._refused.values())

    def connected(self) -> frozenset[int]:
        """The peers that have come in."""
        return frozenset(connection.number for connection in self._connections)

    def addresses(self) -> dict[int, str]:
        """Where the peers that have come in come from."""
        return {connection.number: connection.ip for connection in self._connections}

    def _short(self, error: OSError) -> None:
        self._journal.module("developer.cluster.front", "ERROR", f"cannot accept connections: {error.strerror}")

    def _arrived(self, ip: str) -> Attend | None:
        """Refuse a connection before it costs anything, or say how it is served."""
        rules = self._rules
        reason = "this peer is in no cluster"
        if rules is not None:
            reason = "" if rules.knows(ip) else "not a member: no configured peer has this address"
        if not reason and self._half_open[ip] >= HALF_OPEN_PER_ADDRESS_MAX:
            reason = "too many unfinished handshakes from this address"
        if not reason and self._half_open.total() >= HALF_OPEN_MAX:
            reason = "too many unfinished handshakes"
        if rules is None or reason:
            self._refuse(ip, reason)
            return None
        self._half_open[ip] += 1
        return partial(self._serve, ip, rules)

    async def _serve(self, ip: str, rules: Rules, sock: socket.socket) -> None:
        """One connection, from the handshake to its end."""
        connection: _Connection | None = None
        store: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        try:
            try:
                async with asyncio.timeout(HANDSHAKE_LIMIT_S):
                    connection, reader, writer = await self._admit(sock, ip, rules)
                    if self._talk is None:
                        store = await self._open_store()
            finally:
                self._half_open[ip] -= 1
                if self._half_open[ip] <= 0:
                    del self._half_open[ip]
            if self._talk is not None:
                return await self._talk(connection.number, reader, writer)
            assert store is not None
            gate = self._gate(connection.number)
            await asyncio.gather(_pump(reader, store[1], gate), _pump(store[0], writer, gate))
        except NotAdmitted as refusal:
            self._refuse(ip, refusal.reason, tell=refusal.tell)
        except TimeoutError:
            self._refuse(ip, f"handshake took longer than {HANDSHAKE_LIMIT_S:g} s")
        finally:
            if connection is not None:
                self._connections.pop(connection, None)
                connection.transport.abort()
            if store is not None:  # a pump that was ended before its first turn did not
                store[1].transport.abort()

    async def _admit(
        self, sock: socket.socket, ip: str, rules: Rules
    ) -> tuple[_Connection, asyncio.StreamReader, asyncio.StreamWriter]:
        numbers = [number for number, (_, known) in rules.members.items() if known == ip]
        try:
            await self._gate(numbers[0]).passed()
        except BaseException:  # cancelled
            sock.close()
            raise
        reader, writer = await self._secure(sock, rules)
        try:
            number, verified = await self._prove(reader, writer, ip, rules)
        except NotAdmitted:
            writer.transport.close()  # so that a refusal still reaches the caller
            raise
        except BaseException:  # cancelled as well: the connection must not outlive the attempt
            writer.transport.abort()
            raise
        connection = _Connection(number, ip, verified, writer.transport)
        self._enter(connection, rules)
        return connection, reader, writer

    async def _secure(self, sock: socket.socket, rules: Rules) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Speak TLS with a caller; under Enforce, OpenSSL looks at its certificate."""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        complaints: list[ssl.SSLError] = []
        tls.complaints.set(complaints)
        try:
            return await stream(sock, rules.context, limit=STREAM_BYTES_MAX, handshake_s=HANDSHAKE_LIMIT_S, end_s=1)
        except OSError as error:
            known = next((one for one in (error, *complaints) if isinstance(one, ssl.SSLError)), None)
            why = tls.sentence(known) if known is not None else "the caller closed the connection"
            # A peer that hangs up before TLS looked whether the port can be reached (checks.py): counted, not told.
            raise NotAdmitted(f"TLS: {why}", tell=known is not None) from error

    def _enter(self, connection: _Connection, rules: Rules) -> None:
        now = self._rules
        if now is None or (now is not rules and not _qualifies(connection, rules, now)):
            connection.transport.abort()
            raise NotAdmitted("cluster settings changed during the handshake")
        same = [one for one in self._connections if one.number == connection.number]
        if len(same) >= CONNECTIONS_PER_PEER_MAX:
            connection.transport.abort()
            raise NotAdmitted("too many connections of this peer")
        self._connections[connection] = None

    async def _prove(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ip: str, rules: Rules
    ) -> tuple[int, bool]:
        """Hear who it is and have it proved; gives the peer's number and whether it has verified us."""
        chain = chain_of(writer.get_extra_info("ssl_object"))
        said: list[Hello] = []

        def admit(hello: Hello) -> Refusal | None:
            said.append(hello)
            return self._why_not(hello, ip, chain, rules)

        callee = Callee(
            fingerprint=rules.fingerprint,
            key=rules.key,
            nonce=secrets.token_bytes(NONCE_BYTES),
            password=self._access.peer_password if self._access is not None else "",
            admit=admit,
            vouch=lambda fingerprint: self._enrolment.may_grant(rules.number_of(said[0].caller), fingerprint),
            grant=self._enrolment.grant,
        )
        try:
            writer.write(encode(callee.challenge))
            while True:
                for step in callee.receive(await read_message(reader)):
                    match step:
                        case Send(message):
                            writer.write(encode(message))
                        case HandedOver(fingerprint):
                            self._enrolment.handed_over(rules.number_of(said[0].caller), fingerprint)
                        case Proved(caller):
                            return rules.number_of(caller), said[0].verified
                        case Failed(reason):
                            raise NotAdmitted(reason)
        except BadMessage as error:
            raise NotAdmitted(f"not a peer: {error}") from error
        except (asyncio.IncompleteReadError, OSError) as error:
            raise NotAdmitted("the caller closed the connection during the proof") from error

    def _why_not(self, hello: Hello, ip: str, chain: Sequence[bytes], rules: Rules) -> Refusal | None:
        number = rules.number_of(hello.caller)
        if not number:
            return Refusal(reason=f"not a member: {_shown(hello.caller)} is not in this peer's list")
        if hello.callee.lower() != rules.name.lower():
            return Refusal(reason=f"this peer is {rules.name} in its own list, not {_shown(hello.callee)}")
        if self._access is None and self._talk is None:
            return Refusal(reason="its store is starting")
        expected = rules.members[number][1]
        if expected != ip and (rules.enforce or hello.enrols):
            return Refusal(reason=f"{hello.caller} resolves to {expected or 'nothing'} here, but came from {ip}")
        if rules.enforce and (problem := certificates.mismatch(next(iter(chain), b""), hello.caller)):
            return Refusal(reason=problem)
        if rules.enforce and (problem := rules.revocations.why(chain)):
            return Refusal(reason=problem)
        if rules.enforce and not hello.verified:
            return Refusal(reason="this peer enforces TLS verification", enforced=True)
        if hello.enrols and (why := self._enrolment.may_hand_over(number)):
            return Refusal(reason=why)
        return None

    async def _open_store(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            assert self._access is not None
            reader, writer = await asyncio.open_connection("127.0.0.1", self._access.port, limit=STREAM_BYTES_MAX)
        except (OSError, AssertionError) as error:
            raise NotAdmitted("its store is starting") from error
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return reader, writer

    def _refuse(self, ip: str, reason: str, *, tell: bool = True) -> None:
        cause = (ip, reason)
        before = self._refused.pop(cause, None)
        count = before.count + 1 if before is not None else 1
        self._refused[cause] = Refused(ip=ip, reason=reason, count=count, last_at=asyncio.get_running_loop().time())
        if len(self._refused) > REFUSALS_KEPT:
            self._refused.popitem(last=False)
        minute = int(asyncio.get_running_loop().time() // 60)
        if minute != self._minute:
            self._minute, self._logged = minute, 0
        if tell and count % LOG_EVERY == 1 and self._logged < LOGGED_PER_MINUTE_MAX:
            self._logged += 1
            self._journal.module(
                "network.cluster",
                "WARN",
                f"{ip}: refused on the {'cluster' if self._talk is None else 'recovery'} port: {reason}",
                Count=str(count),
            )


def _shown(text: str) -> str:
    """Show what a stranger sent without letting it write lines of its own."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:60])


class NotAdmitted(Exception):
    """A connection is not let in; the text says why."""

    def __init__(self, reason: str, *, tell: bool = True) -> None:
        super().__init__(reason)
        self.reason, self.tell = reason, tell


def _qualifies(connection: _Connection, old: Rules, new: Rules) -> bool:
    same = (old.key, old.fingerprint, old.trust, old.name) == (new.key, new.fingerprint, new.trust, new.name)
    if not same or old.members.get(connection.number) != new.members.get(connection.number):
        return False
    return old.enforce or not new.enforce  # what came in under Permissive was not verified


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, gate: Gate) -> None:
    try:
        while data := await source.read(CHUNK_BYTES):
            await gate.passed()
            sink.write(data)
            await sink.drain()
    except OSError:
        return  # one side is gone; the other one follows
    finally:
        sink.transport.abort()
