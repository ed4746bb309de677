"""How results look in a terminal: tables that stay straight with CJK names, a summary where there is one.

Knows the keys of results, not their meaning; what it does not know it shows as a table of its keys. Needs nothing but
the standard library, so that every command starts fast.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sextet.admin.wording import count, duration

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


def as_json(result: Any) -> str:
    """Write a result for programs: the keys never change their meaning."""
    return json.dumps(result, indent=2, ensure_ascii=False)


def as_text(command: str, result: Any, width: int, colour: bool) -> str:
    """Write a result for people."""
    paper = Paper(width, colour)
    _WRITERS.get(command, _anything)(paper, result)
    return str(paper)


def cells(text: str) -> int:
    """Count the terminal cells that a text takes: two for a wide character, none for a combining one (UAX 11)."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


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
    paper.say(f"In force: {_stamp(result['in_force'])} {result['digest'][:12]}")
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
        "In force": lambda row: f"{_stamp(row['in_force'])}{'' if row['in_step'] else ' (not in step)'}",
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


def _outcome(paper: Paper, result: Row) -> None:
    if not result["differences"]:
        paper.say(f"Nothing changed; the configuration is at {result['revision']}.")
    else:
        _differences(paper, result["differences"])
        saved = f"Saved as {result['revision']}." if result["shared"] else "Saved on this peer."
        paper.say(saved if result["stored"] else "Nothing was stored (dry run).", "green")
    for setting in result["restart"]:
        paper.say(f"{setting}: in force after a restart of the peer; `sextet peer restart`.", "yellow")
    for warning in result["warnings"]:
        paper.say(warning, "yellow")


def _differences(paper: Paper, rows: Sequence[Row]) -> None:
    columns: dict[str, Cell] = {
        "Setting": lambda row: row["path"],
        "Old": lambda row: row["old"],
        "New": lambda row: row["new"],
    }
    paper.table(columns, rows, "No difference.")


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
        "Age": _age,
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
        paper.say(f"{revision['revision']} by {who}, {_age(revision)} ago: {revision['summary']}", "yellow")
        _differences(paper, row["differences"])


def _registrations(paper: Paper, rows: Sequence[Row]) -> None:
    columns: dict[str, Cell] = {
        "Alias": lambda row: row["alias"],
        "Peer": lambda row: row["peer_name"],
        "Contact": lambda row: row["contact"],
        "Seen from": lambda row: row["received"],
        "Device": lambda row: row["user_agent"],
        "Age": _age,
    }
    paper.table(columns, rows, "Nothing is registered.", _stale)
    paper.say(count(len(rows), "device"), "dim")


def _calls(paper: Paper, rows: Sequence[Row]) -> None:
    columns: dict[str, Cell] = {
        "From": lambda row: row["source"],
        "To": lambda row: row["destination"],
        "State": lambda row: row["state"],
        "Peers": lambda row: ", ".join(row["peer_names"]),
        "Route": lambda row: row["route"],
        "Rule": lambda row: row["rule"],
        "Age": _age,
    }
    paper.table(columns, rows, "No calls.", _stale)


def _alarms(paper: Paper, rows: Sequence[Row]) -> None:
    if not rows:
        paper.say("No alarms.", "green")
    for row in rows:
        subject, seen = f" · {row['key']}" if row["key"] else "", " · acknowledged" if row["acknowledged"] else ""
        style = (
            "dim" if row["acknowledged"] else "red" if row["severity"] in ("critical", "alert", "error") else "yellow"
        )
        paper.say(f"{row['number']} {row['severity']}: {row['title']}{subject} · {_age(row)}{seen}", style)
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
        "Lowered": lambda row: f"{_age(row)} ago",
        "Acknowledged by": lambda row: row["acknowledged_by"],
    }
    paper.table(columns, rows, "No alarm was lowered since the start.")


def _checks(paper: Paper, result: Row) -> None:
    group = ""
    for line in result["lines"]:
        if line["group"] != group:
            group = line["group"]
            paper.say(group, "bold")
        mark, style = _MARKS[line["state"]]
        paper.say(f"  {mark} {line['id']}: {line['title']}; expected: {line['expected']}", style)
        passed = [f"{peer['peer_name']} {peer['measured']}" for peer in line["peers"] if peer["state"] == "ok"]
        if passed:
            paper.say(f"      {' · '.join(passed)}", "dim")
        for peer in [peer for peer in line["peers"] if peer["state"] != "ok"]:
            mark, style = _MARKS[peer["state"]]
            paper.say(f"      {mark} {peer['peer_name']} {peer['state']}: {peer['measured']}", style)
        if line["remedy"]:
            paper.say(f"      → {line['remedy']}")
    paper.say(result["sentence"], "red" if result["failed"] else "yellow" if result["unknown"] else "green")


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
        columns["From here"] = lambda row: f"{_MARKS[row['checked']][0]} {row['measured']}" if row["checked"] else ""
    paper.table(columns, result["lines"], "This system is in no cluster: no peer needs a port of it.")
    for note in sorted({f"{row['purpose']}: {row['note']}" for row in result["lines"] if row["note"]}):
        paper.say(note, "dim")


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


def _certificate(paper: Paper, result: Row) -> None:
    paper.say(f"{'✔' if result['good'] else '✘'} Certificate: {result['line']}", "green" if result["good"] else "red")
    one = result["certificate"]
    if one is not None:
        left = "expired" if one["expired"] else f"{count(one['days_left'], 'day')} left"
        said = {
            "Subject": one["subject"],
            "Issuer": one["issuer"],
            "Alternative names": ", ".join(one["names"]) or "none",
            "Extended key usage": ", ".join(one["usage"]) or "neither server nor client authentication",
            "Valid": f"{one['valid_from']} to {one['valid_until']}, {left}",
            "Key": f"{one['key']}, {one['signed_with']}",
            "Serial number": one["serial"],
            "SHA-256": one["fingerprint"],
        }
        for label, text in said.items():
            paper.say(f"  {label}: {text}")
        paper.say("Names", "bold")
        for name in result["names"]:
            mark, style = ("✔", "green") if name["good"] else ("✘", "red") if name["own"] else ("○", "dim")
            paper.say(f"  {mark} {name['what']}: {name['name']}", style)
        paper.say("Chain", "bold")
        for issuer in result["chain"]:
            paper.say(f"  {issuer['subject']}, valid until {issuer['valid_until']}")
        words = "leads to a trusted CA" if result["trusted"] else "leads to no trusted CA; `sextet cert trust add`"
        paper.say(f"  {'✔' if result['trusted'] else '✘'} {words}", "green" if result["trusted"] else "red")
    if result["waiting"]:
        later = result["waiting"]
        paper.say(f"Used after the restart: {later['subject']}, {later['fingerprint']}", "yellow")
    if result["request"]:
        asked = result["request"]["common_name"]
        paper.say(f"A signing request for {asked} is pending; `sextet cert csr show`.", "yellow")


def _request(paper: Paper, result: Row) -> None:
    names = ", ".join(result["names"]) or "none"
    paper.say(f"{result['subject']}; alternative names: {names}; {result['key']}, {result['signed_with']}")
    for line in result["pem"].splitlines():
        paper.say(line)


def _authorities(paper: Paper, rows: Sequence[Row]) -> None:
    columns: dict[str, Cell] = {
        "Subject": lambda row: row["subject"],
        "Issuer": lambda row: "itself" if row["issuer"] == row["subject"] else row["issuer"],
        "Valid until": lambda row: row["valid_until"],
        "SHA-256": lambda row: row["fingerprint"][:16],
    }
    paper.table(columns, rows, "No CA is trusted.", lambda row: "red" if row["expired"] else "")


def _lists(paper: Paper, rows: Sequence[Row]) -> None:
    columns: dict[str, Cell] = {
        "Issuer": lambda row: row["issuer"],
        "Updated": lambda row: row["updated"],
        "Next update": lambda row: row["next_update"],
        "Revoked": lambda row: str(row["revoked"]),
        "Signed by a trusted CA": lambda row: "yes" if row["trusted"] else "no",
    }
    paper.table(columns, rows, "No CRL was uploaded.", lambda row: "yellow" if row["old"] else "")


def _done(paper: Paper, result: Row) -> None:
    paper.say(result["sentence"], "green")
    for warning in result["warnings"]:
        paper.say(f"▲ {warning}", "yellow")
    if result["restart"]:
        paper.say("A restart is required; `sextet peer restart`.", "yellow")


def _anything(paper: Paper, result: Any) -> None:
    if isinstance(result, list) and result and all(isinstance(row, dict) for row in result):
        paper.table({key: _key(key) for key in result[0]}, result, "")
    elif isinstance(result, dict):
        for key, value in result.items():
            paper.say(value if key == "sentence" else f"{key}: {_plain(value)}")
    elif result is not None:
        paper.say(_plain(result))


_WRITERS: dict[str, Callable[[Paper, Any], None]] = {
    "status": _status,
    "cluster status": _cluster,
    "cluster promote": _outcome,
    "config show": _settings,
    "config set": _outcome,
    "config add": _outcome,
    "config remove": _outcome,
    "config diff": _differences,
    "config history": _history,
    "config set-aside": _proposals,
    "registration list": _registrations,
    "call list": _calls,
    "alarm list": _alarms,
    "alarm history": _past_alarms,
    "log tail": _lines,
    "xcommand": _lines,
    "xconfiguration": _lines,
    "xstatus": _lines,
    "cert show": _certificate,
    "cert csr create": _request,
    "cert csr show": _request,
    "cert csr discard": _done,
    "cert upload": _done,
    "cert trust list": _authorities,
    "cert trust add": _done,
    "cert trust remove": _done,
    "cert crl show": _lists,
    "cert crl upload": _done,
    "cert crl remove": _done,
    "log search": _lines,
    "diagnostics start": _recordings,
    "diagnostics stop": _recordings,
    "diagnostics status": _recordings,
    "check": _checks,
    "ports": _ports,
}


def _key(key: str) -> Cell:
    return lambda row: _plain(row.get(key))


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _age(row: Row) -> str:
    return duration(row["age_s"])


def _stale(row: Row) -> str:
    return "dim" if row["stale"] else ""


def _stamp(stamp: Row | None) -> str:
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
