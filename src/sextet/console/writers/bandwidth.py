"""How links, pipes, subzones and the answer of a check look in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sextet.console.paper import Cell, Paper, Row

USED: dict[str, Cell] = {
    "Local": lambda row: f"{row['local_kbps']} kbit/s",
    "Cluster": lambda row: f"{row['cluster_kbps']} kbit/s",
}
TOTAL: dict[str, Cell] = {
    "Total": lambda row: row["total"],
    "Used": lambda row: f"{row['percent']} %" if row["percent"] >= 0 else "",
}
FULL, NEARLY = 100, 90  # per cent


def _links(paper: Paper, rows: Sequence[Row]) -> None:
    columns: dict[str, Cell] = {
        "Link": lambda row: row["name"],
        "Node 1": lambda row: row["node1"],
        "Node 2": lambda row: row["node2"],
        "Pipes": lambda row: ", ".join(row["pipes"]),
        **USED,
    }
    paper.table(columns, rows, "There is no such link; `sextet bandwidth default-links` adds the default ones.")


def _pipes(paper: Paper, rows: Sequence[Row]) -> None:
    columns: dict[str, Cell] = {
        "Pipe": lambda row: row["name"],
        "Links": lambda row: str(row["links"]),
        **USED,
        **TOTAL,
        "One call": lambda row: row["per_call"],
    }
    paper.table(columns, rows, "There is no such pipe.", _tone)


def _subzones(paper: Paper, rows: Sequence[Row]) -> None:
    columns: dict[str, Cell] = {
        "Subzone": lambda row: row["shown"],
        "Registrations": lambda row: row["registration_policy"] or "-",
        "Devices": lambda row: str(row["registrations"]),
        "Calls": lambda row: str(row["calls"]),
        **USED,
        **TOTAL,
    }
    paper.table(columns, rows, "There is no such subzone.", _tone)


def _check(paper: Paper, result: Row) -> None:
    paper.say(result["sentence"], "green" if result["granted"] else "red")
    if result["route"]:
        paper.say(f"Way: {result['route']}{'; links ' + ', '.join(result['links']) if result['links'] else ''}")


def _tone(row: Row) -> str:
    return "red" if row["percent"] >= FULL else "yellow" if row["percent"] >= NEARLY else ""


WRITERS: dict[str, Callable[[Paper, Any], None]] = {
    "bandwidth links": _links,
    "bandwidth pipes": _pipes,
    "bandwidth subzones": _subzones,
    "bandwidth check": _check,
}
