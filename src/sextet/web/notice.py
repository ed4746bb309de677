"""One page and nothing else: what a peer serves over HTTPS while it cannot serve its own pages."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

from sextet.streams import StreamServer
from sextet.web.app import WebError

REQUEST_BYTES_MAX = 16 << 10  # a browser with all its cookies
REQUEST_WITHIN_S = 10.0
CONNECTIONS_MAX = 32
_REASONS = {200: "OK", 503: "Service Unavailable"}
_HEADERS = (
    "Cache-Control: no-store\r\nContent-Security-Policy: default-src 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\nConnection: close\r\n"
)

Answer = Callable[[str], tuple[int, str, str]]  # path in; status, type and text out


class NoticeServer:
    """Answers every request with what `answer` gives."""

    def __init__(self, answer: Answer, address: str, port: int, certificate: Path, private_key: Path) -> None:
        self._answer, self._address, self._port = answer, address, port
        self._certificate, self._private_key = certificate, private_key
        self._server = StreamServer(self._serve, limit=REQUEST_BYTES_MAX)

    async def start(self) -> None:
        """Serve. Raises WebError."""
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.load_cert_chain(self._certificate, self._private_key)
            self._server.listen(self._address, self._port, context)
        except OSError as error:  # ssl.SSLError is one
            raise WebError(f"the page cannot be served on {self._address} port {self._port}: {error}") from error

    async def stop(self) -> None:
        """Stop at once."""
        await self._server.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._server) > CONNECTIONS_MAX:
            writer.transport.abort()
            return
        try:
            async with asyncio.timeout(REQUEST_WITHIN_S):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                path = (head.split(" ", 2) + ["", ""])[1].partition("?")[0]
                status, kind, text = self._answer(path)
                body = text.encode()
                writer.write(
                    f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {kind}; charset=utf-8\r\n{_HEADERS}"
                    f"Content-Length: {len(body)}\r\n\r\n".encode()
                    + body
                )
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # it left, or is no browser
