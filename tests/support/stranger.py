"""Who sits in the path between two peers? Somebody who takes the connections: reads, records, replays, or ends TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

from sextet.streams import StreamServer, connect

Shown = tuple[Path, Path]  # a certificate and its key

PORT = 14372
CHUNK_BYTES = 1 << 16


class Relay:
    """Passes on what comes, both ways, and keeps what it could read of it."""

    def __init__(self, at: str, target: str, port: int, certificate: Shown | None) -> None:
        self._at, self._target, self._port = at, target, port
        self._contexts = _contexts(certificate) if certificate is not None else (None, None)
        self.connections = 0
        self.caller_said, self.target_said = bytearray(), bytearray()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[Relay]:
        server = StreamServer(self._serve)
        server.listen(self._at, PORT, self._contexts[0])
        try:
            yield self
        finally:
            await server.stop()

    async def said(self, data: bytes) -> bytes:
        """Say something to the target in the caller's place; gives what it answers until it closes the connection."""
        answer = bytearray()
        with contextlib.suppress(OSError):  # an alert, or hung up on
            reader, writer = await connect(self._target, self._port, self._contexts[1], source=self._at)
            try:
                writer.write(data)
                while some := await reader.read(CHUNK_BYTES):
                    answer += some
            finally:
                writer.transport.abort()
        return bytes(answer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(OSError):  # the ends hang up on each other, and on the stranger
            there, back = await connect(self._target, self._port, self._contexts[1], source=self._at)
            try:
                await asyncio.gather(_pump(reader, back, self.caller_said), _pump(there, writer, self.target_said))
            finally:
                back.transport.abort()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, heard: bytearray) -> None:
    try:
        while data := await source.read(CHUNK_BYTES):
            heard += data
            sink.write(data)
            await sink.drain()
    finally:
        sink.transport.abort()


def _contexts(shown: Shown) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Show the certificate to both ends, and believe every certificate."""
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    for context in (server, client):
        context.load_cert_chain(*shown)
    return server, client
