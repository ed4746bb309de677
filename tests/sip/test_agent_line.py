"""The line to the agent: one that is let go of, or whose question is given up, leaves nothing to the loop."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sextet.engine import EngineError
from sextet.sip.agent_line import AgentLine
from sextet.sip.kemi.agent import SOCKET


@contextmanager
def agent(run_dir: Path, backlog: int = 4) -> Iterator[socket.socket]:
    (run_dir / SOCKET).parent.mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(run_dir / SOCKET))
        listener.listen(backlog)
        listener.setblocking(False)
        yield listener


def run(play: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(5):
            await play()

    asyncio.run(limited())


@pytest.fixture
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)  # a path of a socket has at most 107 characters, however deep pytest's own are
    return Path()


def test_a_line_that_is_closed_amid_a_question_fails_it_and_gives_its_descriptor_back(run_dir: Path) -> None:
    async def play() -> None:
        loop = asyncio.get_running_loop()
        with agent(run_dir) as listener:
            line = AgentLine(run_dir)
            asking = asyncio.create_task(line.pulse())
            connection, _ = await loop.sock_accept(listener)
            with connection:
                assert json.loads(await loop.sock_recv(connection, 1024)) == {"ask": "pulse"}
                line.close()
                with pytest.raises(EngineError, match="reading Kamailio's answer"):
                    await asking
            again, other = socket.socketpair()  # has the same number
            with again, other:
                heard = loop.create_future()
                again.setblocking(False)
                loop.add_reader(again, lambda: heard.done() or heard.set_result(True))
                other.send(b"here")
                assert await heard
                loop.remove_reader(again)

    run(play)


def test_a_question_that_is_given_up_while_the_agent_takes_no_connection_leaves_none(run_dir: Path) -> None:
    async def play() -> None:
        with agent(run_dir, backlog=0), socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as first:
            first.connect(str(run_dir / SOCKET))  # its queue is full now
            before = os.listdir("/proc/self/fd")
            asking = asyncio.create_task(AgentLine(run_dir).pulse())
            await asyncio.sleep(0)
            assert os.listdir("/proc/self/fd") != before
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert os.listdir("/proc/self/fd") == before

    run(play)


def test_the_answer_to_a_question_that_was_given_up_is_not_taken_for_the_next_ones(run_dir: Path) -> None:
    async def play() -> None:
        loop = asyncio.get_running_loop()
        with agent(run_dir) as listener:
            line = AgentLine(run_dir)
            asking = asyncio.create_task(line.pulse())
            first, _ = await loop.sock_accept(listener)
            asking.cancel()
            await asyncio.wait({asking})
            asking = asyncio.create_task(line.pulse())
            second, _ = await loop.sock_accept(listener)
            with first, second:
                with pytest.raises(BrokenPipeError):
                    first.send(b'{"carried": 1}')
                second.send(b'{"carried": 2}')
                await asking
            assert line.carried == 2
            line.close()

    run(play)
