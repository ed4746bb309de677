"""Virtual time: what happens when, one thing after another."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

Deed = Callable[[], None]


class Clock:
    """A queue of deeds; time is that of the deed being done."""

    def __init__(self) -> None:
        self.now = 0.0
        self.done = 0
        self._queue: list[tuple[float, int, Deed]] = []
        self._order = itertools.count()

    def later(self, delay_s: float, deed: Deed) -> None:
        heapq.heappush(self._queue, (self.now + delay_s, next(self._order), deed))

    def run(self, until: float, after_each: Deed) -> None:
        """Do everything that is due until then."""
        while self._queue and self._queue[0][0] <= until:
            self.now, _, deed = heapq.heappop(self._queue)
            deed()
            self.done += 1
            after_each()
        self.now = until
