"""Serves streams as asyncio.start_server does; when it has stopped, every connection that it accepted has ended too.

asyncio forgets whom it accepted, and loses those that come in the moment of the end: they stay open, served by nobody,
until the garbage collector finds them. Here a connection belongs to its task from accept() on.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Coroutine

BACKLOG = 100
READ_AHEAD_BYTES = 1 << 16  # as asyncio has it
TLS_WITHIN_S = 10.0  # its handshake, and its end: who does not answer is let go
AGAIN_S = 1.0  # out of descriptors: what is open goes on

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]


class StreamServer:
    """Calls `serve` for each connection, which ends when that returns."""

    def __init__(self, serve: Serve, limit: int = READ_AHEAD_BYTES) -> None:
        self._serve, self._limit = serve, limit
        self._tls: ssl.SSLContext | None = None
        self._listener: socket.socket | None = None
        self._open: dict[asyncio.Task[None], socket.socket | asyncio.WriteTransport] = {}

    def __len__(self) -> int:
        """Count the connections."""
        return len(self._open)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        assert self._listener is not None
        ip, port = self._listener.getsockname()[:2]
        return ip, port

    def listen(self, ip: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Listen on one address; port 0 is any. Raises OSError."""
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        self.listen_on(socket.create_server((ip, port), family=family), tls)

    def listen_on(self, bound: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        """Listen on a socket, which is closed at the end."""
        bound.setblocking(False)
        bound.listen(BACKLOG)
        self._listener, self._tls = bound, tls
        self._watch(bound)

    def cut(self) -> None:
        """End all connections; new ones are accepted."""
        for end in self._open.values():
            if isinstance(end, asyncio.WriteTransport):
                end.abort()

    async def stop(self) -> None:
        """Listen no more, and end what is open; may be repeated."""
        if self._listener is None:
            return
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()
        self._listener = None
        tasks = tuple(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # in which transports close their sockets

    def _watch(self, listener: socket.socket) -> None:
        if listener is self._listener:
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        try:
            sock, _ = listener.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError:
            loop = asyncio.get_running_loop()
            loop.remove_reader(listener)
            loop.call_later(AGAIN_S, self._watch, listener)
            return
        task = asyncio.create_task(self._attend(sock))
        self._open[task] = sock
        task.add_done_callback(self._ended)  # not the coroutine's business: one that is cancelled early never begins

    async def _attend(self, sock: socket.socket) -> None:
        """One connection, to its end."""
        sock.setblocking(False)
        loop, reader = asyncio.get_running_loop(), asyncio.StreamReader(limit=self._limit)
        limit_s = TLS_WITHIN_S if self._tls is not None else None
        try:
            transport, protocol = await loop.connect_accepted_socket(
                lambda: asyncio.StreamReaderProtocol(reader), sock,
                ssl=self._tls, ssl_handshake_timeout=limit_s, ssl_shutdown_timeout=limit_s,
            )  # fmt: skip
        except OSError:
            return  # it left, or does not believe us
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = transport
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        await self._serve(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    def _ended(self, task: asyncio.Task[None]) -> None:
        end = self._open.pop(task)
        if isinstance(end, asyncio.WriteTransport):
            end.abort()
        else:
            end.close()
        if not task.cancelled() and (error := task.exception()) is not None:
            asyncio.get_running_loop().call_exception_handler({"message": "serving a connection", "exception": error})
