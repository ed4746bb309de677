"""Rows and alarms of zones."""

from __future__ import annotations

from dataclasses import replace

from sextet.cluster.rows.books import DropRow, PutRow
from sextet.cluster.rows.zones import ZoneRows, directory_down, down
from sextet.model.status import DIRECTORY_TYPE, ZoneAddress, ZoneStatus

GOOD = ZoneAddress(host="a.example", uri="sip:192.0.2.1:5061;transport=tls", state="active", since_s=1.0)
BAD = ZoneAddress(host="b.example", uri="", state="failed", since_s=1.0, reason="b.example has no address")
ZONE = ZoneStatus(name="London", type="Neighbor", state="Active", since_s=1.0, addresses=(GOOD, BAD))


def test_only_what_changed_is_published() -> None:
    rows = ZoneRows()
    assert rows.seen({"London": ZONE}) == [PutRow("zone", "London", ZONE)]
    assert rows.seen({"London": ZONE}) == []
    changed = replace(ZONE, state="Failed")
    assert rows.seen({"London": changed}) == [PutRow("zone", "London", changed)]
    assert rows.seen({}) == [DropRow("zone", "London")]


def test_each_address_that_is_down_is_a_cause_of_its_own() -> None:
    assert down([ZONE]) == {"London b.example": "Zone London, b.example: b.example has no address."}
    assert down([replace(ZONE, addresses=(GOOD, replace(GOOD, state="maintenance")))]) == {}


def test_the_directory_has_an_alarm_of_its_own() -> None:
    failed = replace(ZONE, type=DIRECTORY_TYPE, addresses=(BAD,))
    assert (down([failed]), directory_down([failed])) == ({}, "b.example: b.example has no address.")
    assert directory_down([replace(failed, addresses=(GOOD,)), ZONE]) == ""
