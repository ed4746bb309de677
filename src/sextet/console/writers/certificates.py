"""Certificates, authorities and revocation lists, as people read them in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sextet.admin.wording import count
from sextet.console.paper import Cell, Paper, Row


def _done(paper: Paper, result: Row) -> None:
    paper.say(result["sentence"], "green")
    for warning in result["warnings"]:
        paper.say(f"▲ {warning}", "yellow")
    if result["restart"]:
        paper.say("A restart is required; `sextet peer restart`.", "yellow")


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


WRITERS: dict[str, Callable[[Paper, Any], None]] = {
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
}
