"""How a worker tells sextetd what happened: one message per event, numbered, never waited for.

A message that cannot be sent is counted in shared memory; sextetd sees the count or the gap in the numbers and asks
for everything.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import time
from typing import Any

RETRY_S = 0.5  # between attempts to reach a sextetd that is away; an attempt costs some 10 us
BUFFER_BYTES = 2 << 20  # room for some 10,000 events while sextetd is busy

written = json.JSONEncoder(separators=(",", ":")).encode  # made once: json.dumps makes one for each text


class Reporter:
    """One worker's line to sextetd."""

    def __init__(self, ksr: Any, path: str) -> None:
        self._ksr = ksr
        self._path = path
        self._ending = f',"worker":"{os.getpid()}.{time.monotonic_ns()}","sequence":'
        self._sequence = 0
        self._retry_at = 0.0
        self._socket: socket.socket | None = None

    def emit(self, kind: str, **fields: Any) -> None:
        """Send one event."""
        self.send(written({"kind": kind, **fields})[1:-1])

    def send(self, fields: str) -> bool:
        """Send one event that is written already, as JSON without its braces; says whether it went out.

        `order` in it tells sextetd which of two events about one thing is the later.
        """
        self._sequence += 1
        line = f"{{{fields}{self._ending}{self._sequence}}}".encode()
        try:
            self._connected().send(line)
            return True
        except OSError as error:
            self._ksr.htable.sht_inc("count", "lost")
            if self._socket is not None and error.errno not in (errno.EAGAIN, errno.ENOBUFS, errno.EMSGSIZE):
                self._socket.close()
                self._socket = None
            return False

    def _connected(self) -> socket.socket:
        if self._socket is None:
            now = time.monotonic()
            if now < self._retry_at:
                raise ConnectionError("sextetd is away")
            self._retry_at = now + RETRY_S
            attempt = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            try:
                attempt.setblocking(False)
                with contextlib.suppress(OSError):
                    attempt.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
                attempt.connect(self._path)
            except OSError:
                attempt.close()
                raise
            self._socket = attempt
        return self._socket


def rejected(ksr: Any, reporter: Reporter, alias: str, status: int, reason: str) -> None:
    """Tell that the sender of the REGISTER at hand was turned away."""
    received, user_agent = str(ksr.pv.get("$var(flow)")), str(ksr.pv.get("$ua") or "")
    reporter.emit("refused", alias=alias, status=status, reason=reason, received=received, user_agent=user_agent)
