"""Connections as streams that end with whoever holds them: those that are accepted here, and those that are made.

asyncio forgets whom it accepted, and loses those that come in the moment of the end: they stay open, served by nobody,
until the garbage collector finds them. Here a connection belongs to its task from accept() on.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import ssl
from collections.abc import Callable, Coroutine
from typing import Any

from sextet.ending import end
from sextet.model.schema import is_ip

BACKLOG = 100
READ_AHEAD_BYTES = 1 << 16  # as asyncio has it
TLS_WITHIN_S = 10.0  # its handshake, and its end: who does not answer is let go
TURNS = 16  # of the loop, in which a transport ends whose socket has; else its handshake's limit ends it
AGAIN_S = 0.5  # out of descriptors: what is open goes on

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]
Attend = Callable[[socket.socket], Coroutine[None, None, None]]
Admit = Callable[[str], Attend | None]


async def connect(
    host: str, port: int, tls: ssl.SSLContext | None = None, *, name: str = "", source: str = "",
    limit: int = READ_AHEAD_BYTES,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:  # fmt: skip
    """Connect to a host, by the first of its addresses that answers, from our address `source`; over TLS to `name`.

    asyncio's own way leaves a connection behind where it is cancelled when TLS is just there. Raises OSError.
    """
    failure = OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    for family, address in await _places(host, port):
        if source and family_of(source) != family:
            continue
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            if source:
                sock.bind((source, 0))
            await asyncio.get_running_loop().sock_connect(sock, address)
        except OSError as error:
            sock.close()
            failure = error
            continue
        except BaseException:  # cancelled
            sock.close()
            raise
        return await stream(sock, tls, host=(name or host) if tls is not None else None, limit=limit)
    raise failure


async def stream(
    sock: socket.socket, tls: ssl.SSLContext | None = None, *, host: str | None = None, limit: int = READ_AHEAD_BYTES,
    handshake_s: float | None = None, end_s: float | None = None,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:  # fmt: skip
    """Make a stream of a connected socket, which is the stream's own from now on, whatever happens.

    `host` is whom a client has connected to; without it this is the server's end. Raises OSError (ssl.SSLError is one).
    """
    reader = asyncio.StreamReader(limit=limit)
    protocol = asyncio.StreamReaderProtocol(reader)
    transport = await attach(protocol, sock, tls, host=host, handshake_s=handshake_s, end_s=end_s)
    return reader, asyncio.StreamWriter(transport, protocol, reader, asyncio.get_running_loop())


async def attach(
    protocol: asyncio.Protocol, sock: socket.socket, tls: ssl.SSLContext | None, *, host: str | None = None,
    handshake_s: float | None = None, end_s: float | None = None,
) -> asyncio.Transport:  # fmt: skip
    """Let a protocol have a connected socket as `stream` has it. Raises OSError."""
    loop = asyncio.get_running_loop()
    begins_s, ends_s = (handshake_s, end_s) if tls is not None else (None, None)
    try:
        if host is None:
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol, sock, ssl=tls, ssl_handshake_timeout=begins_s, ssl_shutdown_timeout=ends_s
            )
        else:
            transport, _ = await loop.create_connection(
                lambda: protocol, sock=sock, ssl=tls, server_hostname=host, ssl_handshake_timeout=begins_s,
                ssl_shutdown_timeout=ends_s,
            )  # fmt: skip
    except asyncio.CancelledError:
        # Cancelled when TLS is just there, asyncio's transport stays until the other end says goodbye; closed under it,
        # the socket gives the number of its descriptor to the next one while the loop has it for this one. So it is
        # told that the other end left.
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        await _closed(sock)
        raise
    return transport


async def _closed(sock: socket.socket) -> None:
    """Wait some turns for the transport that ends with its socket."""
    for _ in range(TURNS):
        if sock.fileno() == -1:
            break
        await asyncio.sleep(0)


def family_of(ip: str) -> socket.AddressFamily:
    """Say what kind of socket reaches an address."""
    return socket.AF_INET6 if ":" in ip else socket.AF_INET


async def _places(host: str, port: int) -> list[tuple[int, Any]]:
    """Find the addresses of a host, each with its family."""
    if is_ip(host):
        return [(family_of(host), (host, port))]
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


def drop(transport: asyncio.WriteTransport, sock: socket.socket) -> None:
    """End a transport that may have ended: closed while it had something to send, it could not be aborted then."""
    if sock.fileno() == -1:
        return
    if getattr(transport, "_ssl_protocol", transport) is not None:
        transport.abort()
    else:  # closed twice, asyncio's TLS has forgotten what there is to abort
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


class Acceptor:
    """Accepts connections, each for a task of its own that has the socket from its first turn on.

    `admit` is asked with the caller's address, "" on a local socket, and gives what attends to him; None closes the
    connection before it costs anything. `short` hears why connections cannot be accepted for a moment.
    """

    def __init__(self, admit: Admit, our_error: str, short: Callable[[OSError], None] = lambda _: None) -> None:
        self._admit, self._our_error, self._short = admit, our_error, short
        self._tasks: dict[asyncio.Task[None], socket.socket | None] = {}  # the socket of one that has not begun
        self.listener: socket.socket | None = None

    @property
    def tasks(self) -> tuple[asyncio.Task[None], ...]:
        """Those that attend, or are about to."""
        return tuple(self._tasks)

    def open(self, listener: socket.socket) -> None:
        """Accept on a socket that listens and does not block."""
        self.listener = listener
        self._watch(listener)

    def close(self) -> None:
        """Close that socket; the tasks are the owner's to end."""
        if self.listener is not None:
            asyncio.get_running_loop().remove_reader(self.listener)
            self.listener.close()
            self.listener = None

    def _watch(self, listener: socket.socket) -> None:
        if listener is self.listener:
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        """Take one connection; not a coroutine, which would lose what came in the moment of its end."""
        try:
            sock, address = listener.accept()
        except (BlockingIOError, ConnectionError):
            return  # it left again
        except OSError as error:  # out of descriptors: what is open goes on
            self._short(error)
            loop = asyncio.get_running_loop()
            loop.remove_reader(listener)
            loop.call_later(AGAIN_S, self._watch, listener)
            return
        sock.setblocking(False)
        self.take(sock, address[0] if address else "")

    def take(self, sock: socket.socket, ip: str) -> None:
        """Have a connection attended to, or close it."""
        attend = self._admit(ip)
        if attend is None:
            sock.close()
            return
        task = asyncio.create_task(self._attended(attend, sock))
        self._tasks[task] = sock
        task.add_done_callback(self._ended)  # not the coroutine's business: one that is cancelled early never begins

    async def _attended(self, attend: Attend, sock: socket.socket) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks[task] = None
        await attend(sock)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if (sock := self._tasks.pop(task)) is not None:
            sock.close()
        if not task.cancelled() and (error := task.exception()) is not None:
            asyncio.get_running_loop().call_exception_handler({"message": self._our_error, "exception": error})


class StreamServer:
    """Calls `serve` for each connection, which ends when that returns."""

    def __init__(self, serve: Serve, limit: int = READ_AHEAD_BYTES) -> None:
        self._serve, self._limit = serve, limit
        self._tls: ssl.SSLContext | None = None
        self._acceptor = Acceptor(lambda _: self._attend, "serving a connection")
        self._open: dict[asyncio.WriteTransport, socket.socket] = {}

    def __len__(self) -> int:
        """Count the connections."""
        return len(self._acceptor.tasks)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        assert self._acceptor.listener is not None
        ip, port = self._acceptor.listener.getsockname()[:2]
        return ip, port

    def listen(self, ip: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Listen on one address; port 0 is any. Raises OSError."""
        self.listen_on(socket.create_server((ip, port), family=family_of(ip)), tls)

    def listen_on(self, bound: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        """Listen on a socket, which is closed at the end."""
        bound.setblocking(False)
        bound.listen(BACKLOG)
        self._tls = tls
        self._acceptor.open(bound)

    def cut(self) -> None:
        """End all connections; new ones are accepted."""
        for transport, sock in self._open.items():
            drop(transport, sock)

    async def stop(self) -> None:
        """Listen no more, and end what is open; may be repeated."""
        self._acceptor.close()
        await end(self._acceptor.tasks)
        await asyncio.sleep(0)  # in which transports close their sockets

    async def _attend(self, sock: socket.socket) -> None:
        """One connection, to its end."""
        try:
            reader, writer = await stream(
                sock, self._tls, limit=self._limit, handshake_s=TLS_WITHIN_S, end_s=TLS_WITHIN_S
            )
        except OSError:
            return  # it left, or does not believe us
        self._open[writer.transport] = sock
        try:
            await self._serve(reader, writer)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        finally:
            del self._open[writer.transport]
            drop(writer.transport, sock)
            await _closed(sock)
