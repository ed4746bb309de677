"""Zones, as people read them in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sextet.admin.wording import count, duration
from sextet.console.paper import Cell, Paper, Row

_STYLES = {"ok": "", "info": "", "off": "dim", "warn": "yellow", "bad": "red"}


def _list(paper: Paper, rows: Sequence[Row]) -> None:
    columns: dict[str, Cell] = {
        "Zone": lambda row: row["name"],
        "Type": lambda row: row["type"],
        "State": lambda row: row["words"],
        "Addresses": lambda row: ", ".join(dict.fromkeys(line["host"] for line in row["lines"])),
        "": lambda row: " ".join(row["warnings"]),
    }
    paper.table(columns, rows, "There is no zone.", lambda row: _STYLES[row["tone"]])
    paper.say(count(len(rows), "zone"), "dim")


def _show(paper: Paper, zone: Row) -> None:
    paper.say(f"{zone['name']} ({zone['type']}): {zone['words']}", _STYLES[zone["tone"]])
    for warning in zone["warnings"]:
        paper.say(warning, "yellow")
    cells = [
        {**cell, "host": line["host"], "uri": line["uri"], "identity": line["identity"]}
        for line in zone["lines"]
        for cell in line["cells"]
    ]
    columns: dict[str, Cell] = {
        "Address": lambda row: row["host"],
        "Reached at": lambda row: row["uri"],
        "Seen from": lambda row: row["peer_name"],
        "State": lambda row: "not heard" if row["stale"] else row["state"] or "not known",
        "Round trip": lambda row: f"{row['round_trip_ms']:.1f} ms" if row["round_trip_ms"] else "",
        "Certificate": lambda row: row["identity"],
        "Free": lambda row: str(row["free"]) if row["free"] >= 0 else "",
        "For": lambda row: duration(row["age_s"]),
        "Reason": lambda row: row["reason"],
    }
    paper.table(columns, cells, "It has no address at the moment.", lambda row: _STYLES[row["tone"]])


def _services(paper: Paper, services: list[Row]) -> None:
    columns: dict[str, Cell] = {
        "Server": lambda row: row["host"],
        "Seen from": lambda row: row["peer_name"],
        "State": lambda row: "not heard" if row["stale"] else row["state"] or "not known",
        "Round trip": lambda row: f"{row['round_trip_ms']:.1f} ms" if row["round_trip_ms"] else "",
        "For": lambda row: duration(row["age_s"]),
        "Reason": lambda row: row["reason"],
    }
    for service in services:
        paper.say(f"{service['name']} ({service['type']}): {service['words']}", _STYLES[service["tone"]])
        for warning in service["warnings"]:
            paper.say(warning, "yellow")
        cells = [{**cell, "host": line["host"]} for line in service["lines"] for cell in line["cells"]]
        paper.table(columns, cells, "No peer has told of it yet.", lambda row: _STYLES[row["tone"]])
    if not services:
        paper.say("There is no policy service.")


def _directory(paper: Paper, found: list[Row]) -> None:
    if found:
        _services(paper, found)
    else:
        paper.say("The H.350 directory is off: only the local database knows devices.")


WRITERS: dict[str, Callable[[Paper, Any], None]] = {
    "zone list": _list,
    "zone show": _show,
    "zone test": _show,
    "policy status": _services,
    "directory status": _directory,
}
