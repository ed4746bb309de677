"""Requirements as people see them: the worst first, one sentence, and what Enforce would cut off."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from sextet.admin.actor import Actor
from sextet.admin.commands import Commands, Usage
from sextet.admin.door import Door
from sextet.admin.peers.preflight import enforce_obstacles, preflight
from sextet.admin.peers.views import agreement
from sextet.cluster.face import Checked
from sextet.model.checks import TYPES
from tests.support.fake_peer import FakePeer, Lines


def run(peer: FakePeer, name: str, *, may_write: bool = False, **arguments: Any) -> Any:
    registry = Commands(peer, Door(peer, Lines()), Lines()).registry()
    return asyncio.run(registry.run(name, arguments, Actor(user="r", may_write=may_write, door="cli")))


def test_one_peer_that_fails_makes_the_check_fail_and_says_what_to_do() -> None:
    peer = FakePeer()
    peer.judged[("rtt", 2)] = ("failed", "95.0 ms")
    peer.judged[("rtt", 3)] = ("unknown", "no link to it")
    page = preflight(peer, peer.checks())
    line = next(line for line in page.lines if line.id == "rtt")
    assert (line.state, [(one.peer_name, one.state) for one in line.peers]) == (
        "failed",
        [("expc01", "ok"), ("expc02", "failed"), ("expc03", "unknown")],
    )
    assert "Shorten the way" in line.remedy
    assert (page.state, page.failed, page.unknown) == ("failed", 1, 1)
    every = 3 * 3 * len(TYPES)
    assert page.sentence == (
        f"{every - 2} of {every} checks passed; failed: Round trip; 1 could not be measured. Measured 12 s ago."
    )


def test_what_does_not_apply_is_not_counted() -> None:
    peer = FakePeer()
    for number in (1, 2, 3):
        peer.judged[("type-ce", number)] = ("not applicable", "one type")
    every = 3 * 3 * len(TYPES) - 3
    assert preflight(peer, peer.checks()).sentence == f"{every} of {every} checks passed. Measured 12 s ago."


def test_what_every_peer_found_of_every_other_is_a_matrix() -> None:
    peer = FakePeer()
    peer.judged_by[(2, "rtt", 3)] = ("failed", "95.0 ms")
    peer.judged_by[(3, "nat", 1)] = ("unknown", "it does not say")
    page = preflight(peer, peer.checks())
    cells = [[(pair.state, pair.words) for pair in row.pairs] for row in page.matrix]
    fine = ("ok", "as it should be")
    assert cells == [
        [fine] * 3,
        [fine, fine, ("failed", "Round trip")],
        [("unknown", "No NAT between the peers"), fine, fine],
    ]
    line = next(line for line in page.lines if line.id == "rtt")
    assert (line.state, {one.state for one in line.peers}) == ("failed", {"ok"}), "here everything is in order"
    assert [(one.by_name, one.peer_name) for one in line.others if one.state == "failed"] == [("expc02", "expc03")]
    assert "Shorten the way" in line.remedy


def test_what_another_peer_found_is_shown_where_it_says_more_than_what_is_seen_here() -> None:
    peer = FakePeer()
    peer.judged[("ntp", 3)] = peer.judged_by[(2, "ntp", 3)] = ("failed", "unsynchronised")
    peer.judged_by[(2, "version", 3)] = ("failed", "1.1")
    page = {line.id: line for line in preflight(peer, peer.checks()).lines}

    def shown(check: str) -> list[tuple[int, int]]:
        return [(one.by, one.peer) for one in page[check].others if one.says_more]

    assert shown("ntp") == [], "it is seen here too"
    assert shown("version") == [(2, 3)]
    assert {(2, 1), (2, 3), (3, 1), (3, 2)} <= set(shown("rtt")), "every way is another one"


def test_a_peer_that_cannot_be_asked_is_named_and_nothing_is_called_passed_for_it() -> None:
    peer = FakePeer()
    peer.silence(3)
    page = preflight(peer, peer.checks())
    assert (page.matrix[2].failure, page.matrix[2].pairs) == ("its link is DOWN: no heartbeat for 1.3 s", ())
    assert (page.state, page.unknown) == ("unknown", 1)
    assert "; expc03 could not be asked." in page.sentence


def test_a_system_alone_has_no_matrix() -> None:
    peer = FakePeer(peers=1)
    assert preflight(peer, peer.checks()).matrix == ()


def test_nothing_measured_is_not_called_passed() -> None:
    peer = FakePeer()
    page = preflight(peer, Checked(results=peer.checks().results, age_s=-1.0))
    assert page.sentence.startswith("Nothing has been measured yet")


def test_the_command_measures_and_may_be_run_by_who_may_only_look() -> None:
    peer = FakePeer()
    assert run(peer, "check", id="rtt")["lines"][0]["id"] == "rtt"
    assert len(run(peer, "check")["lines"]) == len(TYPES)
    assert peer.measured == 2
    with pytest.raises(Usage, match="There is no check 'nonsense'; there are reach-4372,"):
        run(peer, "check", id="nonsense")


def test_enforce_is_held_up_by_certificates_and_by_addresses_that_are_translated() -> None:
    peer = FakePeer()
    assert enforce_obstacles(peer) == ()
    peer.judged[("nat", 2)] = ("failed", "it comes from 192.0.2.9")
    peer.judged[("rtt", 2)] = ("failed", "95.0 ms")
    peer.judged_by[(2, "nat", 1)] = ("failed", "it comes from 192.0.2.8")
    peer.silence(3)
    assert enforce_obstacles(peer) == (
        "expc03: Not checked",
        "expc02: it comes from 192.0.2.9",
        "expc01: it comes from 192.0.2.8, says expc02",
    )
    peer.judged[("nat", 1)] = ("failed", "it comes from 192.0.2.8")
    assert "expc01: it comes from 192.0.2.8" in enforce_obstacles(peer)
    assert not any("says" in one for one in enforce_obstacles(peer)), "who sees it itself need not be told by others"


def test_the_command_line_warns_before_enforce_and_with_it() -> None:
    peer = FakePeer()
    peer.judged[("nat", 2)] = ("failed", "it comes from 192.0.2.9")
    change = {"path": "clustering.tls_verification_mode", "value": "Enforce"}
    warned = ["Enforce cuts off expc02: it comes from 192.0.2.9."]
    assert run(peer, "config set", **change, dry_run=True, may_write=True)["warnings"] == warned
    assert run(peer, "config set", **change, may_write=True)["warnings"] == warned
    assert run(peer, "config set", **(change | {"value": "Permissive"}), may_write=True)["warnings"] == []


def test_the_firewall_plan_names_every_peer_and_what_was_found_there() -> None:
    peer = FakePeer()
    peer.judged[("reach-4372", 2)] = ("failed", "connection refused")
    peer.judged_by[(3, "reach-4371", 1)] = ("failed", "no answer")
    plan = run(peer, "ports")
    wanted = ("expc02", "4372", "TLS", "30000-35999", ["127.77.0.1", "127.77.0.3"], "failed")
    lines = [
        (
            one["destination_name"],
            one["destination_ports"],
            one["protocol"],
            one["source_ports"],
            one["sources"],
            one["checked"],
        )
        for one in plan["lines"]
    ]
    assert wanted in lines
    assert len(lines) == 3 * 4
    found = {
        (one["destination_name"], one["destination_ports"], by["by_name"]): by["state"]
        for one in plan["lines"]
        for by in one["found"]
    }
    failed = {("expc02", "4372", "expc01"), ("expc01", "4371", "expc03")}
    assert {place for place, state in found.items() if state != "ok"} == failed
    assert ("expc01", "4371", "expc02") in found, "from each peer to each other one"
    assert not [place for place in found if place[0] == place[2]]


def test_the_table_of_old_is_marked_and_has_no_rules_and_nothing_is_measured_for_it() -> None:
    peer = FakePeer()
    plan = run(peer, "ports", before_x88=True)
    assert (plan["in_use"], plan["nft"], peer.measured) == (False, "", 0)
    assert "sextet does not use these" in plan["table"]
    assert {one["destination_ports"] for one in plan["lines"]} == {"", "500", "4371", "4369-4380", "1719"}


def test_a_system_alone_needs_no_ports() -> None:
    plan = run(FakePeer(peers=1), "ports")
    assert plan["lines"] == []
    assert plan["nft"] == "# This system is in no cluster: no peer needs a port of it.\n"


def test_hosts_of_different_size_stand_out_in_the_table_of_agreement() -> None:
    peer = FakePeer()
    status = peer.status()
    members = [
        replace(one, status=replace(one.status, processors=8)) if one.number == 3 else one for one in status.members
    ]
    row = next(one for one in agreement(replace(status, members=tuple(members))) if one.label == "Capacity")
    assert (row.cells, row.differs) == (("2 processors", "2 processors", "8 processors"), (False, False, True))
    assert row.sentence.startswith("expc03: not as on the primary.")
