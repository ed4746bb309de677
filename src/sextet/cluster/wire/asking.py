"""How is the primary asked, so that a link that is renewed meanwhile costs nothing? Asked again, carried out once.

A change of the TLS mode that a subordinate forwards renews the very link on which its answer would come.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Protocol

from sextet.cluster.wire.feed import CallFailed
from sextet.cluster.wire.link import State

ANSWERS_MAX = 64  # kept by the one that is asked; five peers with one change under way each are usual


class Line(Protocol):
    """The link to one peer."""

    @property
    def state(self) -> State: ...

    def request(self, subject: str, data: bytes, timeout: float) -> Awaitable[bytes]: ...


class Asker:
    """Asks peers, over whichever link there is; `turned` is called when a link changes its state."""

    def __init__(self, line: Callable[[int], Line | None]) -> None:
        self._line = line
        self._turn = asyncio.Event()

    def turned(self) -> None:
        self._turn.set()
        self._turn = asyncio.Event()

    async def ask(self, number: int, subject: str, question: bytes, limit_s: float) -> bytes:
        """Ask a peer. Raises CallFailed: at once where its link is down, else when the time is over."""
        try:
            async with asyncio.timeout(limit_s):
                while True:
                    asking = asyncio.ensure_future(self._request(number, subject, question, limit_s))
                    asking.add_done_callback(_heard)
                    try:
                        if await self._answered(number, asking):
                            return asking.result()
                    finally:
                        asking.cancel()
                    await self._until(number, live=True)
        except TimeoutError:
            raise CallFailed("no answer in time") from None

    async def _request(self, number: int, subject: str, question: bytes, limit_s: float) -> bytes:
        line = self._line(number)
        if line is None:
            raise CallFailed("it is not in the peer list")
        return await line.request(subject, question, limit_s)

    async def _answered(self, number: int, asking: asyncio.Future[bytes]) -> bool:
        """Wait for the answer; False when the link on which it would come is gone."""
        lost = asyncio.ensure_future(self._until(number, live=False))
        try:
            await asyncio.wait((asking, lost), return_when=asyncio.FIRST_COMPLETED)
        finally:
            lost.cancel()
        return asking.done()

    async def _until(self, number: int, *, live: bool) -> None:
        while (line := self._line(number)) is None or (line.state is State.LIVE) != live:
            await self._turn.wait()


def _heard(asked: asyncio.Future[bytes]) -> None:
    """Take note of a failure for which nobody waits any more: else asyncio calls it an error of ours."""
    if not asked.cancelled():
        asked.exception()


async def ask_all(
    line: Callable[[int], Line | None], names: Mapping[int, str], subject: str, question: bytes, limit_s: float
) -> dict[str, str]:
    """Ask every peer that is named; an answer that is empty is good, every other one says what went wrong."""

    async def ask(number: int) -> str:
        link = line(number)
        if link is None or link.state is not State.LIVE:
            return "it cannot be reached"
        try:
            return (await link.request(subject, question, limit_s)).decode(errors="replace")
        except CallFailed as error:
            return str(error)

    answers = await asyncio.gather(*(ask(number) for number in names))
    return dict(zip(names.values(), answers, strict=True))


class Answers:
    """The last answers: a question that comes a second time is answered, not carried out again."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, asyncio.Task[bytes]] = OrderedDict()

    async def once(self, name: str, work: Callable[[], Coroutine[Any, Any, bytes]]) -> bytes:
        """Do the work under this name, or give what it gave."""
        if name not in self._kept:
            self._kept[name] = asyncio.create_task(work())
            while len(self._kept) > ANSWERS_MAX:
                self._kept.popitem(last=False)
        # Who asks may go away and come back; the work goes on.
        return await asyncio.shield(self._kept[name])
