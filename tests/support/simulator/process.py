"""One run of one peer's process: what peer.py does with the real authority, books and alarms, without asyncio."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sextet.cluster.configuration import primary
from sextet.cluster.configuration.history import Version, from_row, to_row
from sextet.cluster.configuration.primary import Authority
from sextet.cluster.configuration.revisions import Membership, StoreLost
from sextet.cluster.rows import books
from sextet.cluster.rows.alarms import Alarms
from sextet.cluster.rows.calls import CallBook
from sextet.cluster.rows.registrations import Book
from sextet.cluster.wire.link import State, Target
from sextet.cluster.wire.mirror import BEAT, EPOCH, SUM, Checksum
from sextet.model.alarms import COMMUNICATION_FAILURE
from sextet.model.status import Alarm, Binding, Call, Registration, Stamp
from sextet.model.status import from_row as row_from
from sextet.model.status import to_row as row_to
from tests.support.memory_bucket import MemoryBucket
from tests.support.memory_store import MemoryStore
from tests.support.simulator.clock import Clock, Deed
from tests.support.simulator.engine import Engine
from tests.support.simulator.feed import HEARTBEAT_S, Feed, Session
from tests.support.simulator.network import Network

ENGINE_S = 0.001  # an event of an engine on its way
DISK_S = 0.01  # a commit that waits for the disk
REPUBLISH_S = 0.1  # far too slow for a real server, so that many see a half-filled store
BEAT_S = 1.0
SUM_S = 2.0
LOCATED_S = 3.0  # after a start engines keep what they knew until the mirrors had time to come


class Witness(Protocol):
    """Who checks that nothing is broken."""

    def written(self, number: int, key: str, value: bytes | None) -> None: ...

    def mirrored(self, reader: int, owner: int, key: str, value: bytes | None) -> None: ...

    def stored(self, number: int, version: Version) -> None: ...

    def asked(self, parent: Stamp, version: Version, event: primary.Event) -> None: ...

    def acknowledged(self, number: int, version: Version) -> None: ...

    def crashed(self, number: int) -> None: ...


@dataclass
class Host:
    """What is there while the process is not: disk, engine, the place in the list."""

    number: int
    store: MemoryStore
    engine: Engine
    process: Process | None = None
    peers: bool = True  # whether its peer list is filled
    named: int = 1  # its configuration primary (†)


@dataclass
class World:
    """What a process runs in."""

    clock: Clock
    dice: random.Random
    network: Network
    hosts: Mapping[int, Host]
    witness: Witness


@dataclass
class Silent:
    """A journal that nobody reads."""

    lines: list[str] = field(default_factory=list)

    def event(self, event: str, /, **fields: str) -> None: ...

    def module(self, module: str, level: str, detail: str, /, **fields: str) -> None: ...


class Process:
    """Lives from a start to a crash; what it knew is gone with it."""

    def __init__(self, world: World, host: Host) -> None:
        self.number = host.number
        self.clock, self.network = world.clock, world.network
        self.bucket = MemoryBucket()
        self.rows: dict[str, bytes] = {}
        self._world, self._host = world, host
        self._store, self._engine = host.store, host.engine
        self._sessions: list[tuple[Session, Feed]] = []
        self._sum, self._newest = Checksum(), 0
        self._pumping = False
        self._acknowledge: dict[Stamp, Version] = {}
        self._links_down: dict[str, str] = {}
        self.authority = Authority(
            self._store.peer_id,
            cluster=self._store.membership().cluster,
            head=self._store.head(),
            held=self._store.held(),
            highest_term=self._store.highest_term(),
        )
        self.book, self.calls = Book(host.number), CallBook()
        self.alarms = Alarms(Silent(), self._put_alarm, lambda name: self.drop(f"alarm.{name}"), self._now)
        self.applied = self.authority.head
        others = [number for number in world.hosts if number != host.number]
        self.feeds = {number: Feed(self, number, world.dice.random) for number in others}

    @property
    def cluster(self) -> str:
        return self.authority.cluster

    @property
    def alive(self) -> bool:
        return self._host.process is self

    def start(self) -> None:
        self._engine.host = self
        self._do_authority(self.authority.start())
        self.configure()
        self._do_books([*self.book.picture(self._engine.picture(), self._now())])
        self._do_books(self.calls.picture(list(self._engine.calls.values())))
        self._publish_epoch()
        self.later(0.0, self._beat)
        self.later(SUM_S, self._total)
        self.later(LOCATED_S, lambda: self._engine.locate(self.book.located(), complete=True))

    def crash(self) -> None:
        """Be gone, in the middle of whatever it was."""
        self._host.process = self._engine.host = None
        self._world.witness.crashed(self.number)
        self._close_sessions("connection closed")
        for feed in self.feeds.values():
            feed.close()

    def later(self, delay_s: float, deed: Deed) -> None:
        self.clock.later(delay_s, lambda: deed() if self.alive else None)

    def owner(self, number: int) -> Process | None:
        return self._world.hosts[number].process

    # Operators

    def configure(self) -> None:
        """Follow the † settings: the peer list and the configuration primary."""
        named = self._host.named
        event = primary.Configured(peers=self._host.peers, named=named == self.number, primary=f"peer{named}")
        self.ask(event)
        self._configure_links()

    def ask(self, event: primary.Event) -> None:
        """Do what an administrator wants; acknowledged when it is stored."""
        head = self.authority.head.stamp
        effects = self.authority.receive(event, self._now())
        for effect in effects:
            if isinstance(effect, primary.Store) and not isinstance(event, primary.Joined):
                self._acknowledge[effect.version.stamp] = effect.version
                self._world.witness.asked(head, effect.version, event)
        self._do_authority(effects)

    def enrol(self, cluster: str) -> None:
        self._store.join(Membership(cluster=cluster, key=b"key"))
        self.ask(primary.Joined(cluster))
        self._configure_links()

    # Its engine

    def registered(self, alias: str, bindings: Sequence[Binding]) -> None:
        self.later(ENGINE_S, lambda: self._do_books(self.book.registered(alias, bindings, self._now())))

    def call_changed(self, call: Call) -> None:
        self.later(ENGINE_S, lambda: self._do_books(self.calls.changed(call)))

    def call_ended(self, call_id: str) -> None:
        self.later(ENGINE_S, lambda: self._do_books(self.calls.ended(call_id)))

    def look(self) -> None:
        """There was a gap in the engine's events: take its whole picture, behind the events that are on their way."""

        def looked() -> None:
            self._do_books(self.book.picture(self._engine.picture(), self._now()))
            self._do_books(self.calls.picture(list(self._engine.calls.values())))

        self.later(ENGINE_S, looked)

    # Its rows

    def put(self, key: str, value: bytes) -> None:
        if key[0] != "_":
            self._sum.change(key, self.rows.get(key), value)
            self.rows[key] = value
            self._world.witness.written(self.number, key, value)
        sequence = self.bucket.put(key, value)
        self._newest = sequence if key[0] != "_" else self._newest
        self._pump_soon()

    def drop(self, key: str) -> None:
        self._sum.change(key, self.rows.pop(key), None)
        self._world.witness.written(self.number, key, None)
        self._newest = self.bucket.drop(key)
        self._pump_soon()

    def lose_rows(self) -> None:
        """The server with the rows was killed and is back, empty: publish all again."""
        self.bucket.lose()
        self._close_sessions("connection closed")
        self._publish_again(list(self.rows), self.bucket.info.identity)

    def serve(self, session: Session, feed: Feed) -> None:
        self._sessions.append((session, feed))
        self._heartbeat(session, feed)
        self._pump_soon()

    # What the feeds bring

    def row_changed(self, number: int, key: str, value: bytes | None) -> None:
        self._world.witness.mirrored(self.number, number, key, value)
        kind, _, name = key.partition(".")
        if kind == "config" and value is not None:
            event = primary.Seen(f"peer{number}", from_row(value))
            self._do_authority(self.authority.receive(event, self._now()))
        elif kind == "reg":
            row = None if value is None else row_from(Registration, value)
            self._do_books(self.book.row(number, name, row))

    def link_changed(self, number: int, state: State, reason: str) -> None:
        if state is State.LIVE:
            self.book.peer_live(number)
        if state in (State.LIVE, State.DISABLED):
            self._links_down.pop(f"peer{number}", None)
        elif state is State.DOWN:
            self._links_down[f"peer{number}"] = reason
        self.alarms.set_all(COMMUNICATION_FAILURE, self._links_down)

    # Effects

    def _do_authority(self, effects: Sequence[primary.Effect]) -> None:
        for effect in effects:
            match effect:
                case primary.Store():
                    self.later(DISK_S * self._world.dice.random(), lambda e=effect: self._commit(e))  # type: ignore[misc]
                case primary.Publish(version):
                    self.put("config", to_row(version))
                case primary.Apply(version):
                    self.applied = version
                case primary.Leave():
                    self._store.join(Membership())
        due = self.authority.next_timer()
        if due is not None:
            self.later(max(0.0, due - self._now()), self._tick)

    def _tick(self) -> None:
        self._do_authority(self.authority.tick(self._now()))

    def _commit(self, storing: primary.Store) -> None:
        version, key = storing.version, Membership(cluster=storing.version.cluster, key=b"key")
        answer: primary.Stored | primary.NotStored
        try:
            self._store.add(version, storing.aside, key if version.cluster and not self.cluster else None)
            self._world.witness.stored(self.number, version)
            answer = primary.Stored(version.stamp)
        except StoreLost as error:
            answer = primary.NotStored(version.stamp, str(error))
        self.later(DISK_S * self._world.dice.random(), lambda: self._committed(answer))

    def _committed(self, answer: primary.Stored | primary.NotStored) -> None:
        self._do_authority(self.authority.receive(answer, self._now()))
        mine = self._acknowledge.pop(answer.stamp, None)
        if mine and isinstance(answer, primary.Stored):
            self._world.witness.acknowledged(self.number, mine)
        self._configure_links()

    def _do_books(self, effects: Sequence[books.Effect]) -> None:
        for effect in effects:
            match effect:
                case books.PutRow(kind, name, row):
                    self.put(f"{kind}.{name}", row_to(row))
                case books.DropRow(kind, name):
                    self.drop(f"{kind}.{name}")
                case books.Locate(owners):
                    self._engine.locate(owners)
                case books.Release(alias, device):
                    self.clock.later(ENGINE_S, _dropper(self._engine, alias, device))

    def _put_alarm(self, name: str, alarm: Alarm) -> None:
        self.put(f"alarm.{name}", row_to(alarm))

    def _configure_links(self) -> None:
        for number, feed in self.feeds.items():
            member = self._host.peers and self.cluster
            feed.configure(
                Target(name=f"peer{number}", ip="", verify=False, credentials=self.cluster) if member else None
            )

    # Sending

    def _pump_soon(self) -> None:
        if not self._pumping:
            self._pumping = True
            self.later(0.0, self._pump)

    def _pump(self) -> None:
        self._pumping = False
        self._sessions = [(session, feed) for session, feed in self._sessions if session.open]
        for session, feed in self._sessions:
            assert session.consumer
            for delivery in session.consumer.next():
                session.answer(lambda s=session, f=feed, d=delivery: f.delivered(s, [d]))  # type: ignore[misc]

    def _heartbeat(self, session: Session, feed: Feed) -> None:
        if session.open and session.consumer and session.consumer.alive:
            sent = session.consumer.sent
            session.answer(lambda: feed.heartbeat(session, sent))
            self.later(HEARTBEAT_S, lambda: self._heartbeat(session, feed))

    def _close_sessions(self, reason: str) -> None:
        for session, feed in self._sessions:
            if session.open:
                session.answer(_loser(session, feed, reason))
        self._sessions.clear()

    def _publish_again(self, keys: list[str], identity: str) -> None:
        """One row after the other: a mirror that attaches meanwhile must not believe that the rest is gone."""
        if identity != self.bucket.info.identity:
            return
        if not keys:
            self._publish_epoch()
            return
        if keys[0] in self.rows:
            self._newest = self.bucket.put(keys[0], self.rows[keys[0]])
            self._pump_soon()
        self.later(REPUBLISH_S, lambda: self._publish_again(keys[1:], identity))

    def _publish_epoch(self) -> None:
        self.put(EPOCH, self.bucket.info.epoch.encode())

    def _beat(self) -> None:
        self.put(BEAT, b"")
        self.later(BEAT_S, self._beat)

    def _total(self) -> None:
        self.put(SUM, self._sum.row(self._newest))
        self.later(SUM_S, self._total)

    def _now(self) -> float:
        return self.clock.now


def _dropper(engine: Engine, alias: str, device: str) -> Deed:
    return lambda: engine.drop(alias, device)


def _loser(session: Session, feed: Feed, reason: str) -> Callable[[], None]:
    return lambda: feed.lost(session, reason)
