"""群集連線和埠: the two tables, and what is asked at each port of this cluster."""

from __future__ import annotations

import json

import pytest

from tests.support.guide_reader import Reader

pytestmark = pytest.mark.scenario
NOW = {  # purpose -> source ports, protocol, destination port
    "Cluster recovery": ("30000-35999", "TCP", "4371"),
    "Cluster communication": ("30000-35999", "TLS", "4372"),
    "Bandwidth management": ("1719", "UDP", "1719"),
}
BEFORE = {
    "Cluster database synchronization (IPSec AH)": ("N/A", "IP protocol 51", "N/A"),
    "Key exchange between peers (ISAKMP)": ("500", "UDP", "500"),
    "Cluster recovery": ("30000-35999", "UDP", "4371"),
    "Cluster communication": ("30000-35999", "TCP", "4369-4380"),
    "Bandwidth management (Expressway-C cluster only)": ("1719", "UDP", "1719"),
}


def table(reader: Reader, *more: str) -> dict[str, set[tuple[str, str, str]]]:
    lines = json.loads(reader.type_in(1, "-o", "json", "ports", *more))["lines"]
    found: dict[str, set[tuple[str, str, str]]] = {}
    for line in lines:
        row = (line["source_ports"] or "N/A", line["protocol"], line["destination_ports"] or "N/A")
        found.setdefault(line["purpose"], set()).add(row)
    return found


def test_the_table_of_today_is_what_this_cluster_uses(running: Reader) -> None:
    found = table(running)
    assert {purpose: found.get(purpose) for purpose in NOW} == {purpose: {row} for purpose, row in NOW.items()}
    checked = json.loads(running.type_in(1, "-o", "json", "ports"))["lines"]
    mine = [one for one in checked if one["purpose"] == "Cluster communication" and one["checked"]]
    assert {one["checked"] for one in mine} == {"ok"}, mine


def test_the_table_of_before_is_printed_for_those_who_still_filter_for_it(running: Reader) -> None:
    found = table(running, "--before-x88")
    assert {purpose: found.get(purpose) for purpose in BEFORE} == {purpose: {row} for purpose, row in BEFORE.items()}
