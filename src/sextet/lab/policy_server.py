"""A small policy service for the lab and for scenarios: answers with the CPL that a table or a function gives."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs

from sextet.streams import StreamServer

Cpl = Callable[[Mapping[str, str]], str]
OK = "HTTP/1.1 200 OK"


class PolicyServer:
    """Listens on one address; `cpl` says what is answered, `delay_s` how late, `first` in which status line.

    `hurry` has those answers come that are late.
    """

    def __init__(self, cpl: Cpl) -> None:
        self.cpl = cpl
        self.delay_s = 0.0
        self.first = OK
        self.asked: list[dict[str, str]] = []
        self.authorization = ""  # of the last request
        self._came = asyncio.Event()
        self._hurry = asyncio.Event()
        self._server = StreamServer(self._serve)

    async def start(self, ip: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Listen."""
        self._server.listen(ip, port, tls)

    async def stop(self) -> None:
        """Listen no more, and end what is open."""
        await self._server.stop()

    def hurry(self) -> None:
        """Answer whoever waits for an answer now."""
        self._hurry.set()
        self._hurry = asyncio.Event()

    async def until(self, count: int, wait_s: float = 10.0) -> None:
        """Wait until so many requests came."""
        async with asyncio.timeout(wait_s):
            while len(self.asked) < count:
                self._came.clear()
                await self._came.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self._answer(reader, writer)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self.authorization = headers.get("authorization", "")
        path, _, query = first.split(" ")[1].partition("?")
        body = (await reader.readexactly(int(headers.get("content-length", 0)))).decode()
        if path == "/status":
            text = "well"
        else:
            values = {name: given[0] for name, given in parse_qs(body or query, keep_blank_values=True).items()}
            self.asked.append(values)
            self._came.set()
            text = self.cpl(values)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.delay_s):
                    await self._hurry.wait()
        answer = f"{self.first}\r\nContent-Length: {len(text.encode())}\r\n\r\n{text}"
        writer.write(answer.encode())
        await writer.drain()
