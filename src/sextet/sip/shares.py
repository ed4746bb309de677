"""What Kamailio's workers have to be told of bandwidth that is shared with other peers, until they were told."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sextet.engine import EngineError, Shared
from sextet.sip.agent_line import AgentLine, use_key
from sextet.sip.orders import Orders

Used = Callable[[Mapping[str, int], Mapping[str, Shared]], None]  # engine.Host.used


class Shares:
    """The newest views, and which of them wait."""

    def __init__(self) -> None:
        self.complete = True  # whether all of them have to be told
        self._views: dict[str, Shared] = {}
        self._changes: dict[str, Shared] = {}
        self._sharers = 0  # 0: nobody has said anything yet

    def take(self, views: Mapping[str, Shared], sharers: int, complete: bool) -> None:
        """See engine.Engine.share."""
        self._views = {**({} if complete else self._views), **views}
        self._changes = {**({} if complete else self._changes), **views}
        self.complete |= complete or sharers != self._sharers
        self._sharers = sharers

    async def feed(self, line: AgentLine, orders: Orders, used: Used) -> None:
        """Tell the workers what waits, and `used` what they use with it; raises EngineError, and then it waits on."""
        if not self._sharers or not (self.complete or self._changes):
            return
        complete, views = self.complete, self._views if self.complete else self._changes
        self.complete, self._changes = False, {}
        known = {element: orders.of(use_key(element)) for element in views}
        try:
            order, use, again = await line.share(views, self._sharers, known, complete)
        except EngineError:
            self.complete = True
            raise
        used({element: kbps for element, kbps in use.items() if orders.newer(use_key(element), order)}, views)
        self._changes = {element: self._views[element] for element in again if element in self._views} | self._changes
