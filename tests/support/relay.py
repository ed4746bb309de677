"""A wire between a TCP client and a server that can be cut, and that hides the address of the client."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType


class Relay:
    """Listens at one address and passes everything on to another."""

    def __init__(self, address: tuple[str, int], server: tuple[str, int]) -> None:
        self._address, self._server = address, server
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._listener: asyncio.Server | None = None
        self.accepted = 0

    async def __aenter__(self) -> Relay:
        self._listener = await asyncio.start_server(self._pass, *self._address)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        assert self._listener is not None
        self._listener.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Break every connection; new ones are accepted."""
        for writer in self._writers:
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._writers.add(writer)
        try:
            there, back = await asyncio.open_connection(*self._server)
        except OSError:
            return  # and the client is left waiting, as by a firewall that swallows everything
        with contextlib.suppress(OSError):
            self._writers.add(back)
            for source, target in ((reader, back), (there, writer)):
                task = asyncio.create_task(_copy(source, target))
                self._tasks.add(task)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
