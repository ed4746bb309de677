"""What has this peer kept of one kind? Values on its disk by size, one line each, read from the newest on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Generic, TypeVar

from sextet.model.lines import row_of, value_of
from sextet.watch.event_log import EventLog, wall_clock

FILES_MAX = 4  # of equal size: a quarter of what is kept goes at once
LIST_MAX = 500  # values of one answer
T = TypeVar("T")

written = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode  # json.dumps makes one for each line


class History(Generic[T]):
    """Keeps values of one flat dataclass."""

    def __init__(self, path: Path, kind: type[T], wall: Callable[[], datetime] = wall_clock) -> None:
        self._kind = kind
        self._file = EventLog(path, "", wall, files_max=FILES_MAX)

    def limit(self, size_bytes: int) -> None:
        """Keep so much of the disk at most."""
        self._file.file_bytes_max = size_bytes // FILES_MAX

    def newest(self, containing: str = "", most: int = LIST_MAX) -> list[T]:
        """Give the newest that contain a text in any letters, the newest first."""
        return [*islice(self._all(containing.lower()), min(most, LIST_MAX))]

    def close(self) -> None:
        self._file.close()

    def _keep(self, value: T) -> None:
        self._file.write(written(row_of(value)))

    def _all(self, lowered: str) -> Iterator[T]:
        for line in self._file.lines(lowered):
            try:
                yield value_of(self._kind, json.loads(line))
            except (ValueError, TypeError, KeyError):
                continue  # a line that was cut off by a full disk, or of another version
