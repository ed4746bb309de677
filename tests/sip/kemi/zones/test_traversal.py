"""What becomes of traversal clients that say nothing more, and of connections that end, on the fake of Kamailio."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sextet.sip.kemi.zones import traversal, zone_rows
from sextet.sip.kemi.zones.traversal import ALIVE_S, LOST_S
from tests.sip.kemi.test_script import Bench
from tests.sip.kemi.zones.test_pinging import EDGE, INSIDE, NAME, A, certificate, follow, keepalive

CLIENT = "sip:198.51.100.7:40000;transport=tls"
SERVER = A.replace("5061", "7001")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A server with one client that is connected."""
    made = Bench(tmp_path)
    made.ksr.htables["ha1"]["client"] = "x"
    made.ksr.users.add("client")
    follow(made, INSIDE)
    certificate(made, "c.example")
    assert keepalive(made, X_Sextet_Traversal=NAME) == 200
    return made


def sweep(bench: Bench, now_s: float) -> dict[str, Any]:
    told = bench.script._current.get()
    traversal.sweep(bench.ksr, bench.script._reporter, list(bench.ksr.htables["zone"].items()), told, now_s)
    return zone_rows.read(bench.ksr, "Inside", CLIENT) or {}


def test_a_client_is_active_while_its_connection_is_remembered(bench: Bench) -> None:
    row = zone_rows.read(bench.ksr, "Inside", CLIENT)
    assert row is not None
    assert sweep(bench, row["since_s"] + 2 * LOST_S)["state"] == "active"


def test_a_client_that_went_silent_has_failed_is_shown_for_a_while_and_then_forgotten(bench: Bench) -> None:
    bench.ksr.htables["tunnel"].pop("198.51.100.7:40000")  # as Kamailio does when the client was not heard for so long
    row = sweep(bench, 1000.0)
    assert (row["state"], row["reason"]) == ("failed", f"nothing was heard from the client for {ALIVE_S} s")
    assert sweep(bench, 1000.0 + LOST_S)["since_s"] == 1000.0
    assert sweep(bench, 1001.0 + LOST_S) == {}
    assert bench.told[-1]["address"] == {"zone": "Inside", "uri": CLIENT, "state": "gone"}


def test_clients_go_with_their_zone_and_what_is_configured_stays(bench: Bench) -> None:
    follow(bench, EDGE)
    told = bench.script._current.get()
    zone_rows.failed(bench.ksr, bench.script._reporter, "Edge", "192.0.2.71", SERVER, "no answer", 0.0)
    assert sweep(bench, 10 * LOST_S) == {}
    assert zone_rows.read(bench.ksr, "Edge", SERVER) is not None
    assert told.table.zones["Edge"].uris == (SERVER,)


def test_a_traversal_server_whose_connection_ends_has_failed_and_is_asked_at_once(bench: Bench) -> None:
    follow(bench, EDGE)
    bench.ksr.values |= {"$si": "192.0.2.71", "$sp": 7001}
    assert bench.script.closed(None) == 1
    row = zone_rows.read(bench.ksr, "Edge", SERVER)
    assert row is not None
    assert (row["state"], row["reason"]) == ("failed", "the connection was closed")
    assert bench.ksr.htables["due"] == {zone_rows.row_name("Edge", SERVER): 1}
