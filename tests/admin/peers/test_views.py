"""Overview, mesh and Clustering page say what is known, and no more."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from sextet.admin.peers import views
from sextet.admin.peers.mesh import mesh
from sextet.cluster.face import ClusterStatus, Member, Owned
from sextet.model import alarms
from sextet.model.config import Change
from sextet.model.status import LinkStatus, PeerStatus
from tests.support.fake_peer import FakePeer

NAME = "Cluster expc-cluster.apolo.local"


def test_a_whole_cluster_is_healthy_in_one_sentence() -> None:
    seen = views.overview(FakePeer.busy())
    assert seen.sentence == f"{NAME}: healthy. 3 of 3 peers active, survives the loss of 2 peers."
    assert (seen.state, seen.findings) == ("healthy", ())


def test_parts_of_one_call_and_one_alarm_on_three_peers_count_once() -> None:
    seen = views.overview(FakePeer.busy())
    assert (seen.registrations, seen.calls, seen.alarms) == (3, 1, 1)


def test_a_lost_peer_is_named_once_with_its_cause() -> None:
    peer = FakePeer()
    peer.silence(3)
    seen = views.overview(peer)
    assert seen.sentence == f"{NAME}: degraded. 2 of 3 peers active as seen from expc01, survives the loss of 1 peer."
    assert [finding for finding in seen.findings if "expc03: Failed: Unreachable 14 s." in finding]
    assert not [finding for finding in seen.findings if "do not see each other" in finding]


def test_a_peer_that_hears_nobody_says_that_this_is_only_its_view() -> None:
    peer = FakePeer(2)
    peer.silence(1, 3)
    seen = views.overview(peer)
    assert (
        seen.sentence == f"{NAME}: alone. 1 of 3 peers active as seen from expc02, does not survive the loss of a peer."
    )
    assert any("The primary expc01.apolo.local cannot be reached" in finding for finding in seen.findings)


def test_a_stand_alone_system_is_no_cluster() -> None:
    seen = views.overview(FakePeer(peers=1))
    assert seen.sentence == "Stand-alone system expc01: healthy."
    assert (seen.mesh.nodes, seen.mesh.edges) == ((), ())


def test_an_engine_in_trouble_makes_the_cluster_degraded_and_the_peer_not_ready() -> None:
    peer = FakePeer()
    assert views.readiness(peer) == views.Readiness(ready=True, reasons=())
    peer.engines = ("sip: kamailio is being restarted",)
    assert views.overview(peer).state == "degraded"
    assert views.readiness(peer).reasons == ("sip: kamailio is being restarted",)


def test_a_peer_in_maintenance_mode_is_not_ready_and_another_one_is() -> None:
    peer = FakePeer()
    peer.raise_alarm(alarms.MAINTENANCE_MODE, 2, "On.")
    assert views.readiness(peer).ready
    peer.raise_alarm(alarms.MAINTENANCE_MODE, peer.number, "On.")
    assert "maintenance mode" in views.readiness(peer).reasons[0]


def test_a_waiting_restart_is_told_but_nothing_is_wrong() -> None:
    peer = FakePeer()
    peer.restart_reasons = ("protocols.sip_udp", "protocols.of_another_version")
    seen = views.overview(peer)
    sentence = "expc01 must be restarted: UDP mode and protocols.of_another_version."
    assert (seen.state, seen.findings) == ("healthy", (sentence,))


def test_a_half_open_pair_says_who_does_not_see_whom_and_why() -> None:
    peer = FakePeer()
    peer.cut(3, 2, "connection refused")
    edge = next(edge for edge in mesh(peer).edges if (edge.a, edge.b) == (2, 3))
    assert (edge.state, edge.there.state, edge.back.state) == ("half-open", "live", "down")
    assert edge.sentence == "expc02 sees expc03, but expc03 does not see expc02: connection refused."
    assert edge.sentence in views.overview(peer).findings


def test_a_pair_that_is_cut_both_ways_is_down() -> None:
    peer = FakePeer()
    peer.cut(3, 2, "no route")
    peer.cut(2, 3, "no route")
    edge = next(edge for edge in mesh(peer).edges if (edge.a, edge.b) == (2, 3))
    assert (edge.state, edge.sentence) == ("down", "expc02 and expc03 do not see each other: no route.")


class _Redialling(FakePeer):
    """Peers that are dialling the lost ones again just now."""

    def statuses(self) -> list[Owned[PeerStatus]]:
        return [replace(owned, row=replace(owned.row, links=_dialled(owned.row))) for owned in super().statuses()]


def _dialled(row: PeerStatus) -> tuple[LinkStatus, ...]:
    return tuple(replace(link, state="CONNECTING") if link.state == "DOWN" else link for link in row.links)


def test_a_lost_pair_stays_lost_while_it_dials_again() -> None:
    peer = _Redialling()
    peer.cut(2, 3, "no heartbeat for 1.3 s")
    peer.cut(3, 2, "no heartbeat for 1.3 s")
    seen = views.overview(peer)
    assert seen.state == "degraded"
    assert seen.findings == ("expc02 and expc03 do not see each other: no heartbeat for 1.3 s.",)


class _Behind(FakePeer):
    """A subordinate that has not got the primary's configuration yet."""

    def status(self) -> ClusterStatus:
        status = super().status()
        members = tuple(replace(member, in_step=member.this_system) for member in status.members)
        return replace(status, members=members)


def test_a_subordinate_that_lags_says_it_of_itself_and_not_of_the_primary() -> None:
    findings = views.overview(_Behind(2)).findings
    assert findings == ("expc02 does not have the primary's configuration in force.",)


def test_what_a_silent_peer_last_said_is_not_taken_for_the_present() -> None:
    peer = FakePeer()
    peer.silence(3)
    edges = {(edge.a, edge.b): edge for edge in mesh(peer).edges}
    assert edges[1, 3].back.state == "unknown"
    assert edges[1, 3].state == "down"
    assert edges[2, 3].back.reason == "expc03 cannot be asked"
    assert edges[1, 2].state == "live"


def test_two_peers_of_which_neither_can_be_asked_are_unknown() -> None:
    peer = FakePeer()
    peer.silence(2, 3)
    edge = next(edge for edge in mesh(peer).edges if (edge.a, edge.b) == (2, 3))
    assert edge.state == "unknown"
    assert "neither can be asked" in edge.sentence


def test_the_worse_round_trip_of_a_pair_is_shown() -> None:
    edge = mesh(FakePeer()).edges[0]
    assert edge.sentence == "expc01 and expc02 see each other, 0.4 ms."


def test_the_clustering_page_has_the_guides_lines_beside_each_address() -> None:
    peer = FakePeer()
    peer.silence(3)
    page = views.clustering(peer)
    assert [[str(line) for line in row.lines] for row in page.peers] == [
        ["✔ Certificate: Valid", "✔ Clustering: This system"],
        ["✔ Certificate: Valid", "✔ Clustering: Active as expc02 (Resolved 'expc02.apolo.local' as '127.77.0.2')"],
        ["ℹ Certificate: Not checked", "✘ Clustering: Failed: Unreachable 14 s"],
        [],
        [],
        [],
    ]
    assert str(page.database) == "✔ Cluster database status: Active"
    assert page.role == "primary"


def test_an_invalid_certificate_is_a_notice_in_permissive_and_wrong_in_enforce() -> None:
    for mode, tick in (("Permissive", "ℹ"), ("Enforce", "✘")):
        member = _member(2, certificate="Invalid (expired)", certificate_ok=False)
        line = views._peer_line(2, member, mode).lines[0]
        assert str(line) == f"{tick} Certificate: Invalid (expired)"


def test_the_page_shows_every_setting_with_its_marks_and_what_is_in_force() -> None:
    peer = FakePeer()
    fields = {field.path: field for field in views.clustering(peer).fields}
    assert fields["clustering.peer_1_address"].marks == "†"
    assert fields["clustering.tls_verification_mode"].marks == ""
    assert fields["clustering.configuration_primary"].default == "1"
    assert fields["clustering.cluster_name"].value == "expc-cluster.apolo.local"
    assert fields["clustering.address_mapping_enabled"].value == "Off"


def test_a_setting_that_is_not_in_force_shows_both_values() -> None:
    peer = FakePeer()
    peer._saved = replace(peer.saved, protocols=replace(peer.saved.protocols, sip_udp=False))
    rows = views.fields(type(peer.saved.protocols), "protocols", peer.saved.protocols, peer.running.protocols)
    field = next(field for field in rows if field.path == "protocols.sip_udp")
    assert (field.value, field.running, field.marks) == ("Off", "On", "↻")


def test_peers_agree_only_when_the_known_ones_do() -> None:
    status = _status(
        _member(1, tls_mode="Permissive", this_system=True),
        _member(2, tls_mode="Enforce"),
        _member(3, clustering_ok=False, tls_mode="Enforce"),
    )
    row = next(row for row in views.agreement(status) if row.label == "TLS verification mode")
    assert row.cells == ("Permissive", "Enforce", "")
    assert row.differs == (False, True, False)
    assert row.sentence.startswith("expc02: not as on the primary.")
    assert not next(row for row in views.agreement(status) if row.label == "Software version").sentence


def test_a_subordinate_names_its_primary() -> None:
    assert views.role(FakePeer(2).status()) == "subordinate of expc01"
    assert views.role(FakePeer(peers=1).status()) == "stand-alone"
    assert "not in the peer list" in views.role(replace(FakePeer().status(), primary=5))


def test_a_change_shows_on_the_page_at_once() -> None:
    peer = FakePeer()
    before = views.clustering(peer).revision
    asyncio.run(peer.change([Change("set", "protocols.h323_mode", False)], user="a", source="cli"))
    assert views.clustering(peer).revision != before


def _status(*members: Member) -> ClusterStatus:
    return replace(FakePeer().status(), members=members)


def _member(
    number: int,
    *,
    certificate: str = "Valid",
    certificate_ok: bool = True,
    clustering_ok: bool = True,
    tls_mode: str = "Permissive",
    this_system: bool = False,
) -> Member:
    host = f"expc{number:02}"
    status = PeerStatus(
        peer_id=host, address=host, host_name=host, version="1", now_s=0.0, started_s=0.0, tls_mode=tls_mode
    )
    link = None if this_system else LinkStatus(peer=host, state="LIVE" if clustering_ok else "DOWN")
    return Member(
        number=number,
        address=host,
        this_system=this_system,
        primary=number == 1,
        clustering="",
        clustering_ok=clustering_ok,
        certificate=certificate,
        certificate_ok=certificate_ok,
        link=link,
        status=status,
        in_step=True,
    )
