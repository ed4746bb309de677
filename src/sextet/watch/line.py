"""What does one line of the event log look like, and what does it say (guide, "日誌詳細資訊"; facts 11.6)?

A line is `moment host process: Name="value" …`. A value keeps every letter that can be shown; a quote, a backslash, an
end of line or another control character is escaped, so that no name chosen by a stranger can end a value or begin a
line.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

NAMES_MAX = 500  # remembered in their safe form: all that this program writes
NAME_CHARACTERS_MAX = 40  # the longest of the original's is far shorter
VALUE_CHARACTERS_MAX = 2000  # of one value; a peer list or a certificate's names fit
FIELDS_MAX = 40  # of one line
PROCESSES = {  # which part of the original writes a module's lines
    "developer.replication": "replication",
    "developer.management": "management",
    "developer.diagnostics": "management",
    "network": "tvcs",
}
LOCATED = ("replication", "management")  # processes whose lines say from where in the code they come
DATABASE = ("developer.clusterdb", "developer.cdbtable")  # modules whose lines name this peer first
LEVELS = {"critical": "ERROR", "alert": "ERROR", "error": "ERROR", "notice": "INFO"}  # of alarms; others are WARN
_FIELD = re.compile(r'([A-Za-z0-9_-]+)="((?:[^"\\]|\\.)*)"')
_HEAD = re.compile(r"(\S+) (\S+) (?:([^=\"]*?):? )?(?=[A-Za-z0-9_-]+=\")")
_ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|.)")
_SHORT = {"n": "\n", "r": "\r", "t": "\t"}
_LONG = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}

Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line, taken apart for a page."""

    moment: str
    host: str
    process: str
    fields: tuple[tuple[str, str], ...]
    text: str

    def get(self, name: str) -> str:
        """Give the first field of this name, "" where there is none."""
        return next((value for field, value in self.fields if field == name), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who speaks, as far as lines of the original say so: its nodes and processes, or a place in its code."""

    node: str = ""  # this peer's FQDN, once it is known
    process: int = 0
    location: str = ""  # file and line: "following(350)"

    @property
    def of_database(self) -> list[tuple[str, str]]:
        """Give the fields by which the original's database begins its lines."""
        node = [("Node", f"clusterdb@{self.node}")] if self.node else []
        return [*node, *([("PID", str(self.process))] if self.process else [])]


NOBODY = Origin()


def event_line(moment: datetime, host: str, event: str, fields: Fields, origin: Origin = NOBODY) -> str:
    """Write an event in one of the guide's three forms: an alarm, a change in the database, or what somebody did."""
    named = dict(fields)
    utc = ("UTCTime", utc_time(moment))
    if event.startswith("Alarm "):
        raised = LEVELS.get(named.get("Severity", ""), "WARN") if event == "Alarm Raised" else "INFO"
        level = named.get("Level") or raised
        alarm = [("Level", level), ("Event", event), *_without(fields, "Level")]
        return _line(moment, host, "alarm", [*alarm, utc])
    if event == "System Configuration Changed" and "User" not in named:
        return _line(moment, host, "", [utc, ("Event", event), *origin.of_database, *fields])
    process = "tvcs" if "User" not in named else "web" if "Src-ip" in named else "cli"
    rank = [] if "Level" in named else [("Level", "1")]
    return _line(moment, host, process, [("Event", event), *fields, *rank, utc])


def module_line(
    moment: datetime, host: str, module: str, level: str, detail: str, fields: Fields, origin: Origin = NOBODY
) -> str:
    """Write a line of the developer or network log."""
    process = next((name for start, name in PROCESSES.items() if module.startswith(start)), "")
    texts = [("Detail", detail)] if detail else []
    own = origin.of_database if module.startswith(DATABASE) else []
    if process in LOCATED and origin.location:
        own = [("CodeLocation", origin.location)]
    head = [("UTCTime", utc_time(moment)), ("Module", module), ("Level", level)]
    return _line(moment, host, process, [*head, *own, *texts, *fields])


def entry_of(text: str) -> Entry:
    """Take a line apart; what is not one of ours comes back with its text only."""
    head = _HEAD.match(text)
    if head is None:
        return Entry("", "", "", (), text)
    fields = tuple((found[1], _unescaped(found[2])) for found in _FIELD.finditer(text, head.end()))
    return Entry(head[1], head[2], head[3] or "", fields, text)


def utc_time(moment: datetime) -> str:
    """Write a moment as the guide's UTCTime does: milliseconds after a comma."""
    return moment.astimezone(UTC).isoformat(" ", "milliseconds")[:23].replace(".", ",")


def escaped(value: str) -> str:
    """Make a value safe between quotes on one line."""
    cut = value if len(value) <= VALUE_CHARACTERS_MAX else value[: VALUE_CHARACTERS_MAX - 1] + "…"
    if _plain(cut):
        return cut
    return "".join(_LONG.get(c) or (c if c.isprintable() else _code(c)) for c in cut)


def _line(moment: datetime, host: str, process: str, fields: Iterable[tuple[str, str]]) -> str:
    kept = list(fields)[:FIELDS_MAX]
    values = [value for _, value in kept]
    if not _plain("".join(values)):  # nearly all are, and looking once costs a tenth of looking at each
        values = [escaped(value) for value in values]
    shown = " ".join([f'{_name(name)}="{value}"' for (name, _), value in zip(kept, values, strict=True)])
    return f"{moment.isoformat(timespec='milliseconds')} {_place(host)} {process + ': ' if process else ''}{shown}"


def _plain(text: str) -> bool:
    return len(text) <= VALUE_CHARACTERS_MAX and text.isprintable() and '"' not in text and "\\" not in text


def _without(fields: Fields, name: str) -> list[tuple[str, str]]:
    return [field for field in fields if field[0] != name]


@functools.lru_cache(maxsize=NAMES_MAX)
def _place(host: str) -> str:
    return re.sub(r"[^\w.:-]", "_", host) or "TANDBERG"  # facts 11.6: the name of a system that has none


@functools.lru_cache(maxsize=NAMES_MAX)
def _name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:NAME_CHARACTERS_MAX] or "_"


def _code(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _unescaped(value: str) -> str:
    def one(found: re.Match[str]) -> str:
        code = found[1]
        return chr(int(code[1:], 16)) if len(code) > 1 else _SHORT.get(code, code)

    return _ESCAPE.sub(one, value) if "\\" in value else value
