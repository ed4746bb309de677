"""What is told of links and settings, and how often."""

from __future__ import annotations

from sextet.cluster.configuration.telling import Telling
from sextet.model.config import Difference
from sextet.model.status import Stamp
from tests.support.fake_peer import Lines

PEERS = [("10.15.13.15", "expc01"), ("10.15.13.16", "expc02")]


def details(lines: Lines) -> list[str]:
    return [fields["Detail"] for name, fields in lines.lines if fields.get("Level") != "DEBUG"]


def test_a_peer_that_stays_away_is_told_of_once_for_each_reason() -> None:
    lines = Lines()
    telling = Telling(lines)
    for reason in ("connection refused", "connection refused", "timed out", "timed out"):
        telling.link("expc02", "CONNECTING", "")
        telling.link("expc02", "DOWN", reason)
    assert details(lines) == ["Failed connecting to node"] * 2
    assert [fields["Reason"] for _, fields in lines.lines if fields["Level"] == "WARN"] == [
        "connection refused",
        "timed out",
    ]


def test_a_link_is_lost_only_after_it_was_live_and_returns() -> None:
    lines = Lines()
    telling = Telling(lines)
    for state, reason in (("LIVE", ""), ("DOWN", "no answer"), ("DOWN", "refused"), ("LIVE", "")):
        telling.link("expc02", state, reason)
    assert details(lines) == [
        "Connected to a peer",
        "Lost the connection to a peer",
        "Inconsistent Database",
        "Failed connecting to node",
        "Connected to a peer",
    ]


def test_a_link_that_is_renewed_on_purpose_is_neither_lost_nor_failed() -> None:
    lines = Lines()
    telling = Telling(lines)
    for state, reason in (("LIVE", ""), ("DOWN", "cluster settings changed"), ("CONNECTING", ""), ("LIVE", "")):
        telling.link("expc02", state, reason)
    assert details(lines) == ["Connected to a peer"]


def test_a_version_is_told_as_synchronised_once() -> None:
    lines = Lines()
    telling = Telling(lines)
    for revision in (1, 1, 2):
        telling.synchronised(PEERS, 1, 2, Stamp(1, "a", revision))
    assert [detail for detail in details(lines) if detail].count("Synchronisation completed successfully") == 2


def test_only_what_is_specific_to_this_peer_is_told_as_its_own_and_a_changed_list_is_noticed() -> None:
    lines = Lines()
    telling = Telling(lines)
    telling.own([Difference("protocols.sip_udp", "Off", "On"), Difference("clustering.peer_2_address", "", "expc02")])
    said = details(lines)
    assert not any("SIP UDP" in detail for detail in said)
    assert said[0].startswith("xconfiguration Alternates Peer 2 Address - changed from:  to: expc02")
    assert said[1] == "Cluster configuration change detected"
    assert said[-1] == "alternate peer changed info recieved"


def test_the_tls_mode_is_told_with_what_it_was_at_the_start() -> None:
    lines = Lines()
    telling = Telling(lines)
    telling.started("Permissive")
    telling.shared([Difference("clustering.tls_verification_mode", "Permissive", "Enforce")])
    status = next(fields for _, fields in lines.lines if fields["Detail"] == "TLS Verify change status")
    assert (status["Startup"], status["New"]) == ("False", "True")
