"""Connections end with the server that accepted them, whenever it stops."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from sextet import streams
from sextet.sip.diagnosis import cause_of
from sextet.sip.http_request import Ask, answer
from sextet.streams import StreamServer, connect, drop, stream
from tests.support.sip_peers import certificate

ADDRESS = "127.64.9.85"
CLIENT_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
CLIENT_TLS.check_hostname, CLIENT_TLS.verify_mode = False, ssl.CERT_NONE
CLIENTS: dict[str, Callable[[int], Coroutine[Any, Any, object]]] = {
    "connect": lambda port: connect(ADDRESS, port, CLIENT_TLS, name="sextet.test"),
    "HTTP": lambda port: answer(Ask(host=ADDRESS, ip=ADDRESS, port=port, method="GET", path="/", tls=CLIENT_TLS), 99),
    "diagnosis": lambda port: cause_of(f"sip:{ADDRESS}:{port};transport=tls", ADDRESS, None, "sextet.test"),
}


def run(play: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(10):
            await play()

    asyncio.run(limited())


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(line)


@pytest.mark.parametrize("over_tls", [False, True])
@pytest.mark.parametrize("turns", range(8))
def test_a_connection_that_comes_in_the_moment_of_the_end_ends_with_its_server(
    turns: int, over_tls: bool, tmp_path: Path
) -> None:
    tls = _server_tls(tmp_path) if over_tls else None

    async def play() -> None:
        server = StreamServer(echo)
        server.listen(ADDRESS, 0, tls)
        # The kernel takes the connection at once, as one of another process; the loop some of its turns later.
        with socket.create_connection(server.address, timeout=5) as client:
            for _ in range(turns):
                await asyncio.sleep(0)
            await server.stop()
            assert len(server) == 0
            with contextlib.suppress(ConnectionResetError):  # nobody had accepted it
                assert client.recv(1) == b""

    run(play)


@pytest.mark.parametrize(("over_tls", "is_client"), [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("turns", range(10))
def test_who_is_cancelled_while_a_stream_is_made_leaves_no_descriptor_to_the_loop(
    turns: int, over_tls: bool, is_client: bool
) -> None:
    protocol = ssl.PROTOCOL_TLS_CLIENT if is_client else ssl.PROTOCOL_TLS_SERVER
    tls = ssl.SSLContext(protocol) if over_tls else None
    host = "sextet.test" if is_client else None

    async def play() -> None:
        errors: list[object] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: errors.append(context))
        ours, theirs = socket.socketpair()
        with theirs:
            ours.setblocking(False)
            making = asyncio.create_task(stream(ours, tls, host=host, handshake_s=5, end_s=5))
            for _ in range(turns):
                await asyncio.sleep(0)
            making.cancel()
            [made] = await asyncio.gather(making, return_exceptions=True)
            if not isinstance(made, BaseException):  # without TLS a few turns make it
                drop(made[1].transport, ours)
            elif turns == 0:
                ours.close()  # it never began: the socket is still the caller's
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert ours.fileno() == -1
            again, other = socket.socketpair()
            with again, other:  # has the same number, which is free in the loop too
                again.setblocking(False)
                loop.add_reader(again, lambda: None)
                loop.remove_reader(again)
        assert errors == []

    run(play)


def test_who_is_cancelled_in_the_moment_in_which_tls_is_there_waits_for_nobody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tls = _server_tls(tmp_path)

    async def play() -> None:
        errors: list[object] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: errors.append(context))
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        made = asyncio.StreamReaderProtocol.connection_made

        def cancelled(protocol: asyncio.StreamReaderProtocol, transport: asyncio.BaseTransport) -> None:
            made(protocol, transport)
            making.cancel()

        monkeypatch.setattr(asyncio.StreamReaderProtocol, "connection_made", cancelled)
        making = asyncio.create_task(stream(ours, tls, handshake_s=5, end_s=5))
        with await asyncio.to_thread(CLIENT_TLS.wrap_socket, theirs):  # which does not say that it ends TLS too
            [error] = await asyncio.gather(making, return_exceptions=True)
            assert isinstance(error, asyncio.CancelledError)
            assert ours.fileno() == -1
            again, other = socket.socketpair()
            with again, other:  # has the same number, which is free in the loop too
                again.setblocking(False)
                loop.add_reader(again, lambda: None)
                loop.remove_reader(again)
        assert errors == []

    run(play)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_that_is_cancelled_in_the_moment_in_which_tls_is_there_leaves_no_connection(
    client: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    theirs_tls = _server_tls(tmp_path)

    async def play() -> None:
        sockets: list[socket.socket] = []
        made = asyncio.StreamReaderProtocol.connection_made

        def cancelled(protocol: asyncio.StreamReaderProtocol, transport: asyncio.BaseTransport) -> None:
            sockets.append(transport.get_extra_info("socket"))
            made(protocol, transport)
            connecting.cancel()

        def accept() -> ssl.SSLSocket:
            return theirs_tls.wrap_socket(listener.accept()[0], server_side=True)

        monkeypatch.setattr(asyncio.StreamReaderProtocol, "connection_made", cancelled)
        with socket.create_server((ADDRESS, 0)) as listener:
            listener.settimeout(5)
            connecting = asyncio.create_task(CLIENTS[client](listener.getsockname()[1]))
            with await asyncio.to_thread(accept):  # which does not say that it ends TLS too
                [error] = await asyncio.gather(connecting, return_exceptions=True)
                assert isinstance(error, asyncio.CancelledError)
                assert [one.fileno() for one in sockets] == [-1]

    run(play)


def test_a_host_is_connected_to_by_the_first_of_its_addresses_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    async def play() -> None:
        server = StreamServer(echo)
        server.listen(ADDRESS, 0)
        port = server.address[1]
        places = [("::1", port, 0, 0), ("127.64.9.86", port), (ADDRESS, port)]
        families = [socket.AF_INET6, socket.AF_INET, socket.AF_INET]

        async def found(*_: object, **__: object) -> list[tuple[object, ...]]:
            return [(family, 0, 0, "", place) for family, place in zip(families, places, strict=True)]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", found)
        reader, writer = await connect("logs.test", port, source="127.64.9.84")
        assert writer.get_extra_info("peername") == (ADDRESS, port)
        assert writer.get_extra_info("sockname")[0] == "127.64.9.84"
        writer.close()
        await writer.wait_closed()
        await server.stop()
        with pytest.raises(ConnectionRefusedError):
            await connect("logs.test", port)

    run(play)


@pytest.mark.parametrize("closes_too", [False, True])
def test_a_client_that_ends_tls_before_its_server_does_is_no_error_of_ours(closes_too: bool, tmp_path: Path) -> None:
    tls = _server_tls(tmp_path)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read() == b""
        if closes_too:
            writer.close()

    async def play() -> None:
        errors: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        server = StreamServer(serve)
        server.listen(ADDRESS, 0, tls)
        _, writer = await asyncio.open_connection(*server.address, ssl=CLIENT_TLS)
        writer.close()
        await writer.wait_closed()
        await asyncio.gather(*server._acceptor.tasks)
        await server.stop()
        assert errors == []

    run(play)


def test_what_was_written_last_is_sent_before_the_connection_ends() -> None:
    text = b"x" * (4 << 20)  # more than the kernel takes at once

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)

    async def play() -> None:
        errors: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        server = StreamServer(serve)
        server.listen(ADDRESS, 0)
        reader, writer = await asyncio.open_connection(*server.address)
        assert await reader.read() == text
        writer.close()
        await writer.wait_closed()
        await server.stop()
        assert errors == []

    run(play)


def test_who_does_not_read_what_is_sent_to_him_does_not_hold_the_stop() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"x" * (8 << 20))  # more than the kernel takes
            sent.set()
            await writer.drain()
        finally:
            writer.close()
            await writer.wait_closed()

    async def play() -> None:
        server = StreamServer(serve)
        server.listen(ADDRESS, 0)
        with socket.create_connection(server.address, timeout=5):
            await sent.wait()
            stopped, _ = await asyncio.wait({asyncio.create_task(server.stop())}, timeout=5)
            assert stopped

    sent = asyncio.Event()
    run(play)


def test_a_cut_ends_what_is_open_and_the_next_is_served() -> None:
    async def play() -> None:
        server = StreamServer(echo)
        server.listen(ADDRESS, 0)
        address = server.address
        for _ in range(2):
            reader, writer = await asyncio.open_connection(*server.address)
            writer.write(b"here\n")
            assert await reader.readline() == b"here\n"
            server.cut()
            assert await reader.read() == b""
            writer.close()
        await server.stop()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)

    run(play)


def test_while_descriptors_are_short_it_listens_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "AGAIN_S", 0.01)
    tries = 0

    class Short(socket.socket):
        def accept(self) -> tuple[socket.socket, object]:
            nonlocal tries
            tries += 1
            if tries < 3:
                raise OSError(errno.EMFILE, "Too many open files")
            return super().accept()

    async def play() -> None:
        server, bound = StreamServer(echo), Short(socket.AF_INET)
        bound.bind((ADDRESS, 0))
        server.listen_on(bound)
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write(b"here\n")
        assert (await reader.readline(), tries) == (b"here\n", 3)
        writer.close()
        await writer.wait_closed()
        await server.stop()

    run(play)


def test_an_error_of_ours_ends_that_connection_and_is_told() -> None:
    told: list[object] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise ZeroDivisionError

    async def play() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
        server = StreamServer(serve)
        server.listen(ADDRESS, 0)
        reader, writer = await asyncio.open_connection(*server.address)
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        await server.stop()
        assert [type(error) for error in told] == [ZeroDivisionError]

    run(play)


def _server_tls(folder: Path) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate(folder)
    tls.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return tls
