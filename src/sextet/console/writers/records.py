"""Logs and recordings, as people read them in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sextet.admin.wording import duration
from sextet.console.paper import Cell, Paper, Row


def _lines(paper: Paper, rows: Sequence[str]) -> None:
    for line in rows:
        paper.say(line)


def _recordings(paper: Paper, result: Sequence[Row]) -> None:
    columns: dict[str, Cell] = {
        "Peer": lambda row: f"{row['peer']} {row['peer_name']}" if row["peer"] else row["peer_name"],
        "Diagnostic logging": lambda row: f"{'✔' if row['ok'] else '✘'} {row['sentence']}",
        "For": lambda row: duration(row["state"]["running_s"]) if row["state"] and row["state"]["running"] else "",
        "Lines": lambda row: str(row["state"]["lines"]) if row["state"] else "",
        "Packets": lambda row: row["state"]["capture"] if row["state"] else "",
    }
    paper.table(columns, result, "", lambda row: "" if row["ok"] else "red")


WRITERS: dict[str, Callable[[Paper, Any], None]] = {
    "log tail": _lines,
    "xcommand": _lines,
    "xconfiguration": _lines,
    "xstatus": _lines,
    "log search": _lines,
    "diagnostics start": _recordings,
    "diagnostics stop": _recordings,
    "diagnostics status": _recordings,
}
