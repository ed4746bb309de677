"""The socket on which Kamailio's processes report, and what is done when something is missing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from sextet.engine import EngineError
from sextet.sip.events import Event, Sequences, decoded
from sextet.sip.run_dir import Account

MESSAGE_BYTES_MAX = 1 << 16
MESSAGES_AT_ONCE = 64  # before the event loop is given back
REMEMBERED_MAX = 100_000  # events while a picture is read; more than that, and another picture is asked for
CONNECTIONS_MAX = 256


class Listener:
    """Receives events and hands them on; `incomplete` says that a picture is needed."""

    def __init__(self, path: Path, host_events: Callable[[Event | None], None]) -> None:
        self.incomplete = False
        self._path = path
        self._tell = host_events
        self._sequences = Sequences()
        self._socket: socket.socket | None = None
        self._connections: set[socket.socket] = set()
        self._remembered: list[Event] | None = None

    def open(self, account: Account | None) -> None:
        """Listen where the engine's user may report; raises EngineError."""
        self.close()
        try:
            self._path.unlink(missing_ok=True)
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._socket.setblocking(False)
            self._socket.bind(str(self._path))
            os.chmod(self._path, 0o600)
            if account is not None:
                os.chown(self._path, account.uid, account.gid)
            self._socket.listen(CONNECTIONS_MAX)
        except OSError as error:
            self.close()
            raise EngineError(f"listening for Kamailio's events on {self._path}") from error
        asyncio.get_running_loop().add_reader(self._socket, self._accept)

    def close(self) -> None:
        """Stop listening."""
        for each in (*self._connections, *([self._socket] if self._socket is not None else [])):
            asyncio.get_running_loop().remove_reader(each)
            each.close()
        self._connections.clear()
        self._socket = None

    @contextlib.contextmanager
    def remembering(self) -> Iterator[list[Event]]:
        """Keep the events of a while, besides handing them on."""
        self._remembered = []
        try:
            yield self._remembered
        finally:
            self._remembered = None

    def _accept(self) -> None:
        assert self._socket is not None
        with contextlib.suppress(OSError):
            connection, _ = self._socket.accept()
            if len(self._connections) >= CONNECTIONS_MAX:
                connection.close()
                return
            connection.setblocking(False)
            self._connections.add(connection)
            asyncio.get_running_loop().add_reader(connection, self._drain, connection)

    def _drain(self, connection: socket.socket) -> None:
        for _ in range(MESSAGES_AT_ONCE):
            try:
                data = connection.recv(MESSAGE_BYTES_MAX)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                asyncio.get_running_loop().remove_reader(connection)
                self._connections.discard(connection)
                connection.close()
                return
            for line in data.split(b"\n"):
                self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            numbered = decoded(line)
        except ValueError:
            self._miss()
            return
        if self._sequences.missed(numbered):
            self._miss()
        if self._remembered is not None:
            if len(self._remembered) < REMEMBERED_MAX:
                self._remembered.append(numbered.event)
            else:
                self._miss()
        self._tell(numbered.event)

    def _miss(self) -> None:
        self.incomplete = True
        self._tell(None)
