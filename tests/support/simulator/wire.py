"""What a peer's links have instead of sockets: the real front, dial, proof and links over the played network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any, Protocol, cast

from sextet.cluster.configuration.history import Version
from sextet.cluster.trust import certificates
from sextet.cluster.trust.revocation import NONE
from sextet.cluster.wire.dial import Credentials, DialFailed, Observer, prove
from sextet.cluster.wire.enrolment import Enrolment
from sextet.cluster.wire.front import Front, NotAdmitted, Rules
from sextet.cluster.wire.link import Target
from sextet.cluster.wire.links import Links, Material, Membership, Wire
from sextet.cluster.wire.nats_server import Access
from sextet.cluster.wire.peer_link import Callbacks
from sextet.cluster.wire.proof import derive
from sextet.cluster.wire.session import Gate, Session, SessionLost
from sextet.ending import end
from tests.support.memory_store import MemoryStore
from tests.support.simulator.loop import Life, Loop
from tests.support.simulator.network import End, Lane, Network, Papers
from tests.support.simulator.rows import OwnSession, RemoteSession, RowServer, Witness

REFUSED = "the peer's certificate is not accepted"
SERVER_AGAIN_S = 0.5  # a nats-server that died is started again


@dataclass(frozen=True)
class Context:
    """What is left of an SSL context: does it verify?"""

    verifies: bool


class Watcher(Witness, Protocol):
    """Who checks what links do."""

    def on_the_wire(self, end: End, data: bytes) -> None: ...

    def entered(self, end: End) -> None: ...

    def reached(self, end: End, verify: bool) -> None: ...

    def stored(self, number: int, store: MemoryStore, version: Version) -> None: ...

    def lost_write(self, number: int, store: MemoryStore) -> None: ...

    def given_up(self, store: MemoryStore) -> None: ...

    def mirrored(self, reader: int, owner: str, key: str, value: bytes | None) -> None: ...


class Host(Protocol):
    """The machine that links belong to."""

    number: int
    papers: Papers
    ends: list[End]
    front: PlayedFront | None
    server: RowServer | None

    @property
    def address(self) -> str: ...


class Machines(Protocol):
    """All machines."""

    loop: Loop
    network: Network
    watcher: Watcher

    def at(self, ip: str) -> Host | None: ...


def made_links(world: Machines, host: Host, life: Life, **arguments: Any) -> Links:
    """Make what Outside.links makes."""
    wire = Wire(
        front=partial(PlayedFront, host, life),
        server=partial(PlayedServer, world, host, life),
        dial=partial(dial, world, host, life),
        login=partial(login, world, host),  # type: ignore[arg-type]
    )
    arguments["recovery"] = None
    return PlayedLinks(world, host, wire=wire, **arguments)


class PlayedLinks(Links):
    """Links whose certificates are in memory."""

    def __init__(self, world: Machines, host: Host, *, callbacks: Callbacks, **arguments: Any) -> None:
        def row(number: int, key: str, value: bytes | None) -> None:
            world.watcher.mirrored(host.number, self._others().get(number, ""), key, value)
            callbacks.row(number, key, value)

        told = Callbacks(row=row, state=callbacks.state, differs=callbacks.differs)
        super().__init__(callbacks=told, dice=world.network.dice.random, **arguments)
        self._host = host

    async def _read(self, membership: Membership) -> Material:
        papers, name = self._host.papers, membership.peers[membership.number - 1]
        key = await asyncio.to_thread(derive, membership.key) if membership.key else b""
        credentials = Credentials(
            name=name, address=self._host.address, port=4372,
            permissive=cast(Any, Context(False)), enforcing=cast(Any, Context(True)),
            certificate=papers.der, private_key=papers.key, key=key,
            digest=sha256(b"\0".join((papers.der, key, name.encode()))).hexdigest(), revocations=NONE,
        )  # fmt: skip
        rules = Rules(
            name=name, members={}, enforce=membership.enforce,
            context=cast(Any, Context(membership.enforce)), fingerprint=certificates.fingerprint(papers.der), key=key,
        )  # fmt: skip
        return Material(credentials=credentials, rules=rules, trusted=(), revocations=NONE)

    def _line(self, link: object, name: str) -> str:
        return ""


class PlayedFront(Front):
    """The front on a played port."""

    def __init__(self, host: Host, life: Life, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._host, self.life = host, life

    async def start(self) -> None:
        self._host.front = self

    async def stop(self) -> None:
        await end(self._acceptor.tasks)
        self._host.front = None

    def arrived(self, here: End, ip: str) -> None:
        """Take a connection."""
        self._acceptor.take(cast(Any, here), ip)

    async def _secure(self, sock: Any, rules: Rules) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        here: End = sock
        assert here.peer
        if cast(Any, rules.context).verifies and here.peer.papers.fault:
            here.abort()
            raise NotAdmitted(f"TLS: {here.peer.papers.fault}")
        return here.reader, cast(Any, here)

    def _enter(self, connection: Any, rules: Rules) -> None:
        super()._enter(connection, rules)
        here = connection.transport
        if here.entered:
            here.entered(here)

    async def _open_store(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        server = self._host.server
        if server is None or not server.alive:
            raise NotAdmitted("its store is starting")
        local = asyncio.StreamReader()
        server.locals.append(local)
        return local, cast(Any, _Local(local))


class _Local:
    """The front's way to its own store, on which nothing is said here: it ends with either side."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    @property
    def transport(self) -> _Local:
        return self

    def write(self, data: bytes) -> None: ...

    async def drain(self) -> None: ...

    def abort(self) -> None:
        self._reader.feed_eof()


class PlayedServer:
    """What nats_server.NatsServer is, without a process."""

    def __init__(
        self,
        world: Machines,
        host: Host,
        life: Life,
        *,
        up: Callable[[Access], None],
        down: Callable[[str], None],
        **arguments: Any,
    ) -> None:
        self._world, self._host, self._life, self._up, self._down = world, host, life, up, down
        self._starts = 0

    async def start(self) -> None:
        self._start()

    async def stop(self) -> None:
        if self._host.server:
            self._host.server.die()

    def kill(self) -> None:
        """Die, and be started again."""
        if self._host.server and self._host.server.alive:
            self._host.server.die()
            self._life.enter(lambda: self._down("nats-server ended (killed); it is started again"))
            self._world.loop.later(SERVER_AGAIN_S, lambda: self._life.enter(self._start))

    def _start(self) -> None:
        self._starts += 1
        access = Access(port=self._starts, own_password="own", peer_password=f"peer {self._starts}")
        self._host.server = RowServer(self._world.loop, self._host.number, self._life, access, self._world.watcher)
        self._host.server.kill = self.kill
        self._up(access)


async def login(world: Machines, host: Host, access: Access, name: str, lost: Callable[[str], None]) -> OwnSession:
    """Open the own store."""
    if host.server is None or not host.server.alive:
        raise SessionLost("connection refused")
    return OwnSession(world.loop, host.server, lost)


async def dial(
    world: Machines,
    host: Host,
    life: Life,
    number: int,
    target: Target,
    verify: bool,
    own: Credentials,
    enrolment: Enrolment,
    gate: Gate,
    observer: Observer,
) -> Session:
    """Reach another peer's store; what dial.dial does, with the real proof."""
    here = await _connect(world, host, life, target.ip)
    try:
        observer.stage("TLS")
        assert here.peer
        papers = here.peer.papers
        context = own.enforcing if verify else own.permissive
        if cast(Any, context).verifies and papers.fault:
            observer.line(f"Invalid ({papers.fault})")
            raise DialFailed(f"TLS: {REFUSED}: {papers.fault}")
        observer.chain([papers.der])
        if cast(Any, context).verifies and (problem := certificates.mismatch(papers.der, target.name)):
            raise DialFailed(f"TLS: {problem}")
        observer.stage("proof of the cluster key")
        password = await prove(here.reader, cast(Any, here), number, target, verify, own, enrolment)
        world.watcher.reached(here, verify)
        observer.stage("login to the peer's store")
        there = world.at(target.ip)
        assert there
        session = RemoteSession(here, lambda: there.server, observer.lost)
        try:
            await session.login(password)
        except SessionLost as error:
            raise DialFailed(f"the peer's store: {error}") from error
        return cast(Session, session)
    except BaseException:
        here.abort()
        raise


async def _connect(world: Machines, host: Host, life: Life, ip: str) -> End:
    there = world.at(ip)
    future: asyncio.Future[End] = world.loop.create_future()
    if there is None:
        return await future  # nobody has this address: no answer
    lane = Lane()

    def answer(deed: Callable[[], None]) -> None:
        world.network.stream(there.number, host.number, lambda: life.enter(deed) if not future.done() else None, lane)

    def arrived() -> None:
        front = there.front
        if front is None or not front.life.alive:
            answer(lambda: future.set_exception(DialFailed(f"connection refused by {ip} port 4372")))
            return
        caller = End(world.network, host.number, there.number, life, host.papers)
        callee = End(world.network, there.number, host.number, front.life, there.papers)
        caller.peer, callee.peer = callee, caller
        callee.sniffed = world.watcher.on_the_wire
        callee.entered = world.watcher.entered
        host.ends.append(caller)
        there.ends.append(callee)
        front.life.enter(lambda: front.arrived(callee, host.address))
        answer(lambda: future.set_result(caller))

    world.network.stream(host.number, there.number, arrived, lane)
    return await future
