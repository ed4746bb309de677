"""Which log does a line belong to, and is it wanted? Event, Configuration and Network log of one peer (facts 11.6).

Everything that the level lets through is in the Event log, except what levels 2 to 4 add about the network; the
Configuration log and the Network log hold their part of it longer. Who listens gets every line, whatever the level.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType

from sextet.watch.event_log import EventLog, wall_clock
from sextet.watch.line import Entry, Origin, event_line, module_line
from sextet.watch.sought import Sought

CONFIGURATION_BYTES_MAX = 6 << 20  # five files of it: the original's 30 MB (facts 11.6)
LEVELS = {"1": 1, "2": 2, "3": 3, "4": 4}
DEBUG_LEVEL = 2  # of a module's lines at DEBUG that name no level themselves
ORIGINS_MAX = 500  # places in the code that write lines
WRITERS = ("logs", "journal", "telling")  # files that speak for others
CHANGED = "System Configuration Changed"
NAMES = {"event": "event.log", "configuration": "configuration.log", "network": "network.log"}
_SEVERITIES = {"critical": 2, "alert": 1, "error": 3, "warning": 4, "notice": 5}  # of alarms; RFC 5424 6.2.1
_OF_MODULES = {"ERROR": 3, "WARN": 4, "INFO": 6}
_BAD = ("Failure", "Failed", "Rejected", "Incomplete", "Error")  # in the names of events
ADMINISTRATOR, CONFIG, DEVELOPER, NETWORK = 16, 17, 21, 22  # facilities local0, 1, 5, 6 (facts 11.6)


@dataclass(frozen=True, slots=True)
class Said:
    """One line with what is needed to pass it on."""

    moment: datetime
    host: str
    name: str  # of the event or the module
    text: str  # the whole line
    severity: int  # RFC 5424 6.2.1
    facility: int
    wanted: bool  # the level lets it through


class Logs:
    """A Journal that writes three files; `clock` gives the moment with its zone."""

    def __init__(self, directory: Path, host: str, clock: Callable[[], datetime] = wall_clock) -> None:
        self.level = 1
        self.node = ""  # this peer's FQDN, once it is known
        self.listeners: list[Callable[[Said], None]] = []
        self._host = host
        self._clock = clock
        self._files = {
            "event": EventLog(directory / NAMES["event"], host, clock),
            "configuration": EventLog(
                directory / NAMES["configuration"], host, clock, file_bytes_max=CONFIGURATION_BYTES_MAX
            ),
            "network": EventLog(directory / NAMES["network"], host, clock),
        }

    @property
    def host(self) -> str:
        return self._host

    @host.setter
    def host(self, name: str) -> None:
        self._host = name
        for file in self._files.values():
            file.host = name

    def event(self, event: str, /, **fields: str) -> None:
        """Write one event; engine.Journal."""
        moment = self._clock()
        line = event_line(moment, self._host, event, list(fields.items()), self._origin(""))
        wanted = LEVELS.get(fields.get("Level", ""), 1) <= self.level
        is_network = event.startswith("Message ")
        if wanted:
            self._files["network" if is_network else "event"].write(line)
            if event == CHANGED:
                self._files["configuration"].write(line)
        facility = CONFIG if event == CHANGED else NETWORK if is_network else ADMINISTRATOR
        self._tell(Said(moment, self._host, event, line, _severity(event, fields), facility, wanted))

    def module(self, module: str, level: str, detail: str, /, **fields: str) -> None:
        """Write one line of the developer or network log; engine.Journal."""
        moment = self._clock()
        line = module_line(moment, self._host, module, level, detail, list(fields.items()), self._origin(_location()))
        is_network, verbose = module.startswith("network."), level == "DEBUG"
        wanted = not verbose or self.level >= DEBUG_LEVEL
        if wanted:
            if is_network:
                self._files["network"].write(line)
            if not (is_network and verbose):
                self._files["event"].write(line)
        facility = NETWORK if is_network else DEVELOPER
        self._tell(Said(moment, self._host, module, line, _OF_MODULES.get(level, 7), facility, wanted))

    def tail(self, most: int = 100, log: str = "event") -> Sequence[Entry]:
        """Give the newest lines of one log, the newest last."""
        return self._files[log].tail(most)

    def search(
        self, text: str = "", most: int = 100, log: str = "event", *, kind: str = "", within_s: float = 0.0
    ) -> Sequence[Entry]:
        """Give the newest lines of one log with a text in any letters, the newest last.

        Also only those of a kind (sought.KINDS), or of the last seconds.
        """
        since = self._clock() - timedelta(seconds=within_s) if within_s else None
        return self._files[log].search(Sought(text=text, kind=kind, since=since), most)

    @property
    def trouble(self) -> str:
        """Why lines cannot be written now; empty when all is well."""
        return next((file.trouble for file in self._files.values() if file.trouble), "")

    def close(self) -> None:
        for file in self._files.values():
            file.close()

    def _origin(self, location: str) -> Origin:
        return _origin(self.node, os.getpid(), location)

    def _tell(self, said: Said) -> None:
        for listener in self.listeners:
            listener(said)


def _location() -> str:
    """Name the place that has something to say, past the files that only choose the words or write them."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _stem(frame.f_code.co_filename) in WRITERS:
        frame = frame.f_back
    return f"{_stem(frame.f_code.co_filename)}({frame.f_lineno})" if frame is not None else ""


@functools.cache  # by the files of this program
def _stem(file: str) -> str:
    return Path(file).stem


def _severity(event: str, fields: dict[str, str]) -> int:
    if event.startswith("Alarm "):
        return _SEVERITIES.get(fields.get("Severity", ""), 4) if event == "Alarm Raised" else 5
    if event.startswith("Message "):
        return 7
    return 4 if _is_bad(event) else 6


@functools.cache  # by the names of events
def _is_bad(event: str) -> bool:
    return any(word in event for word in _BAD)


@functools.lru_cache(maxsize=ORIGINS_MAX)
def _origin(node: str, process: int, location: str) -> Origin:
    return Origin(node=node, process=process, location=location)
