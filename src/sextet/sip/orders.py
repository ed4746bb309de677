"""Which of two reports is the newer one?

Kamailio's workers have connections of their own: of two reports on one thing the older may come last. So each report
has a number, and what is said of a thing counts only while nothing newer was said of it.
"""

from __future__ import annotations

ORDERS_MAX = 100_000  # things; reports overtake each other by milliseconds only


class Orders:
    """The number of the newest report on each thing, the most recently reported last."""

    def __init__(self) -> None:
        self._newest: dict[str, int] = {}

    def begin(self, newest: dict[str, int]) -> None:
        """Go on from a picture, or from nothing."""
        self._newest = newest

    def of(self, name: str) -> int:
        """Give the number of the newest report on a thing; 0 where there was none."""
        return self._newest.get(name, 0)

    def newer(self, name: str, order: int) -> bool:
        """Note a report on a thing; says whether nothing newer was reported before."""
        before = self._newest.pop(name, 0)
        self._newest[name] = max(before, order)
        if len(self._newest) > ORDERS_MAX:
            del self._newest[next(iter(self._newest))]
        return order >= before
