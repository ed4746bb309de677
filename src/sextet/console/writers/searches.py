"""Searches, as people read them in a terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sextet.admin.wording import moment, zone
from sextet.console.paper import Cell, Paper, Row

_STEPS: dict[str, Cell] = {
    "": lambda row: "✔" if row["matched"] else "·",
    "Step": lambda row: row["name"],
    "Priority": lambda row: str(row["priority"] or ""),
    "Before": lambda row: row["before"],
    "After": lambda row: row["after"] if row["after"] != row["before"] else "",
    "Target": lambda row: row["target"],
    "Finding": lambda row: row["finding"],
}


def _history(paper: Paper, result: Row) -> None:
    columns: dict[str, Cell] = {
        "Id": lambda row: row["search"]["id"],
        f"When ({zone()})": lambda row: moment(row["search"]["at"]),
        "Peer": lambda row: row["peer_name"],
        "From": lambda row: f"{row['search']['caller']} ({row['search']['source']})",
        "Dialled": lambda row: row["search"]["alias"],
        "Outcome": lambda row: row["outcome"],
        "Answered by": _winner,
        "Reason": lambda row: row["search"]["reason"],
    }
    paper.table(columns, result["lines"], "There is no search yet.", lambda row: _tone(row["search"]))
    for name in result["silent"]:
        paper.say(f"{name} did not answer; its searches are missing.", "yellow")


def _show(paper: Paper, result: Row) -> None:
    search = result["search"]
    why = f"; {search['reason']}" if search["reason"] else ""
    paper.say(f"{search['caller']} dialled {search['alias']}: {result['outcome']}{why}", "bold")
    proved = "authenticated" if search["authenticated"] else "not authenticated"
    paper.say(f"{search['at']} on {result['peer_name']}, from {search['source']}, {proved}, {search['protocol']}")
    paper.say(f"Search {search['id']}  Call tag {search['tag']}  Call-ID {search['call_id']}")
    _decision(paper, search)


def _locate(paper: Paper, result: Row) -> None:
    paper.say(("On the draft: " if result["draft"] else "") + result["sentence"], "bold")
    for sentence in (*result["unreachable"], *result["afterwards"]):
        paper.say(sentence)
    _decision(paper, result["search"])


def _decision(paper: Paper, search: Row) -> None:
    paper.say("")
    paper.table(_STEPS, search["steps"], "No rule was looked at.", lambda row: "" if row["matched"] else "dim")
    if not search["asked"]:
        return
    columns: dict[str, Cell] = {
        "Asked": lambda row: row["target"],
        "For": lambda row: row["alias"],
        "By rule": lambda row: row["rule"],
        "Answer": lambda row: f"{row['status'] or ''} {row['reason']}".strip(),
        "ms": lambda row: str(row["ms"]) if row["status"] or row["reason"] else "",
    }
    paper.say("")
    paper.table(columns, search["asked"], "")


def _check(paper: Paper, result: Row) -> None:
    columns: dict[str, Cell] = {"Rule": lambda row: row["name"], "Finding": lambda row: row["sentence"]}
    paper.table(columns, result["warnings"], "Every rule and transform can do something.")
    hits = result["hits"]
    rows = [{"name": name, "count": count} for name, count in sorted(hits["rules"].items(), key=lambda one: -one[1])]
    counts: dict[str, Cell] = {"Rule": lambda row: row["name"], "Matched": lambda row: str(row["count"])}
    paper.say("")
    paper.table(counts, rows, f"No rule has matched since {hits['since']}.")
    for name in hits["silent"]:
        paper.say(f"{name} did not answer and is not counted.", "yellow")


def _tests(paper: Paper, result: list[Row]) -> None:
    columns: dict[str, Cell] = {
        "": lambda row: "✔" if row["passed"] else "✘",
        "Test": lambda row: row["name"],
        "Should": lambda row: row["wanted"],
        "Now": lambda row: row["happens"],
    }
    paper.table(columns, result, "There is no dial plan test.", lambda row: "" if row["passed"] else "red")


def _winner(row: Row) -> str:
    return next((one["target"] for one in row["search"]["asked"] if 200 <= one["status"] < 300), "")


def _tone(search: Row) -> str:
    return "" if search["status"] < 300 else "yellow"


WRITERS: dict[str, Callable[[Paper, Any], None]] = {
    "search history": _history,
    "search show": _show,
    "locate": _locate,
    "dialplan check": _check,
    "dialplan test": _tests,
}
