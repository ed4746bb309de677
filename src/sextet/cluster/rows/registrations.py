"""Who rings: which peer has which devices of an alias, worked out from everybody's rows.

How it works. Each peer publishes what is registered with it. A binding carries a sequence that is above every sequence
its peer had seen of the alias when the binding was made: of two peers that both have a device, the higher (sequence,
peer number) is where it registered last, and the other one releases it. A device that moved between two peers which
could not hear each other may be judged wrongly; it is right again when the device refreshes, since a released device
that comes back makes a new binding. A device may hold flows to several peers (RFC 5626): each is a binding of its own,
and engines are told who has the others, so that it rings once. Rows of a peer that cannot be
heard go on being located: whether to try that peer is decided by the link to it, and nothing has to be told twenty
thousand times when the link is back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sextet.cluster.rows.books import DropRow, Effect, Locate, PutRow, Release
from sextet.engine import Flows
from sextet.model.status import Binding, Registration

KIND = "reg"
REMEMBERED_MAX = 200_000  # aliases whose highest sequence is remembered after they are gone: 20 MB; the oldest go first


class Book:
    """Registrations of this peer and of all others; `number` is this peer's place in the list."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.own: dict[str, Registration] = {}
        self._others: dict[str, dict[int, Registration]] = {}  # alias -> owner -> row
        self._aliases: dict[int, set[str]] = {}  # owner -> aliases
        self._located: dict[str, tuple[int, ...]] = {}  # what the engines were told
        self._flows: dict[str, dict[str, tuple[int, ...]]] = {}  # and of devices with flows to several peers
        self._highest: dict[str, int] = {}
        self._heard: set[int] = set()  # peers whose rows were complete once since this peer started
        self._pictured = False

    def registered(self, alias: str, bindings: Sequence[Binding], now: float) -> list[Effect]:
        """Take over what an engine says of one alias: these bindings, all of them."""
        return [*self._bound(alias, bindings, now, self._next(alias)), *self._judge([alias])]

    def picture(self, registrations: Mapping[str, Sequence[Binding]], now: float) -> list[Effect]:
        """Replace all own rows by what an engine really carries.

        What the first picture after a start shows may have moved to another peer meanwhile: it claims nothing.
        """
        gone = [alias for alias in self.own if alias not in registrations]
        effects = [effect for alias in gone for effect in self._bound(alias, (), now, 0)]
        for alias, bindings in registrations.items():
            effects += self._bound(alias, bindings, now, self._next(alias) if self._pictured else 0)
        self._pictured = True
        return [*effects, *self._judge([*gone, *registrations])]

    def row(self, number: int, alias: str, row: Registration | None) -> list[Effect]:
        """Take over what another peer's row says now; None means that it is gone."""
        rows = self._others.setdefault(alias, {})
        if row is None:
            rows.pop(number, None)
            self._aliases.get(number, set()).discard(alias)
            if not rows:
                del self._others[alias]
        else:
            rows[number] = row
            self._aliases.setdefault(number, set()).add(alias)
            self._remember(alias, row)
        reclaimed = self._reclaim(alias, row) if row and number not in self._heard else []
        return [*reclaimed, *self._judge([alias])]

    def peer_live(self, number: int) -> None:
        """A peer's rows are complete."""
        self._heard.add(number)

    def peer_gone(self, number: int) -> list[Effect]:
        """A peer was removed, or not heard for too long: its rows go."""
        self._heard.discard(number)
        gone = self._aliases.pop(number, set())
        for alias in gone:
            del self._others[alias][number]
            if not self._others[alias]:
                del self._others[alias]
        return self._judge(sorted(gone))

    def renumber(self, number: int) -> list[Effect]:
        """Stand at another place of the list: whose place that was is gone, and what a peer that moves has comes again.

        A peer that keeps its place keeps its link too, over which nothing comes a second time.
        """
        self.number = number
        gone = self.peer_gone(number)
        return [*gone, *self._judge(sorted({*self.own, *self._others}))]

    def located(self) -> dict[str, tuple[int, ...]]:
        """Everything an engine that starts has to be told."""
        return dict(self._located)

    def flows(self) -> dict[str, Flows]:
        """The part of it that is about devices with flows to several peers."""
        return dict(self._flows)

    def _bound(self, alias: str, bindings: Sequence[Binding], now: float, sequence: int) -> list[Effect]:
        old = self.own.get(alias)
        known = {binding.device: binding for binding in old.bindings} if old else {}
        kept = {}
        for binding in bindings:
            before = known.get(binding.device)
            same = before is not None and replace(binding, sequence=before.sequence) == before
            kept[binding.device] = before if before and same else replace(binding, sequence=sequence)
        return self._put(alias, tuple(kept.values()), old.since_s if old else now)

    def _put(self, alias: str, bindings: tuple[Binding, ...], since_s: float) -> list[Effect]:
        if not bindings:
            return [DropRow(KIND, alias)] if self.own.pop(alias, None) else []
        highest = max(binding.sequence for binding in bindings)
        row = Registration(alias=alias, since_s=since_s, sequence=highest, bindings=bindings)
        if row == self.own.get(alias):
            return []
        self.own[alias] = row
        self._remember(alias, row)
        return [PutRow(KIND, alias, row)]

    def _reclaim(self, alias: str, theirs: Registration) -> list[Effect]:
        """Keep what registered here since our start although a peer, heard only now, had it under a higher sequence."""
        mine = self.own.get(alias)
        if mine is None:
            return []
        rivals = {binding.device: binding.sequence for binding in theirs.bindings}
        lost = {b.device for b in mine.bindings if 0 < b.sequence <= rivals.get(b.device, -1)}
        sequence = self._next(alias)
        bindings = tuple(replace(b, sequence=sequence) if b.device in lost else b for b in mine.bindings)
        return self._put(alias, bindings, mine.since_s)

    def _judge(self, aliases: Iterable[str]) -> list[Effect]:
        """Compare what engines were told with what is now true of these aliases."""
        moved: dict[str, tuple[int, ...]] = {}
        spread: dict[str, Flows] = {}
        releases: list[Effect] = []
        for alias in aliases:
            winners = self._winners(alias)
            owners = tuple(sorted(set(winners.values()) - {self.number}))
            flows = _flows_of(winners)
            if owners != self._located.get(alias, ()) or flows != self._flows.get(alias, {}):
                moved[alias] = owners
                self._flows.pop(alias, None)
                if flows:
                    spread[alias] = self._flows[alias] = flows
            mine = self.own[alias].bindings if alias in self.own else ()
            releases += [Release(alias, b.device) for b in mine if winners[b.device] != self.number]
        for alias, owners in moved.items():
            self._located.pop(alias, None)
            if owners:
                self._located[alias] = owners
        return [*([Locate(moved, spread)] if moved else []), *releases]

    def _winners(self, alias: str) -> dict[str, int]:
        """Which peer each device of an alias registered with last."""
        rows = dict(self._others.get(alias, {}))
        if alias in self.own:
            rows[self.number] = self.own[alias]
        best: dict[str, tuple[int, int]] = {}
        for number, row in rows.items():
            for binding in row.bindings:
                best[binding.device] = max(best.get(binding.device, (-1, 0)), (binding.sequence, number))
        return {device: number for device, (_, number) in best.items()}

    def _next(self, alias: str) -> int:
        return self._highest.get(alias, 0) + 1

    def _remember(self, alias: str, row: Registration) -> None:
        highest = max(self._highest.pop(alias, 0), row.sequence)  # put back at the end: the oldest is first
        self._highest[alias] = highest
        if len(self._highest) > REMEMBERED_MAX:
            del self._highest[next(iter(self._highest))]


def _flows_of(winners: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """Find the devices that hold flows to several peers; empty where there are none."""
    if len(winners) < 2:
        return {}
    holders: dict[str, dict[int, int]] = {}  # instance -> peer -> its lowest reg-id
    others: set[int] = set()
    for device, number in winners.items():
        instance, _, reg_id = device.rpartition(";")
        if not instance or not reg_id.isdecimal() or reg_id == "0":
            others.add(number)
            continue
        flows = holders.setdefault(instance, {})
        flows[number] = min(int(reg_id), flows.get(number, int(reg_id)))
    shared = {
        instance: tuple(sorted(flows, key=lambda number: flows[number]))
        for instance, flows in holders.items()
        if len(flows) > 1
    }
    if not shared:
        return {}
    others |= {number for instance, flows in holders.items() if instance not in shared for number in flows}
    return {"": tuple(sorted(others)), **shared}
