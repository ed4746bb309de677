"""How versions look: what every peer runs, what is here, the package that was uploaded and what was found about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sextet.console.paper import Cell, Paper, Row
from sextet.console.writers.configuration import differences

MARKS = {"ok": ("✔", "green"), "warn": ("▲", "yellow"), "bad": ("✘", "red")}


def _status(paper: Paper, result: Row) -> None:
    paper.say(result["sentence"])
    if result["failed"]:
        paper.say(f"✘ {result['failed']}", "red")
    if result["working"]:
        paper.say(result["working"], "yellow")
    peers: dict[str, Cell] = {
        "Peer": lambda row: f"{row['number']}{' ★' if row['primary'] else ''}",
        "Name": lambda row: row["name"],
        "Version": lambda row: row["version"] if row["heard"] else f"{row['version']} (not heard)",
        "After its restart": lambda row: row["next"],
        "Version before": lambda row: row["before"],
    }
    if result["peers"]:
        paper.say("")
        paper.table(peers, result["peers"], "", lambda row: "" if row["heard"] else "red")
    places: dict[str, Cell] = {
        "Place": lambda row: f"{row['number']}{'' if row['number'] else ' (as installed)'}",
        "Version": lambda row: row["version"],
        "This peer": lambda row: ", ".join(word for word in ("runs", "next") if row[word]),
        "Can be selected": lambda row: row["why_not"] or "yes",
    }
    paper.say("")
    paper.table(places, result["places"], "")
    if result["package"] is not None:
        paper.say("")
        _package(paper, result["package"])
    if result["not_understood"]:
        paper.say(f"Rows of other versions that are not understood here: {result['not_understood']}", "yellow")


def _package(paper: Paper, package: Row) -> None:
    paper.say(f"Uploaded: version {package['version']}, made {package['made'] or 'on an unknown day'}", "bold")
    paper.say(f"  SHA-256: {package['sha256']}")
    for finding in package["findings"]:
        mark, style = MARKS[finding["verdict"]]
        paper.say(f"  {mark} {finding['title']}: {finding['sentence']}", style)


def _lost(paper: Paper, result: Row) -> None:
    paper.say(result["sentence"])
    differences(paper, result["differences"])


WRITERS: dict[str, Callable[[Paper, Any], None]] = {"upgrade status": _status, "upgrade lost": _lost}
