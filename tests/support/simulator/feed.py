"""One peer's copy of another's rows: drives the real link and mirror over the played network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from sextet.cluster.wire import link as links
from sextet.cluster.wire import mirror as mirrors
from sextet.cluster.wire.link import Link, State, Target
from sextet.cluster.wire.mirror import Delivery, Mirror, StoreInfo
from tests.support.memory_bucket import MemoryBucket, MemoryConsumer
from tests.support.simulator.clock import Clock, Deed
from tests.support.simulator.network import Lane, Network

HEARTBEAT_S = 0.5  # engines.md: idle_heartbeat of the push consumer


@dataclass(eq=False)
class Session:
    """One connection of a feed to the other peer's store."""

    network: Network
    reader: int
    owner: int
    attempt: int
    open: bool = True
    told: bool = False
    consumer: MemoryConsumer | None = None
    there: Lane = field(default_factory=Lane)
    back: Lane = field(default_factory=Lane)

    def ask(self, deed: Deed) -> None:
        self.network.send(self.reader, self.owner, lambda: deed() if self.open else None, self.there)

    def answer(self, deed: Deed) -> None:
        self.network.send(self.owner, self.reader, lambda: deed() if self.open else None, self.back)


class Owner(Protocol):
    """The other peer's process as a feed sees it."""

    @property
    def bucket(self) -> MemoryBucket: ...

    @property
    def cluster(self) -> str: ...

    def serve(self, session: Session, feed: Feed) -> None: ...


class Reader(Protocol):
    """The process that a feed belongs to."""

    number: int
    clock: Clock
    network: Network

    @property
    def cluster(self) -> str: ...

    def owner(self, number: int) -> Owner | None: ...

    def later(self, delay_s: float, deed: Deed) -> None: ...

    def row_changed(self, number: int, key: str, value: bytes | None) -> None: ...

    def link_changed(self, number: int, state: State, reason: str) -> None: ...


class Feed:
    """What peer_link.py does, without sockets."""

    def __init__(self, reader: Reader, number: int, dice: Callable[[], float]) -> None:
        self.number = number
        self.mirror = Mirror()
        self.link = Link(dice, reader.clock.now)
        self._reader = reader
        self._session: Session | None = None
        self._timer: float | None = None

    def configure(self, target: Target | None) -> None:
        self._carry_out(self.link.receive(links.Configured(target), self._now))

    def delivered(self, session: Session, deliveries: list[Delivery]) -> None:
        self.link.heard(self._now)
        for delivery in deliveries:
            self._take(session, self.mirror.deliver(delivery))

    def heartbeat(self, session: Session, sent: int) -> None:
        self.link.heard(self._now)
        self._take(session, self.mirror.heartbeat(sent))
        self._arm()

    def lost(self, session: Session, reason: str) -> None:
        self._carry_out(self.link.receive(links.Lost(session.attempt, reason), self._now))

    def close(self) -> None:
        """Its process is gone."""
        if self._session:
            self._session.open = False

    @property
    def _now(self) -> float:
        return self._reader.clock.now

    def _take(self, session: Session, effects: list[mirrors.Effect]) -> None:
        for effect in effects:
            if not session.open:
                return
            match effect:
                case mirrors.Changed(key, value):
                    self._reader.row_changed(self.number, key, value)
                case mirrors.Synchronised():
                    self._carry_out(self.link.receive(links.Synchronised(session.attempt), self._now))
                case mirrors.Beaten():
                    self._carry_out(self.link.receive(links.Beaten(session.attempt), self._now))
                    if self.mirror.synchronised and self.link.state is State.SYNCHRONISING:
                        self._carry_out(self.link.receive(links.Synchronised(session.attempt), self._now))
                case mirrors.Broken(reason):
                    self.lost(session, reason)

    def _carry_out(self, effects: list[links.Effect]) -> None:
        for effect in effects:
            match effect:
                case links.Dial(attempt=attempt):
                    self._session = Session(self._reader.network, self._reader.number, self.number, attempt)
                    self._dial(self._session)
                case links.Attach():
                    assert self._session
                    self._attach(self._session)
                case links.Abort():
                    if self._session:
                        self._session.open = False
                case links.Report(state, reason):
                    if state is State.DOWN:
                        self.mirror.detach(self._now)
                    self._reader.link_changed(self.number, state, reason)
        self._arm()

    def _dial(self, session: Session) -> None:
        def arrived() -> None:
            owner = self._reader.owner(self.number)
            why = "connection refused" if owner is None else ""
            if owner and owner.cluster != self._reader.cluster:
                why = "refused: not a member"
            session.answer(lambda: self.lost(session, why) if why else connected())

        def connected() -> None:
            self._carry_out(self.link.receive(links.Connected(session.attempt), self._now))

        session.ask(arrived)

    def _attach(self, session: Session) -> None:
        def asked() -> None:
            owner = self._reader.owner(self.number)
            if owner:
                info = owner.bucket.info
                session.answer(lambda: told(info))

        def told(info: StoreInfo) -> None:
            if not session.told:
                session.told = True
                start = self.mirror.attach(info, self._now)
                session.ask(lambda: consume(start, info))

        def consume(start: int | None, info: StoreInfo) -> None:
            owner = self._reader.owner(self.number)
            if owner and session.consumer is None and owner.bucket.info.identity == info.identity:
                session.consumer = owner.bucket.consume(start)
                expected = session.consumer.expected
                session.answer(lambda: expect(expected))
                owner.serve(session, self)

        def expect(count: int) -> None:
            self.link.heard(self._now)
            self._take(session, self.mirror.expect(count))

        session.ask(asked)

    def _arm(self) -> None:
        due = self.link.next_timer()
        if due is not None and (self._timer is None or due < self._timer):
            self._timer = due
            self._reader.later(max(0.0, due - self._now), lambda: self._ring(due))

    def _ring(self, due: float) -> None:
        if self._timer == due:
            self._timer = None
            self._carry_out(self.link.tick(self._now))
