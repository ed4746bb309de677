"""A wire between a TCP client and a server that can be cut, and that hides the address of the client."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType

from sextet.streams import StreamServer


class Relay:
    """Listens at one address and passes everything on to another."""

    def __init__(self, address: tuple[str, int], server: tuple[str, int]) -> None:
        self._address, self._server = address, server
        self._listener = StreamServer(self._pass)
        self.accepted = 0

    async def __aenter__(self) -> Relay:
        self._listener.listen(*self._address)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        await self._listener.stop()

    def cut(self) -> None:
        """Break every connection; new ones are accepted."""
        self._listener.cut()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        with contextlib.suppress(OSError):
            try:
                there, back = await asyncio.open_connection(*self._server)
            except OSError:
                await reader.read()  # the client is left waiting, as by a firewall that swallows everything
                return
            try:
                await asyncio.gather(_copy(reader, back), _copy(there, writer))
            finally:
                back.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
