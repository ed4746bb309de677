"""How do lines reach remote syslog servers? As RFC 5424, one queue and one connection per server; nobody ever waits.

A queue that is full drops its newest line and counts it; the first line that leaves again says how many are missing.
UDP is RFC 5426, TCP is RFC 6587 3.4.1 (octet counting), TLS is RFC 5425.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sextet.ending import end
from sextet.model.settings.system import SYSLOG_LEVELS, SyslogServer
from sextet.streams import connect
from sextet.watch.logs import DEVELOPER, Said

QUEUE_MAX = 5000  # lines: some minutes of a busy peer, at most 10 MB
DATAGRAM_BYTES_MAX = 2048  # RFC 5424 6.1: what receivers should be able to take
CONNECT_S = 5.0
WRITE_S = 5.0  # a server that does not read for this long is given up
RETRY_S = 5.0
FACILITY_NAME_MAX = 48  # RFC 5424 6: APP-NAME
MSGID_MAX = 32
_BOM = b"\xef\xbb\xbf"  # RFC 5424 6.4: marks a text that is UTF-8
_HEAD = re.compile(r"^\S+ \S+ (?:([a-z0-9]+)(?:\[\d+\])?: )?")
_NOT_PRINTABLE = re.compile(r"[^\x21-\x7e]")


@dataclass(slots=True)
class Count:
    """What became of the lines for one server."""

    sent: int = 0
    dropped: int = 0  # since the start
    missing: int = 0  # not told to the server yet


class Syslog:
    """Sends to the servers that are configured; `told(server, trouble)` hears when one cannot be reached, and again."""

    def __init__(
        self, trusted: Path, told: Callable[[str, str], None], *, address: str = "", queue_max: int = QUEUE_MAX
    ) -> None:
        self._trusted = trusted
        self._address = address  # from which lines are sent: servers know peers by it
        self._told = told
        self._queue_max = queue_max
        self._senders: dict[SyslogServer, _Sender] = {}

    def configure(self, servers: Sequence[SyslogServer]) -> None:
        """Send to exactly these from now on; what stays as it was keeps its connection and its queue."""
        for server in set(self._senders) - set(servers):
            self._senders.pop(server).stop()
            self._told(_name(server), "")
        for server in servers:
            if server not in self._senders:
                self._senders[server] = _Sender(server, self._trusted, self._told, self._address, self._queue_max)

    def send(self, said: Said) -> None:
        """Queue a line for every server that wants it; never waits."""
        if not said.wanted:
            return
        for sender in self._senders.values():
            sender.put(said)

    @property
    def counts(self) -> dict[str, Count]:
        return {_name(server): sender.count for server, sender in self._senders.items()}

    async def stop(self) -> None:
        senders = list(self._senders.values())
        self._senders.clear()
        await end(sender.task for sender in senders)


def message(said: Said) -> bytes:
    """Write one line as RFC 5424 wants it."""
    head = _HEAD.match(said.text)
    application = (head[1] if head else "") or "sextet"
    text = said.text[head.end() :] if head else said.text
    body = text.encode() if text.isascii() else _BOM + text.encode("utf-8", "backslashreplace")
    return b" ".join([_header(said.facility, said.severity, said.moment, said.host, application, said.name), body])


class _Sender:
    """The queue and the connection of one server."""

    def __init__(
        self, server: SyslogServer, trusted: Path, told: Callable[[str, str], None], address: str, queue_max: int
    ) -> None:
        self.count = Count()
        self._server = server
        self._trusted = trusted
        self._told = told
        self._address = address
        self._severity = SYSLOG_LEVELS.index(server.level)
        self._queue: deque[Said] = deque()
        self._queue_max = queue_max
        self._filled = asyncio.Event()
        self.task = asyncio.get_running_loop().create_task(self._run(), name=f"syslog {_name(server)}")

    def put(self, said: Said) -> None:
        if said.severity > self._severity:
            return
        if len(self._queue) >= self._queue_max:
            self.count.dropped += 1
            self.count.missing += 1
            return
        self._queue.append(said)
        self._filled.set()

    def stop(self) -> None:
        self.task.cancel()

    async def _run(self) -> None:
        while True:
            try:
                await (self._by_datagrams() if self._server.transport == "UDP" else self._by_stream())
            except (OSError, ssl.SSLError, TimeoutError) as error:
                self._told(_name(self._server), _trouble(error))
            await asyncio.sleep(RETRY_S)

    async def _by_datagrams(self) -> None:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self._server.address, self._server.port, type=socket.SOCK_DGRAM)
        ip = str(found[0][4][0])
        transport, protocol = await loop.create_datagram_endpoint(
            _Ear, remote_addr=(ip, self._server.port), local_addr=(self._address, 0) if self._address else None
        )
        self._told(_name(self._server), "")
        try:
            while True:
                said = await self._next()
                transport.sendto(self._with_missing(said)[:DATAGRAM_BYTES_MAX])
                await asyncio.sleep(0)
                if protocol.error is not None:
                    raise protocol.error
                self._done()
        finally:
            transport.close()

    async def _by_stream(self) -> None:
        context = ssl.create_default_context(cafile=self._trusted) if self._server.transport == "TLS" else None
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await connect(self._server.address, self._server.port, context, source=self._address)
        self._told(_name(self._server), "")
        ended = asyncio.create_task(reader.read(1))  # a syslog server says nothing; what comes is the end
        waiting: asyncio.Task[Said] | None = None
        try:
            while True:
                waiting = asyncio.create_task(self._next())
                await asyncio.wait({waiting, ended}, return_when=asyncio.FIRST_COMPLETED)
                if ended.done():
                    raise ConnectionResetError(None, "the server closed the connection")
                data = self._with_missing(waiting.result())
                writer.write(f"{len(data)} ".encode() + data)
                async with asyncio.timeout(WRITE_S):
                    await writer.drain()
                self._done()
        finally:
            writer.transport.abort()
            tasks = [task for task in (ended, waiting) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _next(self) -> Said:
        """Give the oldest line, which stays in the queue until it is sent."""
        while not self._queue:
            self._filled.clear()
            await self._filled.wait()
        return self._queue[0]

    def _done(self) -> None:
        if self.count.missing:
            self.count.missing = 0  # it was told; the line itself is sent next
            return
        self._queue.popleft()
        self.count.sent += 1

    def _with_missing(self, said: Said) -> bytes:
        if not self.count.missing:
            return message(said)
        detail = f'Event="Event Log Incomplete" Detail="{self.count.missing} lines were not sent to this server"'
        header = _header(DEVELOPER, 4, said.moment, said.host, "sextet", "Event Log Incomplete")
        return header + b" " + detail.encode()


class _Ear(asyncio.DatagramProtocol):
    """Hears that nobody listens at the other end, where the network says so."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def error_received(self, exc: Exception) -> None:
        self.error = exc


def _header(facility: int, severity: int, moment: datetime, host: str, application: str, name: str) -> bytes:
    parts = (
        f"<{facility * 8 + severity}>1",
        moment.isoformat(timespec="milliseconds"),
        _token(host, 255) or "TANDBERG",
        _token(application, FACILITY_NAME_MAX),
        "-",
        _token(name, MSGID_MAX) or "-",
        "-",
    )
    return " ".join(parts).encode()


def _token(text: str, most: int) -> str:
    return _NOT_PRINTABLE.sub("", text)[:most]


def _name(server: SyslogServer) -> str:
    return f"{server.address} port {server.port} {server.transport}"


def _trouble(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"No answer within {CONNECT_S:g} s."
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"Its certificate is not accepted: {error.verify_message}."
    if isinstance(error, OSError) and error.errno and error.errno in errno.errorcode:
        return f"{os.strerror(error.errno)}."  # asyncio puts other words into strerror
    text = (error.strerror if isinstance(error, OSError) else "") or str(error) or type(error).__name__
    return f"{text}."
