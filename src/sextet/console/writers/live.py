"""Registrations, calls and alarms, as people read them in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sextet.admin.wording import count, duration, moment, zone
from sextet.console.paper import Cell, Paper, Row, age, stale


def _registrations(paper: Paper, rows: Sequence[Row]) -> None:
    columns: dict[str, Cell] = {
        "Alias": lambda row: row["alias"],
        "Peer": lambda row: row["peer_name"],
        "Contact": lambda row: row["contact"],
        "Seen from": lambda row: row["received"],
        "Device": lambda row: row["user_agent"],
        "Age": age,
    }
    paper.table(columns, rows, "Nothing is registered.", stale)
    paper.say(count(len(rows), "device"), "dim")


def _calls(paper: Paper, rows: Sequence[Row]) -> None:
    columns: dict[str, Cell] = {
        "From": lambda row: row["source"],
        "To": lambda row: row["destination"],
        "State": lambda row: row["state"],
        "Peers": lambda row: ", ".join(row["peer_names"]),
        "Route": lambda row: row["nodes"] or row["route"],
        "Bandwidth": lambda row: f"{row['kbps']} kbit/s" if row["kbps"] else "",
        "Rule": lambda row: row["rule"],
        "Age": age,
    }
    paper.table(columns, rows, "No calls.", stale)


def _alarms(paper: Paper, rows: Sequence[Row]) -> None:
    if not rows:
        paper.say("No alarms.", "green")
    for row in rows:
        subject, seen = f" · {row['key']}" if row["key"] else "", " · acknowledged" if row["acknowledged"] else ""
        style = (
            "dim" if row["acknowledged"] else "red" if row["severity"] in ("critical", "alert", "error") else "yellow"
        )
        paper.say(f"{row['number']} {row['severity']}: {row['title']}{subject} · {age(row)}{seen}", style)
        causes: dict[str, list[str]] = {}
        for peer in row["peers"]:
            by = f" (acknowledged by {peer['acknowledged_by']})" if peer["acknowledged_by"] else ""
            causes.setdefault(peer["detail"], []).append(f"{peer['peer_name']}{by}")
        for cause, peers in causes.items():
            paper.say(f"  {', '.join(peers)}: {cause}")
        paper.say(f"  → {row['action']}")


def _past_alarms(paper: Paper, rows: Sequence[Row]) -> None:
    columns: dict[str, Cell] = {
        "Alarm": lambda row: str(row["number"]),
        "Severity": lambda row: row["severity"],
        "Title": lambda row: row["title"] + (f" ({row['key']})" if row["key"] else ""),
        "Peer": lambda row: row["peer_name"],
        "Cause": lambda row: row["detail"],
        "Stood for": lambda row: duration(row["stood_s"]),
        "Lowered": lambda row: f"{age(row)} ago",
        "Acknowledged by": lambda row: row["acknowledged_by"],
    }
    paper.table(columns, rows, "No alarm was lowered since the start.")


def _past_calls(paper: Paper, result: Row) -> None:
    columns: dict[str, Cell] = {
        f"Began ({zone()})": lambda row: moment(row["call"]["at"]),
        "From": lambda row: row["call"]["source"],
        "To": lambda row: row["call"]["destination"],
        "Ended": lambda row: row["call"]["reason"],
        "Lasted": lambda row: duration(row["call"]["lasted_s"]) if row["call"]["lasted_s"] else "not answered",
        "Route": lambda row: row["call"]["route"],
        "Peers": lambda row: ", ".join(row["peer_names"]),
    }
    paper.table(columns, result["lines"], "No call is over yet.")
    if result["silent"]:
        paper.say(f"No answer from {', '.join(result['silent'])}: their calls are missing.", "yellow")


def _past_registrations(paper: Paper, result: Row) -> None:
    columns: dict[str, Cell] = {
        f"When ({zone()})": lambda row: moment(row["registration"]["at"]),
        "Alias": lambda row: row["registration"]["alias"],
        "Event": lambda row: row["registration"]["event"],
        "Reason": lambda row: row["registration"]["reason"],
        "Lasted": lambda row: duration(row["registration"]["lasted_s"]) if row["registration"]["lasted_s"] else "",
        "Seen from": lambda row: row["registration"]["received"],
        "Device": lambda row: row["registration"]["user_agent"],
        "Peer": lambda row: row["peer_name"],
    }
    paper.table(columns, result["lines"], "No device has registered yet.")
    if result["silent"]:
        paper.say(f"No answer from {', '.join(result['silent'])}: what they saw is missing.", "yellow")


WRITERS: dict[str, Callable[[Paper, Any], None]] = {
    "registration list": _registrations,
    "registration history": _past_registrations,
    "call list": _calls,
    "call history": _past_calls,
    "alarm list": _alarms,
    "alarm history": _past_alarms,
}
