"""Use, limits and licences, as people read them in a terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sextet.console.paper import Cell, Paper, Row

_STYLES = {"ok": "", "near": "yellow", "full": "red"}


def _usage(paper: Paper, result: Row) -> None:
    columns: dict[str, Cell] = {"Resource": lambda row: row["label"]}
    columns |= {name: _used(place) for place, name in enumerate(result["peer_names"])}
    columns |= {
        "Total": lambda row: f"{row['total']:g}",
        "Limit": lambda row: _limit(row["limit"]),
        "One peer": lambda row: _limit(row["own_limit"]),
        "Left if a peer is lost": lambda row: _limit(row["left_without_one"]),
    }
    paper.table(columns, result["lines"], "Nothing is counted.", lambda row: _STYLES[row["state"]])
    if result["lost"]:
        paper.say(f"Licences of {', '.join(result['lost'])} count although the peer cannot be heard.", "yellow")


def _used(place: int) -> Cell:
    return lambda row: "not heard" if row["per_peer"][place] < 0 else f"{row['per_peer'][place]:g}"


def _limit(most: float) -> str:
    return "no limit" if most < 0 else f"{most:g}"


WRITERS: dict[str, Callable[[Paper, Any], None]] = {"resource-usage": _usage}
