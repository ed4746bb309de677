"""What workers hear of the other peers: at once, in order, all of it again after a failure."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

import pytest

from sextet.engine import EngineError, Shared
from sextet.sip.agent_line import AgentLine
from sextet.sip.feeding import Feed
from sextet.sip.orders import Orders

VIEW = {"pipe/Line": Shared(others_kbps=64, confirmed_kbps=0, heard=())}


class Line:
    """The way to the workers: what went over it, slowly where a test holds it up."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.broken = False
        self.open = asyncio.Event()
        self.open.set()
        self._heard = asyncio.Event()

    async def owners(self, changes: Mapping[str, str], complete: bool) -> None:
        await self._take("owners", dict(changes), complete)
        if complete:  # a long one takes several messages
            await asyncio.sleep(0)
            await self._take("the rest")

    async def release(self, alias: str, device: str) -> None:
        await self._take("release", alias, device)

    async def share(self, views: Mapping[str, Shared], sharers: int, orders: object, complete: bool) -> Any:
        await self._take("share", dict(views), sharers)
        return 1, {}, []

    async def hears(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.told) < count:
                self._heard.clear()
                await self._heard.wait()

    async def _take(self, *what: object) -> None:
        if self.broken:
            raise EngineError("asking Kamailio")
        await self.open.wait()
        self.told.append(what)
        self._heard.set()


@contextlib.asynccontextmanager
async def feeding() -> AsyncIterator[tuple[Feed, Line]]:
    line = Line()
    feed = Feed(cast(AgentLine, line), Orders(), lambda use, heard: None)
    running = asyncio.create_task(feed.run())
    await feed.now()
    line.told.clear()
    try:
        yield feed, line
    finally:
        running.cancel()


def test_what_is_new_is_told_at_once_and_nothing_else() -> None:
    async def play() -> None:
        async with feeding() as (feed, line):
            feed.locate({"a@b": [2], "c@b": [3, 1]}, False, None)
            await line.hears(1)
            feed.release("a@b", "device")
            await line.hears(2)
            feed.share(VIEW, 3, False)
            await line.hears(3)
            feed.locate({"a@b": []}, False, None)
            await line.hears(4)
            assert line.told == [
                ("owners", {"a@b": "2", "c@b": "1,3"}, False),
                ("release", "a@b", "device"),
                ("share", VIEW, 3),
                ("owners", {"a@b": ""}, False),
            ]

    asyncio.run(play())


def test_nothing_comes_between_the_parts_of_a_complete_list() -> None:
    async def play() -> None:
        async with feeding() as (feed, line):
            line.open.clear()
            feed.locate({"a@b": [2]}, True, None)
            await asyncio.sleep(0)  # the list is under way
            feed.locate({"a@b": [3]}, False, None)
            other = asyncio.create_task(feed.now())
            await asyncio.sleep(0)
            assert line.told == []
            line.open.set()
            await other
            await line.hears(3)
            assert line.told == [("owners", {"a@b": "2"}, True), ("the rest",), ("owners", {"a@b": "3"}, False)]

    asyncio.run(play())


def test_after_a_failure_everything_is_told_again() -> None:
    async def play() -> None:
        async with feeding() as (feed, line):
            feed.locate({"a@b": [2]}, False, None)
            await line.hears(1)
            line.broken = True
            feed.locate({"c@b": [2], "d@b": [2]}, False, None)
            feed.locate({"d@b": []}, False, None)
            with pytest.raises(EngineError):
                await feed.now()
            line.broken = False
            await feed.now()
            assert line.told[1:] == [("owners", {"a@b": "2", "c@b": "2"}, True), ("the rest",)]

    asyncio.run(play())
