"""The cluster's capacity as this peer sees it, once a second: use and limits, the pool on disk, and the alarms."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Set
from contextlib import suppress
from pathlib import Path

from sextet.cluster.capacity.counting import use_of
from sextet.cluster.capacity.judging import Load
from sextet.cluster.capacity.pool import HOUR_S, TEXT_MAX, Pool
from sextet.model.capacity import Licences, Use, alone, limits_of, together
from sextet.model.settings.capacity import Capacity
from sextet.model.status import Call, PeerStatus, Registration

COUNT_S = 1.0  # counting 20,000 registrations takes 20 ms: not at every change of a row
FILE = "licence-pool.json"
Rows = Callable[[], tuple[Iterable[Registration], Iterable[Call], int]]


class Account:
    """Counts what this peer carries, and holds it against what the cluster may carry; `clock` is monotonic."""

    def __init__(self, state_dir: Path, rows: Rows, clock: Callable[[], float]) -> None:
        self._path = state_dir / FILE
        self._rows = rows
        self._clock = clock
        self.limits: dict[str, int] = {}  # of what workers count, as last looked at
        self._counted: tuple[float, Use] | None = None
        self._pool = _read(self._path)
        self._looked_at = clock()
        self._saved_at = clock()
        self._missed: frozenset[str] = frozenset(self._pool.missed())

    def use(self) -> Use:
        """What this peer carries; at most a second old."""
        now = self._clock()
        if self._counted is None or now - self._counted[0] >= COUNT_S:
            self._counted = now, use_of(*self._rows())
        return self._counted[1]

    def look(self, settings: Capacity, own: str, statuses: Mapping[str, PeerStatus], silent: Set[str]) -> Load:
        """Judge anew; `own` and the keys are addresses as configured, `silent` are members that cannot be heard."""
        now = self._clock()
        heard = {name: status for name, status in statuses.items() if name not in silent}
        brings = {name: status.licences for name, status in heard.items()} | {own: licences_of(settings)}
        self._pool.tick(now - self._looked_at, silent)
        self._pool.heard({own, *statuses, *silent}, brings)
        self._looked_at = now
        self._save(now)
        classes = [settings.platform, *(status.platform for status in statuses.values())]
        load = Load(
            own=self.use(),
            uses={own: self.use(), **{name: status.use for name, status in heard.items()}},
            unit=alone(settings.platform),
            cluster=together(classes),
            smaller=together(classes[1:]),
            licences=self._pool.licences if settings.licences_counted else None,
            warning_level=settings.warning_level,
            missed=self._pool.missed(),
        )
        self.limits = limits_of(load.unit, load.cluster, load.licences)
        return load

    def let_pass(self, seconds: float) -> None:
        """Take it that so much more time has passed since the last look (lab)."""
        self._looked_at -= seconds

    def _save(self, now: float) -> None:
        """Write at once when somebody begins or ends to be missed, and hourly while they grow older."""
        missed = frozenset(self._pool.missed())
        if missed == self._missed and not (missed and now - self._saved_at >= HOUR_S):
            return
        self._missed, self._saved_at = missed, now
        beside = self._path.with_suffix(".new")
        with suppress(OSError):  # a full disk has its own alarm (60901); an hour of a lost peer is all that is at stake
            beside.write_text(self._pool.to_json())
            os.replace(beside, self._path)


def licences_of(settings: Capacity) -> Licences:
    """What this peer brings into the pool."""
    return Licences(rooms=settings.room_licences, desktops=settings.desktop_licences, rms=settings.rms_licences)


def _read(path: Path) -> Pool:
    """A file that cannot be read costs a lost peer's licences no more than the time it was lost until now."""
    try:
        with path.open() as file:
            return Pool.from_json(file.read(TEXT_MAX + 1))
    except (OSError, ValueError):
        return Pool()
