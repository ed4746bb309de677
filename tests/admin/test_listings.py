"""The tables show the whole cluster, folded where several peers say the same."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from sextet.admin import listings
from sextet.cluster.face import Owned
from sextet.model import alarms
from sextet.model.config import Change, Difference
from sextet.model.status import PastAlarm, Stamp
from tests.support.fake_peer import FakePeer


def test_registrations_of_all_peers_are_listed_by_alias_with_their_peer() -> None:
    lines = listings.registrations(FakePeer.busy())
    assert [(line.alias, line.peer_name) for line in lines] == [
        ("alice@apolo.local", "expc01"),
        ("bob@apolo.local", "expc03"),
        ("會議室@apolo.local", "expc02"),
    ]


def test_the_first_devices_by_alias_are_listed_and_all_of_them_counted() -> None:
    peer = FakePeer.busy()
    lines, found = listings.first_registrations(peer, "", 2)
    assert [line.alias for line in lines] == ["alice@apolo.local", "bob@apolo.local"] and found == 3
    lines, found = listings.first_registrations(peer, "APOLO", 1)
    assert [line.alias for line in lines] == ["alice@apolo.local"] and found == 3
    assert listings.first_registrations(peer, "nobody", 2) == ((), 0)


def test_devices_of_some_aliases_are_listed_whatever_their_case_and_no_others() -> None:
    found = listings.registrations_of(FakePeer.busy(), ["BOB@apolo.local", "alice@apolo.local", "bo"])
    assert [(line.alias, line.peer_name) for line in found] == [
        ("alice@apolo.local", "expc01"),
        ("bob@apolo.local", "expc03"),
    ]


def test_a_filter_finds_any_shown_text_whatever_its_case() -> None:
    peer = FakePeer.busy()
    assert [line.alias for line in listings.registrations(peer, "EXPC03")] == ["bob@apolo.local"]
    assert [line.alias for line in listings.registrations(peer, "會議")] == ["會議室@apolo.local"]
    assert listings.registrations(peer, "nobody") == ()
    assert listings.calls(peer, "carol") == ()
    assert len(listings.calls(peer, "localzonematch")) == 1


def test_rows_of_a_silent_peer_stay_and_are_marked() -> None:
    peer = FakePeer.busy()
    peer.silence(3)
    assert [line.stale for line in listings.registrations(peer)] == [False, True, False]
    assert not listings.calls(peer)[0].stale  # expc01, which the call passes too, is heard
    peer.silence(1)
    assert listings.calls(peer)[0].stale


def test_a_call_over_two_peers_is_one_line() -> None:
    call = listings.calls(FakePeer.busy())[0]
    assert (call.source, call.destination, call.peers, call.state) == (
        "alice@apolo.local",
        "bob@apolo.local",
        (1, 3),
        "connected",
    )


def test_a_call_is_connected_when_one_of_its_parts_is() -> None:
    peer = FakePeer()
    peer.call("c", 1, "a@x", "b@x", state="ringing", age_s=5)
    peer.call("c", 2, "a@x", "b@x", state="connected", age_s=4)
    assert [(call.state, call.age_s) for call in listings.calls(peer)] == [("connected", 5)]


def test_the_rule_is_told_by_the_peer_that_searched() -> None:
    peer = FakePeer()
    peer.call("c", 1, "a@x", "b@x", age_s=4)
    peer.call("c", 3, "a@x", "b@x", age_s=5)
    peer.call_rows[1] = replace(peer.call_rows[1], row=replace(peer.call_rows[1].row, rule=""))
    assert [call.rule for call in listings.calls(peer)] == ["LocalZoneMatch"]


def test_two_calls_without_a_tag_stay_two() -> None:
    peer = FakePeer()
    for serial in ("a", "b"):
        peer.call(serial, 1, "a@x", "b@x")
    peer.call_rows = [replace(owned, row=replace(owned.row, tag="")) for owned in peer.call_rows]
    assert len(listings.calls(peer)) == 2


def test_the_same_alarm_of_several_peers_is_one_line_with_every_cause() -> None:
    peer = FakePeer.busy()
    (line,) = listings.alarms(peer)
    assert (line.number, line.title, line.severity) == (40049, "Cluster TLS permissive", "notice")
    assert [one.peer_name for one in line.peers] == ["expc01", "expc02", "expc03"]
    assert line.age_s == 603.0


def test_one_alarm_about_two_things_is_two_lines_worst_first() -> None:
    peer = FakePeer()
    peer.raise_alarm(alarms.TLS_PERMISSIVE, 1, "permissive")
    peer.raise_alarm(alarms.COMMUNICATION_FAILURE, 1, "no answer", key="expc02")
    peer.raise_alarm(alarms.COMMUNICATION_FAILURE, 1, "no answer", key="expc03")
    peer.raise_alarm(alarms.DISK_FULL, 2, "no space")
    assert [(line.number, line.key) for line in listings.alarms(peer)] == [
        (60901, ""),
        (20004, "expc02"),
        (20004, "expc03"),
        (40049, ""),
    ]


def test_an_alarm_counts_as_acknowledged_when_it_is_on_every_peer() -> None:
    peer = FakePeer.busy()
    asyncio.run(peer.acknowledge(alarms.TLS_PERMISSIVE, "", {"User": "admin"}, 1))
    assert not listings.alarms(peer)[0].acknowledged
    alone = FakePeer()
    alone.raise_alarm(alarms.TLS_PERMISSIVE, 1, "permissive")
    asyncio.run(alone.acknowledge(alarms.TLS_PERMISSIVE, "", {"User": "admin"}, 1))
    (line,) = listings.alarms(alone)
    assert line.acknowledged and line.peers[0].acknowledged_by == "admin"


def test_what_is_over_is_listed_the_last_first_with_how_long_it_stood() -> None:
    peer = FakePeer()
    for owner, age_s in ((1, 60.0), (3, 5.0)):
        row = PastAlarm(number=20004, key="", detail="no answer", since_s=10.0, lowered_s=25.0, acknowledged_by="ann")
        peer.past_rows.append(Owned(owner, peer.address(owner), row, age_s))
    first, second = listings.past_alarms(peer)
    assert (first.peer, first.title, first.stood_s, first.age_s) == (3, "Cluster communication failure", 15.0, 5.0)
    assert (second.peer_name, second.acknowledged_by) == ("expc01", "ann")


def test_an_alarm_of_a_newer_version_is_still_shown() -> None:
    peer = FakePeer()
    peer.raise_alarm(alarms.AlarmType(99_999, "New", "new", "look"), 2, "something new")
    assert listings.alarms(peer)[0].title == "Alarm 99999"


def test_the_configuration_is_listed_at_or_below_a_path_with_secrets_as_dots() -> None:
    peer = FakePeer()
    everything = listings.configuration(peer)
    assert "alice-secret" not in repr(everything)
    assert [line.value for line in listings.configuration(peer, "credentials[alice]")] == ["alice", "•••"]
    assert {line.path.partition("[")[0] for line in listings.configuration(peer, "zones")} == {"zones"}
    assert [line.path for line in listings.configuration(peer, "protocols.sip_udp")] == ["protocols.sip_udp"]
    assert listings.configuration(peer, "protocols.sip_ud") == ()


def test_what_is_saved_and_not_in_force_shows_both_values() -> None:
    peer = FakePeer()
    asyncio.run(peer.change([Change("set", "protocols.sip_udp", False)], user="a", source="cli"))
    (line,) = listings.configuration(peer, "protocols.sip_udp")
    assert (line.value, line.running) == ("Off", "On")


def test_the_history_is_newest_first_and_marks_what_is_in_force() -> None:
    peer = FakePeer()
    asyncio.run(peer.change([Change("set", "protocols.h323_mode", False)], user="eve", source="cli"))
    lines = listings.history(peer)
    assert [(line.user, line.in_force) for line in lines] == [("eve", True), ("admin", False)]


def test_set_aside_edits_are_proposals_and_not_history() -> None:
    peer = FakePeer()
    peer.set_aside(Difference("zones[London].sip_port", "5061", "5070"))
    assert not any(line.set_aside for line in listings.history(peer))
    (proposal,) = listings.proposals(peer)
    assert proposal.differences[0].new == "5070"


def test_an_edit_that_was_set_aside_is_listed_with_the_peer_that_accepted_it() -> None:
    peer = FakePeer()
    for author in ("peer-1", "peer-2", "gone"):
        peer.set_aside(Difference("zones[London].sip_port", "5061", "5070"))
        peer.revisions[-1] = replace(peer.revisions[-1], stamp=replace(peer.revisions[-1].stamp, author=author))
        peer.moved_by[peer.revisions[-1].stamp] = ()
    assert [one.accepted_by for one in listings.proposals(peer)] == ["", "expc02", "expc01"]


def test_an_edit_stays_listed_however_many_revisions_come_after_it() -> None:
    peer = FakePeer()
    peer.set_aside(Difference("zones[London].sip_port", "5061", "5070"))
    ordinary = next(one for one in peer.revisions if not one.set_aside)
    peer.revisions += [ordinary] * 300
    assert len(listings.proposals(peer)) == 1


def test_views_become_plain_values_with_the_names_of_their_fields() -> None:
    plain = listings.to_plain({"stamp": Stamp(1, "a", 2), "rows": (Difference("p", "o", "n"),)})
    assert plain == {
        "stamp": {"term": 1, "author": "a", "revision": 2},
        "rows": [{"path": "p", "old": "o", "new": "n"}],
    }
