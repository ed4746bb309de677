"""The nats-server of a host, and the sessions with it: its own application's, and those of other peers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from sextet.cluster.wire.mirror import Delivery, StoreInfo
from sextet.cluster.wire.nats_server import Access
from sextet.cluster.wire.session import HEARTBEAT_S, REQUEST_LIMIT_S, SessionLost
from tests.support.memory_bucket import MemoryBucket, MemoryConsumer
from tests.support.simulator.loop import Life, Loop
from tests.support.simulator.network import End

ACK_S = 0.0005  # a row is acknowledged on loopback


class Witness(Protocol):
    """Who checks what goes over the wire."""

    def written(self, owner: int, key: str, value: bytes | None) -> None: ...

    def sent(self, end: End) -> None: ...


@dataclass
class Message:
    """What nats-py hands over."""

    data: bytes
    subject: str = ""
    reply: str = ""
    headers: dict[str, str] = field(default_factory=dict)


Arrived = Callable[[Any], Awaitable[None]]


class RowServer:
    """Lives from a start to its death; `pending` rows are sent as soon as there are some."""

    def __init__(self, loop: Loop, number: int, life: Life, access: Access, witness: Witness) -> None:
        self.access = access
        self.alive = True
        self.bucket: MemoryBucket | None = None
        self.own: OwnSession | None = None
        self.waiting: dict[str, Callable[[bytes], None]] = {}
        self.locals: list[asyncio.StreamReader] = []  # the front's ways to it
        self._loop, self._number, self.life, self._witness = loop, number, life, witness
        self._consumers: list[tuple[RemoteSession, End, MemoryConsumer]] = []
        self._pumping = False
        self._asked = 0

    def die(self) -> None:
        """Be killed, with everything in memory."""
        self.alive = False
        if self.own:
            self.own.end("the connection is closed")
        for reader in self.locals:
            reader.feed_eof()

    def make(self) -> StoreInfo:
        if self.bucket is None:
            self.bucket = MemoryBucket()
        return self.bucket.info

    def info(self) -> StoreInfo:
        if not self.alive or self.bucket is None:
            raise SessionLost("the peer has not published its rows yet")
        return self.bucket.info

    def write(self, key: str, value: bytes | None) -> int:
        assert self.bucket is not None
        self._witness.written(self._number, key, value)
        sequence = self.bucket.drop(key) if value is None else self.bucket.put(key, value)
        if not self._pumping:
            self._pumping = True
            self._loop.later(0.0, self._pump)
        return sequence

    def consume(self, session: RemoteSession, here: End, start: int | None) -> int:
        self.info()
        assert self.bucket is not None
        consumer = self.bucket.consume(start)
        self._consumers.append((session, here, consumer))
        self._heartbeat(session, here, consumer)
        self._loop.later(0.0, self._pump)
        return consumer.expected

    def ask(self, subject: str, data: bytes, answer: Callable[[bytes], None]) -> None:
        arrived = self.own.listeners.get("rpc.>") if self.own and self.alive else None
        if arrived is None:
            raise SessionLost("no responders")
        self._asked += 1
        reply = f"_INBOX.{self._asked}"
        self.waiting[reply] = answer
        self.life.enter(lambda: _run(arrived(Message(data, subject, reply))))

    def _pump(self) -> None:
        self._pumping = False
        if not self.alive or not self.life.alive:
            return
        self._consumers = [one for one in self._consumers if one[1].open]
        for session, here, consumer in self._consumers:
            for delivery in consumer.next():
                self._witness.sent(here)
                here.show(_delivery(session, delivery))

    def _heartbeat(self, session: RemoteSession, here: End, consumer: MemoryConsumer) -> None:
        if here.open and self.alive and self.life.alive:
            sent = consumer.sent
            self._witness.sent(here)
            here.show(lambda: session.heartbeat(sent))
            self._loop.later(HEARTBEAT_S, lambda: self._heartbeat(session, here, consumer))


class OwnSession:
    """What session.Session is to a peer's own rows."""

    def __init__(self, loop: Loop, server: RowServer, lost: Callable[[str], None]) -> None:
        self.listeners: dict[str, Arrived] = {}
        self._loop, self._server, self._lost = loop, server, lost
        self._inboxes = 0
        server.own = self

    def end(self, reason: str) -> None:
        self._server.life.enter(lambda: self._lost(reason))

    async def make_store(self, most_bytes: int) -> StoreInfo:
        self._must_live()
        return self._server.make()

    def new_inbox(self) -> str:
        self._inboxes += 1
        return f"_INBOX.own{self._inboxes}"

    async def listen(self, subject: str, arrived: Arrived) -> None:
        self._must_live()
        self.listeners[subject] = arrived

    async def publish(self, key: str, value: bytes | None, reply: str) -> None:
        self._must_live()
        sequence = self._server.write(key, value)
        message = Message(json.dumps({"seq": sequence}).encode(), reply)
        arrived = self.listeners[reply.rpartition(".")[0] + ".*"]
        self._loop.call_later(ACK_S, lambda: _run(arrived(message)) if self._server.alive else None)

    async def purge(self, sequence: int) -> None:
        self._must_live()
        assert self._server.bucket
        self._server.bucket.purge(sequence)

    async def say(self, subject: str, data: bytes) -> None:
        self._must_live()
        self._server.waiting.pop(subject)(data)  # else nobody would ever hear it

    def abort(self) -> None:
        if self._server.own is self:
            self._server.own = None

    def _must_live(self) -> None:
        if not self._server.alive:
            raise SessionLost("the connection is closed")


class RemoteSession:
    """What session.Session is to a link: everything that is asked goes over the network."""

    def __init__(self, here: End, server: Callable[[], RowServer | None], lost: Callable[[str], None]) -> None:
        self._here, self._server, self._lost = here, server, lost
        self._waiting: set[asyncio.Future[Any]] = set()
        self._deliver: Callable[[Delivery], None] | None = None
        self._heartbeat: Callable[[int], None] | None = None
        self._heard: Callable[[], None] | None = None
        self._aborted = False
        here.on_end(self._ended)

    @property
    def usable(self) -> bool:
        return self._here.open

    async def login(self, password: str) -> None:
        def check(server: RowServer) -> None:
            if server.access.peer_password != password:
                raise SessionLost("authorization violation")

        await self._ask(check)

    async def store(self) -> StoreInfo:
        return await self._ask(RowServer.info)

    async def follow(
        self,
        start: int | None,
        deliver: Callable[[Delivery], None],
        heartbeat: Callable[[int], None],
        heard: Callable[[], None],
    ) -> int:
        self._deliver, self._heartbeat, self._heard = deliver, heartbeat, heard
        there = self._here.peer
        assert there is not None
        return await self._ask(lambda server: server.consume(self, there, start))

    async def round_trip_s(self) -> float:
        await self._ask(lambda server: None)
        return 0.0

    async def request(self, subject: str, data: bytes, limit_s: float) -> bytes:
        return await self._ask(None, limit_s, lambda server, answer: server.ask(subject, data, answer))

    def abort(self) -> None:
        self._aborted = True
        self._here.abort()

    def deliver(self, delivery: Delivery) -> None:
        if self._heard and self._deliver:
            self._heard()
            self._deliver(delivery)

    def heartbeat(self, sent: int) -> None:
        if self._heard and self._heartbeat:
            self._heard()
            self._heartbeat(sent)

    async def _ask(
        self,
        work: Callable[[RowServer], Any] | None,
        limit_s: float = REQUEST_LIMIT_S,
        talk: Callable[[RowServer, Callable[[bytes], None]], None] | None = None,
    ) -> Any:
        there = self._here.peer
        assert there is not None
        if not self._here.open:
            raise SessionLost("the connection is closed")
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)

        def answer(value: Any) -> None:
            there.ask(lambda: None if future.done() else future.set_result(value))

        def asked() -> None:
            try:
                server = self._server()
                if server is None or not server.alive:
                    return
                if talk:
                    talk(server, answer)
                elif work:
                    answer(work(server))
            except SessionLost as error:
                lost = error
                there.ask(lambda: None if future.done() else future.set_exception(lost))

        self._here.ask(asked)
        try:
            async with asyncio.timeout(limit_s):
                return await future
        except TimeoutError as error:
            raise SessionLost("no answer in time") from error
        finally:
            self._waiting.discard(future)

    def _ended(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_exception(SessionLost("the peer closed the connection"))
        if not self._aborted:
            self._lost("the peer closed the connection")


def _delivery(session: RemoteSession, delivery: Delivery) -> Callable[[], None]:
    return lambda: session.deliver(delivery)


def _run(work: Awaitable[None]) -> None:
    """Run to its end what only looks as if it waited."""
    assert isinstance(work, Coroutine)
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("a callback of a session waits for something")
