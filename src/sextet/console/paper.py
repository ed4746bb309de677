"""Lines and tables of a terminal that stay straight with CJK names, and inert whatever a name holds.

Needs nothing but the standard library, so that every command starts fast.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sextet.admin.wording import duration

Row = Mapping[str, Any]
Cell = Callable[[Row], str]
STYLES = {"bold": "\x1b[1m", "dim": "\x1b[2m", "red": "\x1b[31m", "green": "\x1b[32m", "yellow": "\x1b[33m"}
_END = "\x1b[0m"
_GAP = "  "
_ELLIPSIS = "…"
COLUMN_MIN = 8  # narrower than that nothing can be read


class Paper:
    """Lines of text of a given width, with or without colour."""

    def __init__(self, width: int, colour: bool) -> None:
        self.width = width
        self.lines: list[str] = []
        self._colour = colour

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def say(self, text: str, style: str = "") -> None:
        """Add one line."""
        self.lines.append(self._styled(_inert(text), style))

    def table(
        self, columns: Mapping[str, Cell], rows: Sequence[Row], empty: str, style: Callable[[Row], str] = lambda row: ""
    ) -> None:
        """Add a table; the widest columns give way where the lines would not fit."""
        if not rows:
            self.say(empty, "dim")
            return
        cells = [[_inert(cell(row)) for cell in columns.values()] for row in rows]
        widths = _widths([list(columns), *cells], self.width)
        self.lines.append(self._styled(_joined(list(columns), widths), "bold"))
        self.lines += [self._styled(_joined(line, widths), style(row)) for line, row in zip(cells, rows, strict=True)]

    def _styled(self, text: str, style: str) -> str:
        return f"{STYLES[style]}{text}{_END}" if self._colour and style else text


def cells(text: str) -> int:
    """Count the terminal cells that a text takes: two for a wide character, none for a combining one (UAX 11)."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def key(key: str) -> Cell:
    return lambda row: plain(row.get(key))


def plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def age(row: Row) -> str:
    return duration(row["age_s"])


def stale(row: Row) -> str:
    return "dim" if row["stale"] else ""


def stamp(stamp: Row | None) -> str:
    return f"r{stamp['revision']}" if stamp else "unknown"


def _inert(text: str) -> str:
    """Keep what others named from steering the terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def _widths(lines: Sequence[Sequence[str]], most: int) -> list[int]:
    widths = [max(cells(line[n]) for line in lines) for n in range(len(lines[0]))]
    while sum(widths) + len(_GAP) * (len(widths) - 1) > most and max(widths) > COLUMN_MIN:
        widths[widths.index(max(widths))] -= 1
    return widths


def _joined(line: Sequence[str], widths: Sequence[int]) -> str:
    return _GAP.join(_fitted(text, width) for text, width in zip(line, widths, strict=True)).rstrip()


def _fitted(text: str, width: int) -> str:
    if cells(text) > width:
        while cells(text) > width - 1:
            text = text[:-1]
        text += _ELLIPSIS
    return text + " " * (width - cells(text))
