"""Who uses how much bandwidth: this peer's use in its own rows, and what the peers know of each other's.

How it works. Each peer publishes a row for each element that its calls use, with a version that grows with every
change. Of elements with a limit a peer also needs to know what the others reckon with: a row says which versions of the
others' rows its workers had when the row's own use was so (`heard`). What this peer published since the version that
somebody has heard he may still not know of; the least of these figures is what is *confirmed*, the number that
call/bandwidth/sharing.py works with. A row that only tells what was heard needs no answer, so that it ends.

Of an element with a limit every peer has a row, also where it uses nothing: a row that goes means that its owner starts
again, and until it says something new it counts for what it said last. Every peer that is a member counts, heard from
or not: what it last said it used, and its share of what is free. One that is given back (members) counts for nothing
any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sextet.cluster.rows.books import DropRow, Effect, PutRow, Share
from sextet.engine import Shared
from sextet.model.status import Heard, Usage

KIND = "usage"
VERSIONS_MAX = 1000  # of one element kept for a peer that does not answer; the older ones count as one


class UsageBook:
    """The use of this peer and of all others; `number` is this peer's place in the list."""

    def __init__(self, number: int, first_version: int = 0) -> None:
        self.number = number
        self.own: dict[str, Usage] = {}
        self._version = first_version  # above those of an earlier process: what was heard of that is not of this one
        self._others: dict[str, dict[int, Usage]] = {}  # element -> owner -> row
        self._said: dict[str, list[tuple[int, int]]] = {}  # element -> (version, kbps) that somebody may still go by
        self._members: frozenset[int] | None = None  # nobody is told anything before it is known who shares
        self.limited: frozenset[str] = frozenset()
        self._told: dict[str, Shared] = {}

    def used(self, use: Mapping[str, int], heard: Mapping[str, Shared], now_s: float) -> list[Effect]:
        """Take over what an engine says of these elements; one that is only heard of is used as before."""
        effects: list[Effect] = []
        for element in {**use, **heard}:
            before, view = self.own.get(element), heard.get(element)
            kbps = use.get(element, before.kbps if before else 0)
            known = tuple(Heard(peer=peer, version=version) for peer, version in view.heard) if view else None
            effects += self._publish(element, kbps, known, now_s)
        return [*effects, *self._share({**use, **heard})]

    def picture(self, use: Mapping[str, int], now_s: float) -> list[Effect]:
        """Replace all own use by what an engine really carries, and tell it everything."""
        now = {element: use.get(element, 0) for element in {*self.own, *use, *self.limited}}
        effects = [one for element, kbps in now.items() for one in self._publish(element, kbps, None, now_s)]
        return [*effects, *self.everything()]

    def row(self, number: int, element: str, row: Usage | None) -> list[Effect]:
        """Take over what another peer's row says now; None means that it is gone."""
        rows = self._others.setdefault(element, {})
        if row is not None:
            rows[number] = row
        elif element not in self.limited:
            rows.pop(number, None)
        if not rows:
            del self._others[element]
        return self._share([element])

    def limit(self, elements: frozenset[str], now_s: float) -> list[Effect]:
        """These elements have a limit now: what is used of them has to be known everywhere."""
        if elements == self.limited:
            return []
        gone, self.limited = self.limited - elements, elements
        kbps = {element: row.kbps for element, row in self.own.items()}
        effects = [
            one for element in (*gone, *elements) for one in self._publish(element, kbps.get(element, 0), None, now_s)
        ]
        return [*effects, *self.everything()]

    def members(self, numbers: frozenset[int]) -> list[Effect]:
        """These other peers hand out bandwidth, heard from or not; what any other one used is given back."""
        if numbers == self._members:
            return []
        self._members = numbers
        return self.everything()

    def peer_gone(self, number: int) -> list[Effect]:
        """A peer was removed from the list, or is at another place of it."""
        for rows in self._others.values():
            rows.pop(number, None)
        self._others = {element: rows for element, rows in self._others.items() if rows}
        return self.everything()

    def everything(self) -> list[Effect]:
        """Give everything that an engine has to be told."""
        if self._members is None:
            return []
        self._told = {element: self._view(element) for element in sorted(self.limited)}
        return [Share(dict(self._told), len(self._members) + 1, complete=True)]

    def use(self) -> dict[str, tuple[int, int]]:
        """Say what the calls of this peer, and those of all members, use of every element."""
        own = {element: row.kbps for element, row in self.own.items()}
        return {
            element: (own.get(element, 0), own.get(element, 0) + self._others_kbps(element))
            for element in {*own, *self._others}
        }

    def _publish(self, element: str, kbps: int, heard: tuple[Heard, ...] | None, now_s: float) -> Sequence[Effect]:
        before = self.own.get(element)
        if not kbps and element not in self.limited:
            self._said.pop(element, None)
            return [DropRow(KIND, element)] if self.own.pop(element, None) else []
        moved = before is None or kbps != before.kbps
        if moved:
            self._version += 1
            said = self._said.setdefault(element, [(0, 0)])
            said.append((self._version, kbps))
            if len(said) > VERSIONS_MAX:
                said[:2] = [(said[0][0], min(said[0][1], said[1][1]))]
        row = Usage(
            element=element,
            kbps=kbps,
            version=self._version if moved or before is None else before.version,
            since_s=now_s if before is None else before.since_s,
            heard=heard if heard is not None else before.heard if before is not None else (),
        )
        if row == before:
            return []
        self.own[element] = row
        return [PutRow(KIND, element, row)]

    def _share(self, elements: Iterable[str]) -> list[Effect]:
        if self._members is None:
            return []
        views = {element: self._view(element) for element in elements if element in self.limited}
        moved = {element: view for element, view in views.items() if self._told.get(element) != view}
        self._told |= moved
        return [Share(moved, len(self._members) + 1)] if moved else []

    def _view(self, element: str) -> Shared:
        rows = self._others.get(element, {})
        heard = tuple((number, row.version) for number, row in sorted(rows.items()))
        return Shared(others_kbps=self._others_kbps(element), confirmed_kbps=self._confirmed(element), heard=heard)

    def _others_kbps(self, element: str) -> int:
        rows = self._others.get(element, {})
        return sum(row.kbps for number, row in rows.items() if number in (self._members or ()))

    def _confirmed(self, element: str) -> int:
        """Forget what all members have heard the successor of; give the least of what is left."""
        said = self._said.get(element, [(0, 0)])
        heard = [self._heard_by(member, element) for member in self._members or ()]
        oldest = min(heard, default=said[-1][0])
        places = [place for place, (version, _) in enumerate(said) if version == oldest]
        if places and places[0]:
            del said[: places[0]]
        return min(kbps for _, kbps in said) if places else 0

    def _heard_by(self, member: int, element: str) -> int:
        row = self._others.get(element, {}).get(member)
        return next((one.version for one in row.heard if one.peer == self.number), 0) if row else 0
