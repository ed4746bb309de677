"""The server on a real socket: HTTPS, its own address only, a certificate exchanged while it serves, a quick end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from pathlib import Path

import pytest

from sextet.web import app
from sextet.web.app import WebError
from tests.support.fake_web import certificate, peer, server

ADDRESS = "127.67.0.3"
FORM = b"application/x-www-form-urlencoded"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])


async def fetch(port: int, path: str) -> tuple[bytes, bytes]:
    """Return the server's certificate and its answer."""
    context = ssl._create_unverified_context()
    reader, writer = await asyncio.open_connection(ADDRESS, port, ssl=context)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {ADDRESS}\r\nConnection: close\r\n\r\n".encode())
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return shown, answer


def test_it_serves_https_and_exchanges_its_certificate(tmp_path: Path) -> None:
    async def play() -> None:
        port = free_port()
        pages, _ = server(peer(), tmp_path, ADDRESS, port)
        await pages.start()
        try:
            first, answer = await fetch(port, "/livez")
            assert answer.startswith(b"HTTP/1.1 200")
            assert b"\r\nserver:" not in answer.lower()
            pages.exchange_certificate(*certificate(tmp_path, ADDRESS))
            second, answer = await fetch(port, "/livez")
            assert answer.startswith(b"HTTP/1.1 200")
            assert first != second
            (tmp_path / "broken.pem").write_text("nothing")
            with pytest.raises(WebError, match="broken.pem"):
                pages.exchange_certificate(tmp_path / "broken.pem", tmp_path / "key.pem")
            assert (await fetch(port, "/livez"))[0] == second
        finally:
            await pages.stop()
        with pytest.raises(OSError):
            await fetch(port, "/livez")

    asyncio.run(play())


def test_an_open_stream_does_not_hold_the_peer(tmp_path: Path) -> None:
    async def play() -> None:
        port = free_port()
        pages, _ = server(peer(), tmp_path, ADDRESS, port)
        await pages.start()
        context = ssl._create_unverified_context()
        reader, writer = await asyncio.open_connection(ADDRESS, port, ssl=context)
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"alive")
        started = asyncio.get_running_loop().time()
        await pages.stop()
        assert asyncio.get_running_loop().time() - started < 5
        writer.close()

    asyncio.run(play())


def test_a_browser_that_sleeps_does_not_hold_the_peer(tmp_path: Path) -> None:
    async def play() -> None:
        port = free_port()
        pages, _ = server(peer(), tmp_path, ADDRESS, port)
        await pages.start()
        context = ssl._create_unverified_context()

        def browse() -> ssl.SSLSocket:
            browser = context.wrap_socket(socket.create_connection((ADDRESS, port), timeout=5))
            browser.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b""
            while b"alive" not in answer:
                answer += browser.recv(4096)
            return browser

        browser = await asyncio.to_thread(browse)  # from here on it reads nothing, not even that the peer says goodbye
        started = asyncio.get_running_loop().time()
        await pages.stop()
        assert asyncio.get_running_loop().time() - started < app.STOP_S - 1
        browser.close()

    asyncio.run(play())


def test_it_starts_again_after_it_was_stopped(tmp_path: Path) -> None:
    async def play() -> None:
        port = free_port()
        pages, _ = server(peer(), tmp_path, ADDRESS, port)
        for _ in range(2):
            await pages.start()
            assert (await fetch(port, "/readyz"))[1].endswith(b"ready\n")
            await pages.stop()

    asyncio.run(play())


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    async def play() -> None:
        with socket.socket() as taken:
            taken.bind((ADDRESS, 0))
            taken.listen()
            port = taken.getsockname()[1]
            pages, _ = server(peer(), tmp_path, ADDRESS, port)
            with pytest.raises(WebError, match=f"{ADDRESS} port {port}: Address already in use"):
                await pages.start()
            await pages.stop()

    asyncio.run(play())


def test_garbage_is_answered_or_dropped(tmp_path: Path) -> None:
    async def play() -> None:
        port = free_port()
        pages, _ = server(peer(), tmp_path, ADDRESS, port)
        await pages.start()
        try:
            for garbage in (b"\x00" * 100, b"GET / HTTP/9\r\n\r\n", b"A" * 100_000):
                reader, writer = await asyncio.open_connection(ADDRESS, port)
                writer.write(garbage)
                await asyncio.wait_for(reader.read(), 5)
                writer.close()
            assert (await fetch(port, "/livez"))[1].startswith(b"HTTP/1.1 200")
        finally:
            await pages.stop()

    asyncio.run(play())


def test_who_does_not_send_a_whole_request_keeps_no_place_from_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(app, "REQUEST_WITHIN_S", 0.3)

    async def play() -> None:
        port = free_port()
        pages, _ = server(peer(), tmp_path, ADDRESS, port)
        await pages.start()
        try:
            context = ssl._create_unverified_context()
            whole = f"GET /livez HTTP/1.1\r\nHost: {ADDRESS}\r\n\r\n".encode()
            post = b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nContent-Type: " + FORM + b"\r\n\r\nuser="
            for said in (b"", b"GET /livez HT", post):
                reader, writer = await asyncio.open_connection(ADDRESS, port, ssl=context)
                writer.write(said)
                assert await asyncio.wait_for(reader.read(), 5) == b""
                writer.close()
            reader, writer = await asyncio.open_connection(ADDRESS, port, ssl=context)
            for _ in range(2):  # who asks and rests keeps the connection
                writer.write(whole)
                await asyncio.wait_for(reader.readuntil(b"\r\n\r\nalive"), 5)
                await asyncio.sleep(0.5)
            writer.write(b"GET /livez HT")
            assert not (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP")
            writer.close()
        finally:
            await pages.stop()

    asyncio.run(play())
    assert not caplog.records, "a form that was not finished is no error of ours"


@pytest.mark.parametrize("turns", range(8))
def test_a_browser_that_comes_in_the_moment_of_the_end_is_let_go(turns: int, tmp_path: Path) -> None:
    async def play() -> None:
        port = free_port()
        pages, _ = server(peer(), tmp_path, ADDRESS, port)
        await pages.start()
        # The kernel takes the connection at once; TLS never begins.
        with socket.create_connection((ADDRESS, port), timeout=5) as browser:
            for _ in range(turns):
                await asyncio.sleep(0)
            await pages.stop()
            assert asyncio.all_tasks() == {asyncio.current_task()}
            with contextlib.suppress(ConnectionResetError):  # nobody had accepted it
                assert browser.recv(1) == b""

    asyncio.run(play())


@pytest.mark.parametrize("leaves_first", [False, True])
def test_the_end_of_a_connection_that_has_ended_already_is_no_error_of_ours(
    leaves_first: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "GOODBYE_S", 0.01)  # the peer's own stop waits longer

    async def play() -> None:
        errors: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        port = free_port()
        pages, _ = server(peer(), tmp_path, ADDRESS, port)
        await pages.start()
        reader, writer = await asyncio.open_connection(ADDRESS, port, ssl=ssl._create_unverified_context())
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"alive")
        stopping = asyncio.create_task(pages.stop())
        if leaves_first:
            writer.close()
        await stopping
        writer.close()
        assert errors == []

    asyncio.run(play())
