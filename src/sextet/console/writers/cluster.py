"""The cluster, its requirements and ports, as people read them in a terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sextet.admin.wording import count
from sextet.console.paper import Cell, Paper, Row, stamp


def _status(paper: Paper, result: Row) -> None:
    paper.say(
        f"{'✔ ready' if result['ready'] else '✘ not ready'} · {result['role']} · {result['revision']}",
        "green" if result["ready"] else "red",
    )
    for reason in result["reasons"]:
        paper.say(f"  {reason}", "red")
    _summary(paper, result)
    paper.say(" · ".join(count(result[f"{noun}s"], noun) for noun in ("registration", "call", "alarm")))


def _cluster(paper: Paper, result: Row) -> None:
    _summary(paper, result)
    paper.say(f"Cluster database status: {result['database']} · this peer: {result['role']}")
    paper.say(f"In force: {stamp(result['in_force'])} {result['digest'][:12]}")
    if result["why_not"]:
        paper.say(result["why_not"], "red")
    for reason in result["restart_reasons"]:
        paper.say(f"Restart required: {reason}", "yellow")
    if result["peers"]:
        paper.say("")
    columns: dict[str, Cell] = {
        "Peer": lambda row: f"{row['number']}{' ★' if row['primary'] else ''}",
        "Name": lambda row: row["name"],
        "Clustering": lambda row: f"{'✔' if row['clustering_ok'] else '✘'} {row['clustering']}",
        "Certificate": lambda row: f"{'✔' if row['certificate_ok'] else '✘'} {row['certificate']}",
        "RTT": lambda row: f"{row['round_trip_ms']:.1f} ms" if row["round_trip_ms"] else "",
        "In force": lambda row: f"{stamp(row['in_force'])}{'' if row['in_step'] else ' (not in step)'}",
    }
    paper.table(
        columns,
        result["peers"],
        "Stand-alone: the peer list is empty.",
        lambda row: "" if row["clustering_ok"] else "red",
    )
    differing = [row for row in result["agreement"] if row["sentence"]]
    for row in differing:
        paper.say(f"{row['label']}: {row['sentence']}", "yellow")


def _summary(paper: Paper, result: Row) -> None:
    paper.say(result["sentence"], "green" if result["state"] == "healthy" else "red")
    for finding in result["findings"]:
        paper.say(f"  {finding}", "yellow")


def _checks(paper: Paper, result: Row) -> None:
    group = ""
    for line in result["lines"]:
        if line["group"] != group:
            group = line["group"]
            paper.say(group, "bold")
        mark, style = _MARKS[line["state"]]
        paper.say(f"  {mark} {line['id']}: {line['title']}; expected: {line['expected']}", style)
        by_peer: dict[str, list[Row]] = {"": line["peers"]}  # what others see only where it says more than that
        for one in line["others"]:
            if one["says_more"]:
                by_peer.setdefault(f"{one['by_name']} says: ", []).append(one)
        for who, found in by_peer.items():
            _seen(paper, who, found)
        if line["remedy"]:
            paper.say(f"      → {line['remedy']}")
    for row in result["matrix"]:
        if row["failure"]:
            paper.say(f"? {row['peer_name']} could not be asked: {row['failure']}", "yellow")
    paper.say(result["sentence"], "red" if result["failed"] else "yellow" if result["unknown"] else "green")


def _seen(paper: Paper, who: str, found: list[Row]) -> None:
    """Say what one peer sees, on one line as far as it is as it should be."""
    passed = [f"{peer['peer_name']} {peer['measured']}" for peer in found if peer["state"] == "ok"]
    if passed:
        paper.say(f"      {who}{' · '.join(passed)}", "dim")
    for peer in [peer for peer in found if peer["state"] != "ok"]:
        mark, style = _MARKS[peer["state"]]
        paper.say(f"      {mark} {who}{peer['peer_name']} {peer['state']}: {peer['measured']}", style)


_MARKS = {"ok": ("✔", ""), "failed": ("✘", "red"), "unknown": ("?", "yellow"), "not applicable": ("–", "dim")}


def _ports(paper: Paper, result: Row) -> None:
    paper.say(result["table"], "bold" if result["in_use"] else "yellow")
    columns: dict[str, Cell] = {
        "To": lambda row: f"{row['destination_name']} {row['destination']}".strip(),
        "Purpose": lambda row: row["purpose"],
        "Protocol": lambda row: row["protocol"],
        "Port": lambda row: row["destination_ports"] or "-",
        "From ports": lambda row: row["source_ports"] or "-",
        "From": lambda row: ", ".join(row["sources"]),
    }
    if result["in_use"]:
        columns["Checked"] = _checked_from
    paper.table(columns, result["lines"], "This system is in no cluster: no peer needs a port of it.")
    for note in sorted({f"{row['purpose']}: {row['note']}" for row in result["lines"] if row["note"]}):
        paper.say(note, "dim")


def _plan(paper: Paper, result: Row) -> None:
    for step in result["steps"]:
        paper.say(f"{'✔' if result['done'] else '·'} {step}")
    for step in result["then"]:
        paper.say(f"→ {step}", "bold")
    for warning in result["warnings"]:
        paper.say(f"▲ {warning}", "yellow")
    paper.say(result["sentence"] if result["done"] else f"{result['sentence']} Nothing was done (dry run).", "green")


def _checked_from(row: Row) -> str:
    """Name the peers from which a port was reached, and what others found, with those who found the same."""
    names: dict[tuple[str, str], list[str]] = {}
    for one in row["found"]:
        words = "" if one["state"] == "ok" else f": {one['measured']}"
        names.setdefault((_MARKS[one["state"]][0], words), []).append(one["by_name"])
    reached_first = sorted(names.items(), key=lambda found: found[0][1] != "")
    return "; ".join(f"{mark} from {', '.join(who)}{words}" for (mark, words), who in reached_first)


def _reset_state(paper: Paper, result: Row) -> None:
    paper.say(result["sentence"], "yellow" if result["armed"] else "")
    if not result["armed"]:
        paper.say(result["fault"] or f"Its image is there: version {result['image']}.", "dim")


WRITERS: dict[str, Callable[[Paper, Any], None]] = {
    "status": _status,
    "cluster status": _cluster,
    "check": _checks,
    "ports": _ports,
    "cluster add": _plan,
    "cluster remove": _plan,
    "cluster replace": _plan,
    "cluster change-address": _plan,
    "cluster send-list": _plan,
    "factory-reset status": _reset_state,
}
