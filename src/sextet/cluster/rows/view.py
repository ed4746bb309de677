"""All rows of the cluster as this peer knows them, its own and the mirrored ones, typed and with their ages.

Ages need no common clock: each peer's status row says what its own clock shows, and what passed since is added here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sextet.cluster.face import Owned
from sextet.cluster.rows.keys import decode_key
from sextet.model.status import Alarm, Call, PastAlarm, PeerStatus, Registration, Usage, ZoneStatus, from_row

KINDS: dict[str, type] = {
    "reg": Registration,
    "call": Call,
    "alarm": Alarm,
    "past": PastAlarm,
    "peer": PeerStatus,
    "zone": ZoneStatus,
    "usage": Usage,
}
_NAMES = {kind: name for name, kind in KINDS.items()}
AnyRow = Registration | Call | Usage | Alarm | PastAlarm | PeerStatus | ZoneStatus
# What is only shown is read when somebody looks: most calls come and go unseen by most peers.
_UNREAD = ("call",)
Row = TypeVar("Row", Registration, Call, Alarm, PastAlarm, PeerStatus, ZoneStatus)


class View:
    """Typed rows per peer number; number 0 stands for this peer while it is in no list."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.unreadable = 0  # times that a row came which another version wrote and this one does not understand
        self._clock = clock
        self._rows: dict[int, dict[str, dict[str, Any]]] = {}
        self._ahead_s: dict[int, float] = {}  # how far a peer's clock is ahead of ours

    def change(self, number: int, key: str, value: bytes | None) -> tuple[str, str, Any]:
        """Take a row in; returns its kind, its name and the typed row.

        None where it is gone or cannot be read, and of a call: that is read when it is looked at.
        """
        kind, name = decode_key(key)
        if kind in _UNREAD and value is not None:
            self._of_kind(number, kind)[name] = value
            return kind, name, None
        if kind not in KINDS:
            self.unreadable += 1
            return kind, name, None
        row = self._typed(kind, value)
        self.put(number, kind, name, row)
        return kind, name, row

    def put(self, number: int, kind: str, name: str, row: AnyRow | None) -> None:
        """Take a typed row in, or that it is gone."""
        rows = self._of_kind(number, kind)
        if row is None:
            rows.pop(name, None)
            return
        rows[name] = row
        if isinstance(row, PeerStatus):
            self._ahead_s[number] = row.now_s - self._clock()

    def drop(self, number: int) -> None:
        """Forget a peer that is no member any more."""
        self._rows.pop(number, None)
        self._ahead_s.pop(number, None)

    def move(self, before: int, number: int) -> None:
        """This system's rows are at another place of the list now; what stood there was another peer's."""
        rows = self._rows.get(before, {})
        self.drop(before)
        self.drop(number)
        self._rows[number] = rows

    def of(self, kind: type[Row], number: int) -> dict[str, Row]:
        """The rows of one kind that one peer owns, by name."""
        rows = self._rows.get(number, {}).get(_NAMES[kind], {})
        for name in [name for name, row in rows.items() if type(row) is bytes]:
            if (row := self._typed(_NAMES[kind], rows.pop(name))) is not None:
                rows[name] = row
        return dict(rows)

    def registered(self, number: int) -> Mapping[str, Registration]:
        """What is registered with one peer, by alias, as it stands: these rows may be many, and are not copied."""
        return self._of_kind(number, "reg")

    def owned(self, kind: type[Row], names: Mapping[int, str], stale: frozenset[int]) -> list[Owned[Row]]:
        """List the rows of one kind of all named peers, by number and name."""
        return [
            Owned(number, names[number], row, max(0.0, self.age_s(number, _since(row))), number in stale)
            for number in sorted(names)
            for _, row in sorted(self.of(kind, number).items())
        ]

    def age_s(self, number: int, since_s: float) -> float:
        """Turn a moment on a peer's clock into an age."""
        return self._clock() + self._ahead_s.get(number, 0.0) - since_s

    def _of_kind(self, number: int, kind: str) -> dict[str, Any]:
        return self._rows.setdefault(number, {}).setdefault(kind, {})

    def _typed(self, kind: str, value: bytes | None) -> Any:
        if value is None:
            return None
        try:
            return from_row(KINDS[kind], value)
        except ValueError:
            self.unreadable += 1
            return None


def _since(row: AnyRow) -> float:
    match row:
        case PeerStatus():
            return row.started_s
        case Alarm():
            return row.last_s  # since when it is there; since_s is when it was there for the first time
        case PastAlarm():
            return row.lowered_s
    return row.since_s
