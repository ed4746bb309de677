"""Where do events go? Into one file per peer that turns over by size, and never stops anything when it is not written.

Each line is written whole and at once, so that nothing is lost when the process is killed. When the disk is full, lines
are counted instead; the first line that fits again says how many are missing.
"""

from __future__ import annotations

import functools
import logging
import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime, tzinfo
from itertools import islice, takewhile
from pathlib import Path

from sextet.watch.line import Entry, event_line, module_line
from sextet.watch.sought import Sought

FILE_BYTES_MAX = 10 << 20  # with FILES_MAX 50 MB: what the original's page shows of its log (facts 11.6)
FILES_MAX = 5
ZONE_S = 900  # every zone changes its offset at a quarter of an hour, if it does
BLOCK_BYTES = 64 << 10  # read at once from the end
FOUND_MAX = 1000  # lines of one answer: the original's records per page (facts 11.6)

_log = logging.getLogger("sextet.watch")


def wall_clock() -> datetime:
    """Tell the time of day with its zone: the event log is read by people."""
    now_s = time.time()  # the wall clock, for people; nothing is ever decided by it
    return datetime.fromtimestamp(now_s, _zone(int(now_s) // ZONE_S))


@functools.lru_cache(maxsize=1)
def _zone(turn: int) -> tzinfo | None:
    """Give the zone in force, asked for once in a while: to find it takes longer than to write it."""
    return datetime.fromtimestamp(turn * ZONE_S).astimezone().tzinfo


class EventLog:
    """A Journal in a file; `clock` gives the moment with its zone."""

    def __init__(
        self,
        path: Path,
        host: str,
        clock: Callable[[], datetime] = wall_clock,
        *,
        file_bytes_max: int = FILE_BYTES_MAX,
        files_max: int = FILES_MAX,
    ) -> None:
        self.host = host
        self.missing = 0  # lines that could not be written since the last that could
        self.lost = 0  # all that were lost since the start
        self.trouble = ""  # why lines cannot be written now, for an alarm; "" when all is well
        self._path = path
        self._clock = clock
        self.file_bytes_max = file_bytes_max  # may change while lines are written
        self._files_max = files_max
        self._file = -1
        self._size = 0
        self._torn = False  # the last line was cut off by a full disk

    def event(self, event: str, /, **fields: str) -> None:
        """Write one event; engine.Journal."""
        self.write(event_line(self._clock(), self.host, event, list(fields.items())))

    def module(self, module: str, level: str, detail: str, /, **fields: str) -> None:
        """Write one line of the developer or network log; engine.Journal."""
        self.write(module_line(self._clock(), self.host, module, level, detail, list(fields.items())))

    def write(self, line: str) -> None:
        """Write one finished line."""
        try:
            if self.missing:
                detail = f"{self.missing} lines could not be written: {self.trouble}"
                self._append(event_line(self._clock(), self.host, "Event Log Incomplete", [("Detail", detail)]))
                self.missing, self.trouble = 0, ""
            self._append(line)
        except OSError as error:
            if not self.missing:
                _log.error("event log %s: cannot be written: %s; lines are counted until it can", self._path, error)
            self.missing += 1
            self.lost += 1
            self.trouble = error.strerror or str(error)
            self.close()

    def tail(self, most: int = 100) -> list[Entry]:
        """Give the newest lines, the newest last."""
        return self.search(Sought(), most)

    def search(self, sought: Sought, most: int = 100) -> list[Entry]:
        """Give the newest of the lines that are looked for, the newest last."""
        young = takewhile(lambda line: not sought.is_over(line), self._backwards())
        found = (entry for line in young if (entry := sought.found(line)) is not None)
        return [*islice(found, min(most, FOUND_MAX))][::-1]

    def lines(self, lowered: str = "") -> Iterator[str]:
        """Read the lines that contain a text, which is given in small letters; the newest first."""
        return (line for line in self._backwards() if lowered in line.lower())

    def close(self) -> None:
        """Let go of the file; the next line opens it again."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def _append(self, line: str) -> None:
        data = ("\n" if self._torn else "").encode() + line.encode(errors="backslashreplace") + b"\n"
        if self._file >= 0 and self._size + len(data) > self.file_bytes_max:
            self._turn_over()
        if self._file < 0:
            self._open()
        written = os.write(self._file, data)
        self._size += written
        self._torn = written < len(data)
        if self._torn:
            raise OSError(None, "the disk is full")

    def _open(self) -> None:
        self._file = os.open(
            self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, mode=0o600
        )
        os.fchmod(self._file, 0o600)
        self._size = os.fstat(self._file).st_size
        if self._size > self.file_bytes_max:
            self._turn_over()
            self._open()

    def _turn_over(self) -> None:
        self.close()
        for number in range(self._files_max - 1, 0, -1):
            older = self._numbered(number)
            newer = self._numbered(number - 1)
            if newer.exists():
                os.replace(newer, older)

    def _numbered(self, number: int) -> Path:
        return self._path if number == 0 else self._path.with_name(f"{self._path.name}.{number}")

    def _backwards(self) -> Iterator[str]:
        """Read all lines, the newest first, without holding more than a block and a line."""
        for number in range(self._files_max):
            try:
                file = self._numbered(number).open("rb")
            except OSError:
                continue
            with file:
                rest, place = b"", file.seek(0, os.SEEK_END)
                while place > 0:
                    size = min(BLOCK_BYTES, place)
                    place = file.seek(place - size)
                    first, *lines = (file.read(size) + rest).split(b"\n")
                    yield from (line.decode(errors="replace") for line in reversed(lines) if line)
                    rest = first
                if rest:
                    yield rest.decode(errors="replace")
