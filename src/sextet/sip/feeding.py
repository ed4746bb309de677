"""What Kamailio's workers have to be told of the other peers, told as soon as it is known.

It waits for nothing else that the engine does, such as a DNS that is slow: until the workers know where a device has
registered they find nobody there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence

from sextet.engine import EngineError, Flows, Shared
from sextet.sip.agent_line import AgentLine
from sextet.sip.kemi.registration.flows import owner_text
from sextet.sip.orders import Orders
from sextet.sip.shares import Shares, Used


class Feed:
    """Who has which device, whose device is let go, and what is used of shared limits, until the workers know it."""

    def __init__(self, line: AgentLine, orders: Orders, used: Used) -> None:
        self._line, self._orders, self._used = line, orders, used
        self._owners: dict[str, str] = {}
        self._changes: dict[str, str] = {}
        self._complete = True  # whether all owners have to be told
        self._releases: list[tuple[str, str]] = []
        self._shares = Shares()
        self._news = asyncio.Event()
        self._telling = asyncio.Lock()  # a complete list takes several messages, and no change comes between them

    def locate(self, owners: Mapping[str, Sequence[int]], complete: bool, flows: Mapping[str, Flows] | None) -> None:
        """See engine.Engine.locate."""
        changes = {alias: owner_text(numbers, (flows or {}).get(alias, {})) for alias, numbers in owners.items()}
        if complete:
            self._owners.clear()
            self._complete = True
        else:
            self._changes |= changes
        for alias, text in changes.items():
            if text:
                self._owners[alias] = text
            else:
                self._owners.pop(alias, None)
        self._news.set()

    def share(self, views: Mapping[str, Shared], sharers: int, complete: bool) -> None:
        """See engine.Engine.share."""
        self._shares.take(views, sharers, complete)
        self._news.set()

    def release(self, alias: str, device: str) -> None:
        """See engine.Engine.release."""
        self._releases.append((alias, device))
        self._news.set()

    def begin(self, *, owners: bool = True) -> None:
        """Workers that know nothing yet are to be told everything; `owners` is false where they know those."""
        self._complete |= owners
        self._shares.complete = True

    async def run(self) -> None:
        """Tell what comes up until cancelled; what could not be told waits for `now`, whose caller says why."""
        while True:
            await self._news.wait()
            self._news.clear()
            with contextlib.suppress(Exception):
                await self.now()

    async def now(self) -> None:
        """Tell everything that waits; raises EngineError, and then it waits on."""
        async with self._telling:
            complete, changes = self._complete, self._changes
            if complete or changes:
                self._complete, self._changes = False, {}
                try:
                    await self._line.owners(dict(self._owners) if complete else changes, complete)
                except EngineError:
                    self._complete = True
                    raise
            await self._shares.feed(self._line, self._orders, self._used)
            while self._releases:
                await self._line.release(*self._releases[0])
                del self._releases[0]
