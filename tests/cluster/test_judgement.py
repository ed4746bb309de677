"""The status lines and alarms that follow from what a peer observes."""

from __future__ import annotations

from dataclasses import replace

from sextet.cluster.configuration.settings import waiting
from sextet.cluster.judgement import FAILED_S, Evidence, alarms_of, judge, may_carry_calls
from sextet.model.sections import Root
from sextet.model.settings.clustering import Clustering
from sextet.model.settings.protocols import Protocols
from sextet.model.status import LinkStatus, PeerStatus, Stamp

NAMES = tuple(f"expc0{n}.apolo.local" for n in (1, 2, 3))
LIST = Clustering(
    cluster_name="expc-cluster.apolo.local", tls_verification_mode="Enforce",
    peer_1_address=NAMES[0], peer_2_address=NAMES[1], peer_3_address=NAMES[2],
)  # fmt: skip
ROOT = Root(clustering=LIST, protocols=Protocols(h323_mode=True))


def says(number: int, **changes: object) -> PeerStatus:
    about = {
        "peer_id": f"id{number}",
        "address": NAMES[number - 1],
        "host_name": f"expc0{number}",
        "version": "1",
        "now_s": 9.0,
        "started_s": 0.0,
        "held": Stamp(1, "id1", 7),
        "in_force": Stamp(1, "id1", 7),
        "digest": "d7",
        "cluster_name": LIST.cluster_name,
        "tls_mode": "Enforce",
        "peers": NAMES,
    }
    return PeerStatus(**(about | changes))  # type: ignore[arg-type]


def live(number: int, **changes: object) -> LinkStatus:
    about = {"peer": NAMES[number - 1], "state": "LIVE", "resolved_ip": f"127.77.0.{number}", "certificate": "Valid"}
    return LinkStatus(**(about | changes))  # type: ignore[arg-type]


HEALTHY = Evidence(
    saved=ROOT,
    running=LIST,
    number=2,
    own=says(2),
    own_certificate=("Valid", True),
    names={name: f"127.77.0.{n}" for n, name in enumerate(NAMES, 1)},
    name_failures={},
    links={1: live(1), 3: live(3)},
    statuses={1: says(1), 3: says(3)},
    behind_s={},
    writable=False,
    why_not="expc01 is the primary",
)


def raised(seen: Evidence) -> dict[int, str]:
    return {alarm.number: cause for alarm, cause in alarms_of(seen).items()}


def test_a_healthy_cluster_shows_the_guides_words_and_no_alarm() -> None:
    status = judge(HEALTHY)
    assert [m.clustering for m in status.members] == [
        "Active as expc01 (Resolved 'expc01.apolo.local' as '127.77.0.1')",
        "This system",
        "Active as expc03 (Resolved 'expc03.apolo.local' as '127.77.0.3')",
    ]
    assert status.database == "Active"
    assert raised(HEALTHY) == {}


def test_a_peer_that_stays_behind_failed_to_synchronise_and_is_named_on_both_sides() -> None:
    old = Stamp(1, "id1", 6)
    seen = replace(HEALTHY, statuses={1: says(1), 3: says(3, in_force=old, digest="d6")}, behind_s={3: FAILED_S + 1})
    assert raised(seen)[20025].startswith("expc03.apolo.local has r6 (term 1) in force, this system r7 (term 1)")
    here = replace(HEALTHY, own=says(2, in_force=old, digest="d6"), behind_s={1: FAILED_S + 1, 3: FAILED_S + 1})
    assert raised(here)[20025].startswith("This system has r6")
    assert 20025 not in raised(replace(seen, behind_s={3: FAILED_S - 1}))
    other = replace(seen, statuses={1: says(1), 3: says(3, in_force=old, digest="d6", version="2")})
    assert 20025 not in raised(other), "peers of different versions do not replicate, which has an alarm of its own"


def test_two_clusters_that_list_each_other_are_inconsistent() -> None:
    why = "wrong cluster key: the peer does not hold the one of this cluster"
    seen = replace(HEALTHY, links={1: live(1), 3: live(3, state="DOWN", reason=why)})
    assert raised(seen)[20024] == f"expc03.apolo.local: {why}"


def test_what_a_follower_cannot_take_over_is_a_replication_error_and_the_primary_has_none() -> None:
    seen = replace(HEALTHY, not_replicated="configuration r8 could not be written")
    assert raised(seen) == {20009: "configuration r8 could not be written"}
    assert 20009 not in raised(replace(seen, number=1, own=says(1), links={2: live(2), 3: live(3)}))


def test_a_frozen_store_and_both_protocols_off_are_alarms_of_a_system_alone_too() -> None:
    off = Protocols(sip_mode=False, h323_mode=False)
    alone = replace(HEALTHY, saved=Root(protocols=off), running=Clustering(), number=0, links={}, statuses={})
    assert raised(replace(alone, store_frozen="no answer")) == {
        45003: "SIP mode is Off and H.323 mode is Off.",
        20026: "no answer",
    }


def test_a_peer_given_by_its_address_shows_no_resolution() -> None:
    seen = replace(HEALTHY, links={1: live(1), 3: live(3, resolved_ip=NAMES[2])})
    assert judge(seen).members[2].clustering == "Active as expc03"


def test_a_peer_not_yet_tried_is_unknown_and_no_alarm() -> None:
    seen = replace(HEALTHY, links={1: live(1), 3: live(3, state="CONNECTING", tried=False)})
    assert judge(seen).members[2].clustering == "Unknown"
    assert 20004 not in raised(seen)


def test_a_peer_whose_name_does_not_resolve_says_so_before_it_was_ever_tried() -> None:
    why = "name does not resolve: no such name"
    seen = replace(HEALTHY, links={1: live(1), 3: live(3, state="DOWN", tried=False, reason=why)})
    member = judge(seen).members[2]
    assert (member.clustering, member.cause) == ("Unknown", why)


def test_a_lost_peer_is_failed_with_its_measured_cause() -> None:
    seen = replace(
        HEALTHY, links={1: live(1), 3: live(3, state="DOWN", reason="connection refused by 127.77.0.3:4372")}
    )
    member = judge(seen).members[2]
    assert (member.clustering, member.cause) == ("Failed", "connection refused by 127.77.0.3:4372")
    assert judge(seen).database == "Failed"
    assert set(raised(seen)) == {20004, 20006, 20021}
    assert "expc03.apolo.local: connection refused" in raised(seen)[20004]
    assert raised(seen)[20021] == "No TCP connection to expc03.apolo.local on 4372."


def test_a_refusal_is_a_communication_failure_but_the_port_is_open() -> None:
    seen = replace(HEALTHY, links={1: live(1), 3: live(3, state="DOWN", reason="refused: wrong cluster key")})
    assert set(raised(seen)) == {20004, 20006, 20024}


def test_a_lost_primary_is_named_by_its_own_alarm() -> None:
    seen = replace(HEALTHY, links={1: live(1, state="DOWN", reason="no heartbeat for 1.4 s"), 3: live(3)})
    assert set(raised(seen)) == {20004, 20006, 20016}
    assert raised(seen)[20016] == "Peer 1, expc01.apolo.local: no heartbeat for 1.4 s"


def test_a_peer_that_stays_behind_is_an_alarm_but_one_that_is_catching_up_is_not() -> None:
    behind = replace(
        HEALTHY, statuses={1: says(1), 3: says(3, held=Stamp(1, "id1", 5), digest="d5")}, behind_s={3: 0.2}
    )
    assert judge(behind).database == "Synchronising r5/r7"
    assert raised(behind) == {}
    assert set(raised(replace(behind, behind_s={3: 9.0}))) == {20006}


def test_peers_that_name_different_primaries_are_inconsistent() -> None:
    seen = replace(HEALTHY, statuses={1: says(1), 3: says(3, primary=3)})
    assert raised(seen) == {20017: "peer 3 says 3, this system says 1."}


def test_settings_that_differ_from_the_primarys_are_named() -> None:
    seen = replace(HEALTHY, statuses={1: says(1, cluster_name="other", peers=NAMES[:2]), 3: says(3)})
    assert raised(seen) == {20012: "Different from peer 1: cluster name, peer list."}


def test_a_list_without_this_system_or_with_one_system_twice_is_invalid() -> None:
    assert 20015 in raised(replace(HEALTHY, number=0))
    twice = replace(HEALTHY, names={NAMES[0]: "127.77.0.1", NAMES[1]: "127.77.0.2", NAMES[2]: "127.77.0.1"})
    assert raised(twice) == {20003: "expc01.apolo.local and expc03.apolo.local are the same system, 127.77.0.1"}


def test_places_that_are_empty_while_a_cleared_list_waits_for_the_restart_are_no_system() -> None:
    seen = replace(HEALTHY, number=3, running=replace(LIST, peer_1_address="", peer_2_address=""))
    assert 20003 not in raised(seen) and 20015 not in raised(seen)
    assert "The list is expc03.apolo.local; none of these" in raised(replace(seen, number=0))[20015]


def test_a_name_that_does_not_resolve_is_an_invalid_peer_address() -> None:
    seen = replace(HEALTHY, name_failures={NAMES[2]: f"{NAMES[2]}: no such name"})
    assert raised(seen)[20005] == "expc03.apolo.local: no such name"


def test_modes_and_names_that_a_cluster_needs_are_checked() -> None:
    seen = replace(
        HEALTHY,
        saved=replace(ROOT, protocols=Protocols()),
        running=replace(LIST, cluster_name="", tls_verification_mode="Permissive"),
    )
    assert {20018, 20019, 40049} <= set(raised(seen))


def test_saved_settings_that_wait_for_a_restart_are_named() -> None:
    running = replace(LIST, tls_verification_mode="Permissive")
    reasons = waiting(LIST, running)
    assert reasons == ("clustering.tls_verification_mode",)
    seen = replace(HEALTHY, running=running, restart_cluster=reasons, restart_engines=("protocols.sip_udp",))
    assert raised(seen)[20007] == "Saved but not in force: clustering.tls_verification_mode."
    assert raised(seen)[20020] == "Saved Enforce, running Permissive."
    assert raised(seen)[25008] == "Saved but not in force: protocols.sip_udp."


def test_the_first_list_of_a_system_waits_for_a_restart_too() -> None:
    seen = replace(HEALTHY, running=Clustering(), number=0, links={}, restart_cluster=("clustering.peer_1_address",))
    assert raised(seen)[20007] == "Saved but not in force: clustering.peer_1_address."


def test_a_stand_alone_system_has_no_cluster_alarms() -> None:
    alone = replace(HEALTHY, saved=Root(), running=Clustering(), number=0, links={}, statuses={})
    assert judge(alone).database == "Single peer"
    assert raised(alone) == {}


def test_edits_set_aside_are_a_conflict_until_they_are_dealt_with() -> None:
    seen = replace(HEALTHY, set_aside=2)
    assert judge(seen).database == "Conflict"
    assert raised(seen) == {20011: "2 edits without which the cluster went on are kept as proposals."}
    assert raised(replace(HEALTHY, set_aside=1))[20011].startswith("1 edit without which the cluster went on is kept")


def test_calls_are_sent_to_a_peer_whose_sextetd_alone_ended_and_not_to_a_silent_one() -> None:
    for reason in (
        "connection refused by 127.77.0.1 port 4372",
        "the peer closed the connection",
        "the peer's application said nothing for 1.5 s",
        "cluster settings changed",
        "refused: this peer enforces TLS verification",
        "timed out: the peer's store did not answer within 3 s",
        "no heartbeat for 1.3 s",
        "timed out: TLS took longer than 2 s",
    ):
        assert may_carry_calls(live(1, state="DOWN", reason=reason)), reason
        assert not may_carry_calls(live(1, state="DOWN", reason=reason, resolved_ip=""))
    for reason in (
        "timed out: TCP to 127.77.0.1 took longer than 2 s",
        "timed out: no answer from 127.77.0.1 port 4372",
        "refused: not a member",
    ):
        assert not may_carry_calls(live(1, state="DOWN", reason=reason)), reason
    assert may_carry_calls(live(1))
    assert may_carry_calls(live(1, state="SYNCHRONISING"))


def test_what_a_lost_peer_said_last_is_no_disagreement() -> None:
    lost = live(1, state="DOWN", reason="no heartbeat for 1.2 s")
    other = {1: says(1, primary=3, cluster_name="other.example"), 3: says(3)}
    assert {20012, 20017} <= set(raised(replace(HEALTHY, statuses=other)))
    assert not {20012, 20017} & set(raised(replace(HEALTHY, statuses=other, links={1: lost, 3: live(3)})))


def test_each_default_link_that_is_missing_is_an_alarm_of_its_own() -> None:
    numbers = {"DefaultSZtoTraversalSZ": 45007, "DefaultSZtoDefaultZ": 45002, "DefaultSZtoClusterSZ": 45006,
               "TraversalSZtoDefaultZ": 45008}  # fmt: skip
    for name, number in numbers.items():
        links = tuple(link for link in ROOT.links if link.name != name)
        seen = replace(HEALTHY, saved=replace(ROOT, links=links))
        assert list(raised(seen)) == [number]
    turned = tuple(replace(link, name="Mine", node1=link.node2, node2=link.node1) for link in ROOT.links[:1])
    assert raised(replace(HEALTHY, saved=replace(ROOT, links=(*turned, *ROOT.links[1:])))) == {}


def test_a_stand_alone_system_needs_no_link_to_the_cluster_subzone() -> None:
    alone = replace(HEALTHY, saved=replace(ROOT, links=()), running=Clustering(), number=0, links={}, statuses={})
    assert sorted(set(raised(alone)) & {45002, 45006, 45007, 45008}) == [45002, 45007, 45008]


def test_a_peer_of_another_version_is_named_with_both_and_is_not_called_slow() -> None:
    old = Stamp(1, "id1", 6)
    theirs = says(1, version="2", in_force=old, digest="d6")
    seen = replace(HEALTHY, statuses={1: theirs, 3: says(3)}, behind_s={1: 60.0})
    assert raised(seen).keys() == {20008}
    assert raised(seen)[20008].startswith("expc01.apolo.local 2; this system 1: no configuration goes between")
    assert "Upgrade the primary first" in raised(seen)[20008]
    assert judge(seen).database == "Suspended"
    assert judge(seen).members[0].clustering_ok, "it is a member as before"


def test_a_version_that_was_heard_before_a_peer_was_lost_is_no_difference() -> None:
    gone = live(1, state="DOWN", reason="connection refused")
    seen = replace(HEALTHY, links={1: gone, 3: live(3)}, statuses={1: says(1, version="2"), 3: says(3)})
    assert 20008 not in raised(seen)
