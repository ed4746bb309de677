"""The live rows: what engines report becomes own rows, what other peers show becomes locations for the engines."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from sextet.cluster.rows.addresses import AddressBook
from sextet.cluster.rows.alarms import Alarms
from sextet.cluster.rows.books import DropRow, Effect, Locate, PutRow, Release, Share
from sextet.cluster.rows.calls import CallBook
from sextet.cluster.rows.keys import KeyTooLong, encode_key
from sextet.cluster.rows.registrations import Book
from sextet.cluster.rows.usage import KIND, UsageBook
from sextet.cluster.rows.view import AnyRow, View
from sextet.cluster.rows.zones import ZoneRows, directory_down, down
from sextet.engine import Engine, EngineError, Journal, Picture, Shared
from sextet.model import alarms as types
from sextet.model.schema import Problem, Refused
from sextet.model.sections import Root
from sextet.model.status import Alarm, Binding, Call, PastAlarm, PeerStatus, Registration, Usage, ZoneStatus, to_row

TOPICS = {
    "usage": "bandwidth",
    "reg": "registrations",
    "call": "calls",
    "alarm": "alarms",
    "past": "alarms",
    "peer": "status",
    "zone": "zones",
}


class Own(Protocol):
    """Where own rows are published."""

    def put(self, key: str, value: bytes, *, shown: bool = False) -> None: ...

    def drop(self, key: str, *, shown: bool = False) -> None: ...


class Live:
    """Keeps books, carries out their effects; is the host of the engines."""

    def __init__(
        self,
        own: Own,
        journal: Journal,
        clock: Callable[[], float],
        changed: Callable[[str], None],
    ) -> None:
        self.view = View(clock)
        self.book = Book(0)
        self.addresses = AddressBook()
        self.calls = CallBook()
        self.zone_book = ZoneRows()
        self.usage = UsageBook(0, first_version=int(clock() * 1000))
        self.alarms = Alarms(journal, self._put_alarm, self._drop_alarm, clock, self._put_past)
        self.proxied = 0  # registrations that our engine carries to other systems
        self.troubles: dict[str, str] = {}  # engine -> what is wrong with it
        self._number = 0
        self._near: frozenset[int] = frozenset()  # peers whose rows are as they show them
        self._own = own
        self.engines: Sequence[Engine] = ()
        self._journal = journal
        self._clock = clock
        self._changed = changed

    def renumber(self, number: int) -> None:
        """This system has another place in the list."""
        before, self._number = self._number, number
        self.view.move(before, number)
        self._carry_out([*self.book.renumber(number), *self.addresses.peer_gone(number)])
        self.usage.number = number

    def row(self, number: int, key: str, value: bytes | None) -> bool:
        """Take over another peer's row, and say whether it tells anything new; a clock that went on does not.

        One that comes late from who had our place is nobody's any more.
        """
        if number == self._number:
            return False
        before = self.view.of(PeerStatus, number).get("")
        kind, name, row = self.view.change(number, key, value)
        if kind == "reg":
            registration = row if isinstance(row, Registration) else None
            self._carry_out(
                [*self.book.row(number, name, registration), *self.addresses.row(number, name, registration)]
            )
        if kind == KIND:
            self._carry_out(self.usage.row(number, name, row if isinstance(row, Usage) else None))
        if kind in TOPICS:
            self._changed(TOPICS[kind])
        if before is None or not isinstance(row, PeerStatus):
            return True
        return replace(before, now_s=0.0, links=()) != replace(row, now_s=0.0, links=())

    def reachable(self, number: int, live: bool) -> None:
        """The link to a peer is live, or not any more."""
        self._near = self._near | {number} if live else self._near - {number}
        if live:
            self.book.peer_live(number)
        self._changed("status")

    def forget(self, number: int) -> None:
        """There is no other peer in this place any more; we may be there ourselves now."""
        self.alarms.set(types.MIRROR_REPAIRED, str(number), False)  # it was about a copy that nobody keeps
        if number == self._number:
            return
        self.view.drop(number)
        self._near -= {number}
        self._carry_out([*self.book.peer_gone(number), *self.addresses.peer_gone(number)])
        self._carry_out(self.usage.peer_gone(number))

    def sharing(self, members: frozenset[int], limited: frozenset[str]) -> None:
        """These other peers hand out bandwidth too, and these elements have a limit."""
        self._carry_out([*self.usage.members(members), *self.usage.limit(limited, self._clock())])

    def tell_everything(self, engine: Engine) -> None:
        """Bring an engine that started up to date."""
        located = {**self.addresses.located(), **self.book.located()}
        engine.locate(located, complete=True, flows=self.book.flows())
        self._carry_out(self.usage.everything())

    async def test_zone(self, name: str, saved: Root) -> None:
        """Have the engines ask all addresses of a zone now; raises Refused where they cannot."""
        if name not in {zone.name for zone in saved.zones if zone.state == "Enabled"}:
            raise Refused(Problem("zone", f"There is no enabled zone {name!r}; `zone list` shows what there is."))
        for engine in self.engines:
            try:
                await engine.test_zone(name)
            except EngineError as error:
                raise Refused(Problem("zone", f"The zone cannot be tested now: {error}.")) from error

    def put_status(self, key: str, value: bytes) -> None:
        """Publish this peer's status row."""
        self._own.put(key, value)
        self.view.change(self._number, key, value)

    # What engines call (sextet.engine.Host)

    def registered(self, alias: str, bindings: Sequence[Binding], why: str = "") -> None:
        self._carry_out(self.book.registered(alias, bindings, self._clock()))

    def rejected(self, alias: str, reason: str, received: str, user_agent: str) -> None:
        """Nothing: who is told of it stands between the engine and here (watch/call_log.py)."""

    def call_changed(self, call: Call) -> None:
        self._carry_out(self.calls.changed(call))

    def call_ended(self, call_id: str, reason: str) -> None:
        self._carry_out(self.calls.ended(call_id))

    def used(self, use: Mapping[str, int], heard: Mapping[str, Shared]) -> None:
        self._carry_out(self.usage.used(use, heard, self._clock()))

    def picture(self, picture: Picture) -> None:
        self._carry_out(self.book.picture(picture.registrations, self._clock()))
        self._carry_out(self.calls.picture(picture.calls))
        self._carry_out(self.usage.picture(picture.use, self._clock()))

    def carried(self, count: int) -> None:
        self.proxied = count

    def gone(self, number: int, call_ids: Collection[str]) -> Collection[str]:
        if number not in self._near:
            return ()
        return set(call_ids) - {call.call_id for call in self.view.of(Call, number).values()}

    def zones(self, zones: Mapping[str, ZoneStatus]) -> None:
        self._carry_out(self.zone_book.seen(zones))
        self.alarms.set_all(types.ZONE_PEER_DOWN, down(zones.values()))
        cause = directory_down(zones.values())
        self.alarms.set(types.DIRECTORY_FAILED, "", bool(cause), cause)

    def policy_trouble(self, sentence: str) -> None:
        self.alarms.set(types.CALL_POLICY_FAILED, "policy service", bool(sentence), sentence)

    def port_conflict(self, sentence: str) -> None:
        self.alarms.set(types.PORT_CONFLICT, "", bool(sentence), sentence)

    def engine_state(self, engine: str, sentence: str) -> None:
        if self.troubles.get(engine, "") == sentence:
            return
        self.troubles[engine] = sentence
        self.alarms.set(types.APPLICATION_FAILED, engine, bool(sentence), sentence)
        self._changed("status")

    def own_rows(self) -> tuple[Iterable[Registration], Iterable[Call], int]:
        """What is registered here, the calls that pass here, how many registrations are carried elsewhere."""
        return self.book.own.values(), self.calls.own.values(), self.proxied

    def _carry_out(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case PutRow(kind, name, row):
                    self._put(kind, name, row)
                case DropRow(kind, name):
                    self._put(kind, name, None)
                case Locate(owners, flows):
                    for engine in self.engines:
                        engine.locate(owners, flows=flows)
                case Share(views, sharers, complete):
                    for engine in self.engines:
                        engine.share(views, sharers, complete)
                case Release(alias, device):
                    for engine in self.engines:
                        engine.release(alias, device)

    def _put(self, kind: str, name: str, row: AnyRow | None) -> None:
        try:
            key = encode_key(kind, name)
        except KeyTooLong as error:
            self._journal.module("developer.replication", "WARN", f"Not shown to other peers: {error}")
            return
        # Nothing but pages rests on calls, and on the use of what has no limit.
        shown = kind == "call" or (kind == KIND and name not in self.usage.limited)
        if row is None:
            self._own.drop(key, shown=shown)
        else:
            self._own.put(key, to_row(row), shown=shown)
        self.view.put(self._number, kind, name, row)
        self._changed(TOPICS[kind])

    def _put_alarm(self, name: str, alarm: Alarm) -> None:
        self._put("alarm", name, alarm)

    def _drop_alarm(self, name: str) -> None:
        self._put("alarm", name, None)

    def _put_past(self, name: str, alarm: PastAlarm) -> None:
        self._put("past", name, alarm)
