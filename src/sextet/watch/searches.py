"""What became of each search of this peer? Kept on its disk by size, and how often each rule matched.

A search is written when its last answer is there, or when none came for so long that none will. What is under way is in
memory only. Answers of a search that is over, and searches beyond the limit, are forgotten.
"""

from __future__ import annotations

import json
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sextet.model.searches import Answer, Search, row_of, search_of, with_answers
from sextet.watch.event_log import EventLog, wall_clock
from sextet.watch.history import written

FILE = "searches.log"
FILES_MAX = 4  # of equal size: a quarter of what is kept goes at once
EARLY_MAX = 500  # answers that came before what they answer
UNDER_WAY_MAX = 5000  # calls that ring at one moment on one peer; the oldest are written as they are
CALL_S, REQUEST_S = 600.0, 15.0  # after which no answer comes any more: a call that rings in a few rounds, a request
LIST_MAX = 500  # searches of one answer
UNENDED = "its end was not told: this peer was restarted meanwhile, or carried too many calls at once"
Answers = tuple[int, Sequence[Answer], bool, str]  # as they come: see engine.Searches


class SearchHistory:
    """Where the engines of this peer tell their searches (engine.Searches)."""

    def __init__(self, directory: Path, clock: Callable[[], float], wall: Callable[[], datetime] = wall_clock) -> None:
        self.hits: Counter[str] = Counter()  # search rules that matched, by name
        self.transform_hits: Counter[int] = Counter()  # transforms, by priority
        self.since = wall().isoformat(timespec="seconds")
        self.count = 0
        self._clock, self._wall = clock, wall
        self._under_way: OrderedDict[str, tuple[float, Search]] = OrderedDict()
        self._early: OrderedDict[str, Answers] = OrderedDict()  # workers have lines of their own: one may be faster
        self._file = EventLog(directory / FILE, "", wall, files_max=FILES_MAX)

    def limit(self, size_bytes: int) -> None:
        """Keep so much of the disk at most."""
        self._file.file_bytes_max = size_bytes // FILES_MAX

    def made(self, search: Search) -> None:
        """See engine.Searches."""
        self.count += 1
        for step in search.steps:
            if step.kind == "rule" and step.matched:
                self.hits[step.name] += 1
            elif step.kind == "transform" and step.matched:
                self.transform_hits[step.priority] += 1
        stamped = replace(search, at=self._wall().isoformat(timespec="microseconds"))
        if stamped.status:
            self._write(stamped)
            return
        self._under_way[search.id] = (self._clock(), stamped)
        early = self._early.pop(search.id, None)
        if early is not None:
            self.answered(search.id, *early)
        self._sweep()

    def answered(self, name: str, status: int, answers: Sequence[Answer], final: bool, reason: str = "") -> None:
        """See engine.Searches."""
        began, search = self._under_way.get(name, (0.0, None))
        if search is None:
            self._early[name] = (status, answers, final, reason)
            if len(self._early) > EARLY_MAX:
                self._early.popitem(last=False)
            return
        known = with_answers(search, status if final else 0, answers, reason if final else "")
        if final:
            del self._under_way[name]
            self._write(known)
        else:
            self._under_way[name] = (began, known)

    def newest(self, containing: str = "", most: int = LIST_MAX) -> list[Search]:
        """Give the newest searches that contain a text in any letters, the newest first."""
        found: list[Search] = []
        for search in self._all(containing.lower()):
            if len(found) >= min(most, LIST_MAX):
                break
            found.append(search)
        return found

    def find(self, name: str) -> Search | None:
        """Find one search by its id."""
        return next((search for search in self._all(name.lower()) if search.id == name), None)

    def close(self) -> None:
        """Write what is under way, as far as it is known."""
        for _, search in self._under_way.values():
            self._write(search)
        self._under_way.clear()
        self._file.close()

    def _all(self, lowered: str) -> Iterator[Search]:
        self._sweep()
        under_way = (search for _, search in reversed(self._under_way.values()))
        yield from (search for search in under_way if lowered in written(row_of(search)).lower())
        for line in self._file.lines(lowered):
            try:
                yield _over(search_of(json.loads(line)))
            except (ValueError, TypeError, KeyError):
                continue  # a line that was cut off by a full disk, or of another version

    def _sweep(self) -> None:
        now = self._clock()
        while self._under_way:
            name, (began, search) = next(iter(self._under_way.items()))
            patience = CALL_S if search.method == "INVITE" else REQUEST_S
            if now - began < patience and len(self._under_way) <= UNDER_WAY_MAX:
                return
            del self._under_way[name]
            self._write(search)

    def _write(self, search: Search) -> None:
        self._file.write(written(row_of(search)))


def _over(search: Search) -> Search:
    """Give a search that was written: what has no end by then has none any more, and is not in progress for ever."""
    return replace(search, reason=UNENDED) if search.method == "INVITE" and not search.status else search
