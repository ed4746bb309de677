"""Another system behind a domain: it is connected to over TLS, shows whichever certificate it has now, and answers."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

from sextet.streams import StreamServer
from tests.support.sip_client import Message, Phone

PORT = 5061


class FarSystem(Phone):
    """A phone that others connect to; what it says goes over the newest connection."""

    def __init__(self, user: str, address: str, certificate: Path, key: Path, *, records: str = "") -> None:
        super().__init__(user, address, transport="tls", local_ip=address, local_port=PORT)
        self.records = records  # the host by which it puts itself on the route of calls; empty where it does not
        self.bound_for: list[str | None] = []  # names (SNI) that it was connected to for
        self.over: list[tuple[str, int]] = []  # (method, number of the connection) of all that came
        self._connections = 0
        self._server = StreamServer(self._connected)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.sni_callback = lambda _, name, __: self.bound_for.append(name)
        self.show(certificate, key)

    def show(self, certificate: Path, key: Path) -> None:
        """Show this certificate from the next connection on."""
        self._context.load_cert_chain(certificate, key)

    async def open(self) -> FarSystem:
        """Listen."""
        self._server.listen(*self._own, self._context)
        self.address = self._own
        return self

    async def __aenter__(self) -> FarSystem:
        return await self.open()

    async def close(self) -> None:
        self.cut()
        await self._server.stop()

    def cut(self) -> None:
        """Close the connection that there is."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        self._writer = writer
        await self._read(reader)

    def _take(self, message: Message) -> None:
        self.over.append((message.first.split()[0], self._connections))
        if self.records and message.first.startswith("INVITE") and ";tag=" not in message.get("to"):
            message.headers.insert(0, ("record-route", f"<sip:{self.records};transport=tls;lr>"))
        super()._take(message)
