"""Do the private parts of nats-py on which session.py leans still exist, and are they used as we think?"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.transport import Transport

from sextet.cluster.wire.session import Gate, HandedTransport, Session, SessionLost


def test_a_client_takes_a_transport_that_is_there_before_it_connects() -> None:
    client = Client()
    assert client._transport is None
    assert "if not self._transport" in inspect.getsource(Client._connect_to_server)


def test_a_client_keeps_what_the_server_said_of_itself() -> None:
    assert hasattr(Client(), "_server_info")


def test_our_transport_has_every_part_that_is_asked_for() -> None:
    wanted = {name for name in dir(Transport) if not name.startswith("__")} | {"__bool__"}
    assert wanted <= set(vars(HandedTransport))


def test_a_read_loop_that_ends_with_the_stream_says_so() -> None:
    assert "at_eof" in inspect.getsource(Client._read_loop)


@asynccontextmanager
async def session() -> AsyncIterator[tuple[Session, asyncio.StreamWriter]]:
    """A session with a store that greets, answers pings and takes all else in silence; and that store's end of it."""
    ends: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends.put_nowait(writer)
        writer.write(b'INFO {"server_id":"x","version":"2.9.0","max_payload":1048576,"headers":true}\r\n')
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                if line.startswith(b"PING"):
                    writer.write(b"PONG\r\n")

    server = await asyncio.start_server(greet, "127.63.0.54", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    try:
        opened = await Session.open(
            reader, writer, user="u", password="p", name="test", lost=lambda why: None, gate=Gate()
        )
        yield opened, await ends.get()
    finally:
        writer.close()
        server.close()


def test_a_session_whose_store_dies_while_it_is_written_to_leaves_no_task_behind() -> None:
    async def heard(message: Msg) -> None:
        """Nothing comes."""

    async def play() -> None:
        before = asyncio.all_tasks()
        async with session() as (opened, store):
            await opened.listen("rpc.>", heard)
            store.transport.abort()
            with pytest.raises(SessionLost):
                while True:
                    await opened.say("subject", b"a row")
                    await asyncio.sleep(0)
            opened.abort()
            assert opened._closing is not None
            await opened._closing
            left = {task for task in asyncio.all_tasks() - before if "nats" in repr(task)}
        assert not left, "a task that nobody ends is destroyed while it is pending"

    asyncio.run(asyncio.wait_for(play(), 10))
