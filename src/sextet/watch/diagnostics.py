"""Diagnostic logging of one peer: every line of every level in a file of its own, and packets, from start to stop.

A restart ends it; what was written stays, until the next start replaces it (facts 11.4).
"""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sextet.watch.capture import Capture
from sextet.watch.event_log import EventLog, wall_clock
from sextet.watch.line import event_line
from sextet.watch.logs import Said

MARKER_CHARACTERS_MAX = 200
LOG = "diagnostic.log"
ARCHIVE = "diagnostic_log.tar.gz"


class DiagnosticsError(Exception):
    """It cannot be done now; the text says why, in a sentence for the administrator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """How diagnostic logging is on one peer."""

    running: bool
    running_s: float
    lines: int
    markers: int
    capture: str  # a sentence; "" when none was asked for
    kept: bool  # there is something to download


class Recorder:
    """Records into a directory of its own; `address` is what packets are captured of."""

    def __init__(
        self,
        directory: Path,
        address: str,
        monotonic: Callable[[], float],
        clock: Callable[[], datetime] = wall_clock,
    ) -> None:
        self.host = address
        self._directory = directory
        self._address = address
        self._monotonic = monotonic
        self._clock = clock
        self._file: EventLog | None = None
        self._capture: Capture | None = None
        self._began_s = 0.0
        self._lines = 0
        self._markers = 0

    @property
    def running(self) -> bool:
        return self._file is not None

    def state(self) -> Recording:
        """How it is."""
        return Recording(
            running=self.running,
            running_s=self._monotonic() - self._began_s if self.running else 0.0,
            lines=self._lines,
            markers=self._markers,
            capture=self._capture.sentence if self._capture else "",
            kept=(self._directory / LOG).exists(),
        )

    async def start(self, *, capture: bool) -> None:
        """Begin; what an earlier run left goes. Raises DiagnosticsError."""
        if self.running:
            raise DiagnosticsError("Diagnostic logging runs already; stop it first.")
        try:
            if self._directory.exists():
                await asyncio.to_thread(shutil.rmtree, self._directory)
            self._directory.mkdir(mode=0o700)
        except OSError as error:
            raise DiagnosticsError(f"{self._directory} cannot be made: {error.strerror}.") from error
        self._file = EventLog(self._directory / LOG, self.host, self._clock)
        self._began_s, self._lines, self._markers = self._monotonic(), 0, 0
        self._file.write(event_line(self._clock(), self.host, "Diagnostic Logging", [("Detail", "started")]))
        self._capture = None
        if capture:
            self._capture = Capture(self._directory, self._address)
            await self._capture.start()

    async def stop(self) -> None:
        """End it; raises DiagnosticsError where it does not run."""
        if self._file is None:
            raise DiagnosticsError("Diagnostic logging does not run.")
        self._file.close()
        self._file = None
        if self._capture:
            await self._capture.stop()

    def hear(self, said: Said) -> None:
        """Take every line, whatever its level."""
        if self._file is not None:
            self._file.write(said.text)
            self._lines += 1

    def mark(self, text: str) -> None:
        """Write a marker, to be found later; raises DiagnosticsError."""
        if self._file is None:
            raise DiagnosticsError("Diagnostic logging does not run; a marker would stand nowhere.")
        cut = text[:MARKER_CHARACTERS_MAX]
        self._file.write(event_line(self._clock(), self.host, "DEBUG_MARKER", [("Detail", cut)]))
        self._markers += 1

    def archive(self, extra: Mapping[str, bytes]) -> Path:
        """Pack what was recorded, with other files beside it, and give the archive's path. Raises DiagnosticsError.

        Blocks for as long as packing takes: call it in a thread.
        """
        if not (self._directory / LOG).exists():
            raise DiagnosticsError("There is nothing to download; start diagnostic logging first.")
        stamp = self._clock().strftime("%Y-%m-%d_%H%M%S")
        path, part = self._directory / ARCHIVE, self._directory / f"{ARCHIVE}.part"
        try:
            with tarfile.open(part, "w:gz") as packed:
                _add(packed, f"loggingsnapshot_{self.host}_{stamp}.txt", self._whole_log())
                for name, data in extra.items():
                    stem, dot, suffix = name.rpartition(".")
                    _add(packed, f"{stem}_{self.host}_{stamp}{dot}{suffix}", data)
                for file in sorted(self._directory.glob("*.pcap*")):
                    packed.add(file, file.name)
            os.replace(part, path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise DiagnosticsError(f"The archive cannot be written: {error.strerror}.") from error
        return path

    def _whole_log(self) -> bytes:
        numbered = sorted(self._directory.glob(f"{LOG}.*"), key=lambda path: int(path.suffix[1:]), reverse=True)
        return b"".join(path.read_bytes() for path in (*numbered, self._directory / LOG))


def _add(packed: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), 0o600
    packed.addfile(entry, io.BytesIO(data))
