"""The web server of one peer: HTTPS on one address, in the peer's event loop, with a certificate that can be exchanged.

Raises WebError when it cannot serve; the text says which address, port or file.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from sextet.ending import end
from sextet.engine import Journal
from sextet.streams import TLS_WITHIN_S, Acceptor, attach, family_of
from sextet.web.desk import Desk
from sextet.web.events import Bell
from sextet.web.site import site

STOP_S = (
    3  # for answers under way; streams say goodbye at once. Without a limit an open stream would hold the peer for ever
)
GOODBYE_S = 0.3  # for a browser that rests to answer TLS's goodbye; one that sleeps does not, and is not waited for
CONNECTIONS_MAX = 200  # browsers of a few administrators, six connections each, and monitoring
BACKLOG = 64
REQUEST_WITHIN_S = 15.0  # the largest form over a slow line; who says nothing must not keep a place from the others


class WebError(Exception):
    """The pages cannot be served; the text says why."""


class WebServer:
    """Serve the pages of one peer."""

    def __init__(
        self, desk: Desk, address: str, port: int, certificate: Path, private_key: Path, journal: Journal
    ) -> None:
        self._address, self._port = address, port
        self._certificate, self._private_key = certificate, private_key
        self._journal = journal
        self._bell = Bell(desk.face)
        self._app = site(desk, self._bell)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._server: _Server | None = None
        self._acceptor = Acceptor(lambda _: self._attend, "pages: our error", self._short)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Serve; returns when connections are accepted. Raises WebError."""
        assert self._server is None
        self.exchange_certificate(self._certificate, self._private_key)
        self._bell.stopping = False
        listener = _listen(self._address, self._port)
        self._server = _Server(_settings(self._app))
        self._acceptor.open(listener)  # not by uvicorn, which forgets whoever comes in the moment of the end
        serving = asyncio.create_task(self._server.serve([]), name="web")
        self._tasks = [serving, asyncio.create_task(self._follow(), name="web bell")]
        accepting = asyncio.create_task(self._server.accepting.wait())
        await asyncio.wait({serving, accepting}, return_when=asyncio.FIRST_COMPLETED)
        accepting.cancel()
        if serving.done():
            raise WebError(f"the web server on {self._address} port {self._port} ended while it started")

    async def stop(self) -> None:
        """Stop; open pages are told that the peer is going."""
        if self._server is None:
            return
        self._acceptor.close()
        await end(self._acceptor.tasks)
        self._bell.stop()
        self._server.should_exit = True
        serving, following = self._tasks
        following.cancel()
        await asyncio.gather(serving, following, return_exceptions=True)
        self._server, self._tasks = None, []

    def exchange_certificate(self, certificate: Path, private_key: Path) -> None:
        """Use these files from the next connection on; raises WebError and keeps the old ones."""
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, private_key)
            self._context.load_cert_chain(certificate, private_key)
        except (OSError, ssl.SSLError) as error:
            raise WebError(
                f"certificate {certificate} and key {private_key} cannot be used for HTTPS: {error}"
            ) from error

    async def _attend(self, sock: socket.socket) -> None:
        """Speak TLS with a browser; the connection is the server's then."""
        assert self._server is not None
        connection = _Connection(self._server.config, self._server.server_state, app_state={})
        with contextlib.suppress(OSError):  # it left, or does not believe us
            await attach(connection, sock, self._context, handshake_s=TLS_WITHIN_S, end_s=TLS_WITHIN_S)

    def _short(self, error: OSError) -> None:
        self._journal.module("developer.web", "ERROR", f"pages: cannot accept connections: {error.strerror}")

    async def _follow(self) -> None:
        while True:
            try:
                await self._bell.run()
            except Exception as error:
                # The task ends here: pages without live parts are still pages; said each time, then followed again.
                self._journal.module("developer.web", "ERROR", f"live pages: following the peer ended: {error!r}")
            await asyncio.sleep(1)


class _Server(uvicorn.Server):
    """Uvicorn inside somebody else's process: signals are the peer's."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.accepting.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Connection(H11Protocol):
    """One browser's connection, which is closed when a request has begun, or should have, and does not come whole."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        cycle = self.cycle
        if cycle is None or cycle.response_complete or cycle.more_body:
            self._expect()
        else:
            self._forget()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        if not self.transport.is_closing():  # closed twice, asyncio's TLS has forgotten what abort() is to end
            super().shutdown()
        if self.transport.is_closing():  # nothing is under way
            self._forget()
            self._deadline = self.loop.call_later(GOODBYE_S, self.transport.abort)

    def _expect(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_WITHIN_S, self.transport.abort)

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None


def _settings(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="none",
        http=_Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,  # nothing stands between: an address is what the socket says
        server_header=False,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=STOP_S,
    )


def _listen(address: str, port: int) -> socket.socket:
    listener = socket.socket(family_of(address), socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise WebError(f"the pages cannot be served on {address} port {port}: {error.strerror}") from error
    return listener
