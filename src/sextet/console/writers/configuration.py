"""Settings, changes and their history, as people read them in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sextet.console.paper import Cell, Paper, Row, age


def _outcome(paper: Paper, result: Row) -> None:
    if not result["differences"]:
        paper.say(f"Nothing changed; the configuration is at {result['revision']}.")
    else:
        differences(paper, result["differences"])
        saved = f"Saved as {result['revision']}." if result["shared"] else "Saved on this peer."
        paper.say(saved if result["stored"] else "Nothing was stored (dry run).", "green")
    for setting in result["restart"]:
        paper.say(f"{setting}: in force after a restart of the peer; `sextet peer restart`.", "yellow")
    for warning in result["warnings"]:
        paper.say(warning, "yellow")


def differences(paper: Paper, rows: Sequence[Row]) -> None:
    """Write what is not the same, setting by setting."""
    columns: dict[str, Cell] = {
        "Setting": lambda row: row["path"],
        "Old": lambda row: row["old"],
        "New": lambda row: row["new"],
    }
    paper.table(columns, rows, "No difference.")


def _backup(paper: Paper, result: Row) -> None:
    label = result["label"]
    paper.say(f"A whole backup of {label['host']}, version {label['version']}, made {label['made']}.", "green")
    differences(paper, result["differences"])
    for warning in result["warnings"]:
        paper.say(warning, "yellow")
    if result["refusal"]:
        paper.say(f"It would not be restored here: {result['refusal']}", "yellow")
    else:
        lost = f"{result['calls']} calls end and {result['registrations']} registrations have to be made again"
        paper.say(f"Restoring it replaces all of this and restarts this peer: {lost}.")


def _settings(paper: Paper, rows: Sequence[Row]) -> None:
    columns: dict[str, Cell] = {
        "Setting": lambda row: f"{row['path']} {row['marks']}".strip(),
        "Value": lambda row: row["value"],
    }
    if any(row["running"] for row in rows):
        columns["In force"] = lambda row: row["running"]
    paper.table(columns, rows, "This list is empty.")


def _history(paper: Paper, rows: Sequence[Row]) -> None:
    columns: dict[str, Cell] = {
        "Revision": lambda row: f"{row['revision']}{' ✔' if row['in_force'] else ''}",
        "Age": age,
        "User": lambda row: row["user"],
        "From": lambda row: row["source"],
        "What": lambda row: row["summary"],
    }
    paper.table(columns, rows, "Nothing was changed yet.")


def _proposals(paper: Paper, rows: Sequence[Row]) -> None:
    if not rows:
        paper.say("No edit was set aside.", "dim")
    for row in rows:
        revision = row["revision"]
        who = f"{revision['user']} from {revision['source']}"
        who += f", accepted by {row['accepted_by']}" if row["accepted_by"] else ""
        paper.say(f"{revision['revision']} by {who}, {age(revision)} ago: {revision['summary']}", "yellow")
        differences(paper, row["differences"])


def _text(paper: Paper, text: str) -> None:
    for line in text.splitlines():
        paper.say(line)


WRITERS: dict[str, Callable[[Paper, Any], None]] = {
    "cluster set-list": _outcome,
    "cluster leave": _outcome,
    "cluster promote": _outcome,
    "config show": _settings,
    "config set": _outcome,
    "config add": _outcome,
    "config undo": _outcome,
    "config remove": _outcome,
    "policy upload": _outcome,
    "policy cpl": lambda paper, result: _text(paper, result["cpl"]),
    "config diff": differences,
    "backup verify": _backup,
    "config history": _history,
    "config set-aside": _proposals,
}
