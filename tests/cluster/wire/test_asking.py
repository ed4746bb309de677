"""A change that was asked for is carried out once, whatever happens to the link meanwhile."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable

import pytest

from sextet.cluster.wire.asking import ANSWERS_MAX, Answers, Asker
from sextet.cluster.wire.feed import CallFailed
from sextet.cluster.wire.link import State


class FakeLine:
    """A link that can be lost and come back; while it is lost, whoever waits for an answer waits in vain."""

    def __init__(self, handler: Callable[[bytes], bytes]) -> None:
        self.state = State.LIVE
        self.asked: list[bytes] = []
        self._handler = handler

    async def request(self, subject: str, data: bytes, timeout: float) -> bytes:
        if self.state is not State.LIVE:
            raise CallFailed("the link is DOWN: no heartbeat")
        self.asked.append(data)
        answer = self._handler(data)
        if self.state is not State.LIVE:
            await asyncio.Event().wait()
        return answer


def test_an_answer_lost_with_its_link_is_asked_for_again_on_the_next() -> None:
    async def play() -> None:
        def renews(data: bytes) -> bytes:
            if len(line.asked) == 1:
                line.state = State.DOWN
                asyncio.get_running_loop().call_soon(asker.turned)
                asyncio.get_running_loop().call_later(0.01, live_again)
            return data.upper()

        def live_again() -> None:
            line.state = State.LIVE
            asker.turned()

        line = FakeLine(renews)
        asker = Asker(lambda number: line if number == 2 else None)
        assert await asker.ask(2, "write", b"q", 5) == b"Q"
        assert line.asked == [b"q", b"q"]

    asyncio.run(play())


def test_a_link_that_is_down_is_told_at_once_and_one_that_stays_down_in_time() -> None:
    async def play() -> None:
        def lost(data: bytes) -> bytes:
            line.state = State.DOWN
            asyncio.get_running_loop().call_soon(asker.turned)
            return data

        line = FakeLine(lost)
        asker = Asker(lambda number: line if number == 2 else None)
        with pytest.raises(CallFailed, match="no answer in time"):
            await asker.ask(2, "write", b"q", 0.02)
        with pytest.raises(CallFailed, match="no heartbeat"):
            await asker.ask(2, "write", b"q", 5)
        with pytest.raises(CallFailed, match="not in the peer list"):
            await asker.ask(3, "write", b"q", 5)

    asyncio.run(play())


def test_a_failure_that_comes_when_nobody_waits_any_more_is_no_error_of_ours() -> None:
    class Late:
        state = State.LIVE

        async def request(self, subject: str, data: bytes, timeout: float) -> bytes:
            try:
                return await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:  # before Python 3.12 `asyncio.wait_for` may lose it to what it waited for
                raise CallFailed("no answer: the connection is closed") from None

    async def play() -> None:
        errors: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        with pytest.raises(CallFailed, match="no answer in time"):
            await Asker(lambda _: Late()).ask(2, "write", b"q", 0.01)
        await asyncio.sleep(0)
        gc.collect()
        assert errors == []

    asyncio.run(play())


def test_a_question_that_comes_twice_is_carried_out_once_also_while_it_is_being_carried_out() -> None:
    async def play() -> None:
        done: list[int] = []
        go = asyncio.Event()

        async def work() -> bytes:
            await go.wait()
            done.append(1)
            return b"stored"

        answers = Answers()
        first = asyncio.create_task(answers.once("q1", work))
        second = asyncio.create_task(answers.once("q1", work))
        await asyncio.sleep(0)
        first.cancel()
        go.set()
        assert await second == b"stored"
        assert await answers.once("q1", work) == b"stored"
        assert done == [1]
        assert await answers.once("q2", work) == b"stored"
        assert done == [1, 1]

    asyncio.run(play())


def test_only_so_many_answers_are_kept() -> None:
    async def play() -> None:
        done: list[int] = []

        async def work() -> bytes:
            done.append(1)
            return b""

        answers = Answers()
        for name in range(ANSWERS_MAX + 1):
            await answers.once(str(name), work)
        await answers.once("0", work)
        assert len(done) == ANSWERS_MAX + 2

    asyncio.run(play())
