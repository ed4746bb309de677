"""How a worker tells sextetd what happened: numbered events, a line of a message each, never waited for.

Events that follow each other at once share a message: sending and receiving cost more than what is in it. A message
that cannot be sent is counted in shared memory; sextetd sees the count or the gap in the numbers and asks for
everything.
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
SHARED_MAX = 16 << 10  # characters of the events that share a message, which has at most 64 KiB
_FULL = (errno.EAGAIN, errno.ENOBUFS, errno.EMSGSIZE)  # the line is as good as before

written = json.JSONEncoder(separators=(",", ":")).encode  # made once: json.dumps makes one for each text
_DECODER = json.JSONDecoder()


def read_back(text: str) -> Any:
    """Read what `written` wrote: in half the time of json.loads, which expects white space and any encoding."""
    return _DECODER.raw_decode(text)[0]


class Reporter:
    """One worker's line to sextetd."""

    def __init__(self, ksr: Any, path: str) -> None:
        self._ksr = ksr
        self._path = path
        self._ending = f',"worker":"{os.getpid()}.{time.monotonic_ns()}","sequence":'
        self._sequence = 0
        self._retry_at = 0.0
        self._socket: socket.socket | None = None
        self._kept: list[str] = []

    def emit(self, kind: str, **fields: Any) -> None:
        """Send one event."""
        self.send(written({"kind": kind, **fields})[1:-1])

    def send(self, fields: str, *, more: bool = False) -> bool:
        """Send one event that is written already, as JSON without its braces; says whether it went out.

        `order` in it tells sextetd which of two events about one thing is the later. `more`: others follow at once,
        and it goes with the first that does not say so, or with `flush`.
        """
        self._sequence += 1
        line = f"{{{fields}{self._ending}{self._sequence}}}"
        if sum(map(len, self._kept)) + len(line) > SHARED_MAX:
            self.flush()
        self._kept.append(line)
        return more or self.flush()

    def flush(self) -> bool:
        """Send what was kept; says whether it went out."""
        if not self._kept:
            return True
        message = "\n".join(self._kept).encode()
        self._kept.clear()
        try:
            self._deliver(message)
            return True
        except OSError:
            self._ksr.htable.sht_inc("count", "lost")
            return False

    def _deliver(self, message: bytes) -> None:
        if self._socket is not None:
            try:
                self._socket.send(message)
                return
            except OSError as error:
                if error.errno in _FULL:
                    raise
                self._socket.close()
                self._socket = None  # that sextetd has ended; the next one may listen by now
        self._connected().send(message)

    def _connected(self) -> socket.socket:
        if self._socket is None:
            now = time.monotonic()
            if now < self._retry_at:
                raise ConnectionError("sextetd is away")
            attempt = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            try:
                attempt.setblocking(False)
                with contextlib.suppress(OSError):
                    attempt.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
                attempt.connect(self._path)
            except OSError:
                attempt.close()
                self._retry_at = now + RETRY_S
                raise
            self._socket = attempt
        return self._socket


def rejected(ksr: Any, reporter: Reporter, alias: str, status: int, reason: str) -> None:
    """Tell that the sender of the REGISTER at hand was turned away."""
    received, user_agent = str(ksr.pv.get("$var(flow)")), str(ksr.pv.get("$ua") or "")
    reporter.emit("refused", alias=alias, status=status, reason=reason, received=received, user_agent=user_agent)
