"""What runs of what is saved, at once and at restart, and who this system is in the list."""

from __future__ import annotations

from dataclasses import replace

from sextet.cluster.configuration.settings import list_age_s, own_number, running_after, waiting
from sextet.model.settings.clustering import Clustering

AT_RESTART = Clustering(changes_take_effect="At restart", peer_1_address="a.x", peer_2_address="b.x")


def test_at_once_everything_saved_is_in_force() -> None:
    saved = Clustering(peer_1_address="a.x", tls_verification_mode="Enforce")
    assert running_after(saved, Clustering(), 0) == saved


def test_at_restart_a_system_outside_any_cluster_waits() -> None:
    running = running_after(AT_RESTART, Clustering(), 0)
    assert running.peers == ()
    assert waiting(AT_RESTART, running) == ("clustering.peer_1_address", "clustering.peer_2_address")


def test_at_restart_a_member_takes_new_peers_and_a_new_primary_without_one() -> None:
    saved = replace(AT_RESTART, peer_3_address="c.x", configuration_primary=2)
    assert running_after(saved, AT_RESTART, 1) == saved


def test_at_restart_the_own_address_and_the_tls_mode_wait() -> None:
    saved = replace(AT_RESTART, peer_1_address="new.x", tls_verification_mode="Enforce")
    waits = waiting(saved, running_after(saved, AT_RESTART, 1))
    assert waits == ("clustering.tls_verification_mode", "clustering.peer_1_address")


def test_at_restart_an_own_address_that_moves_up_waits_for_nothing() -> None:
    """Facts 1.6 E: a peer is removed, later ones move up, the primary is corrected, and nobody is restarted."""
    running = replace(AT_RESTART, peer_3_address="c.x", configuration_primary=3)
    saved = replace(AT_RESTART, peer_2_address="c.x", configuration_primary=2)
    for number in (1, 3):
        assert running_after(saved, running, number) == saved


def test_a_system_finds_itself_by_address_by_name_and_by_what_a_name_resolves_to() -> None:
    own = frozenset({"127.77.0.2", "expc02.apolo.local"})
    assert own_number(["x", "127.77.0.2"], own, {}) == 2
    assert own_number(["EXPC02.apolo.local"], own, {}) == 1
    assert own_number(["x", "alias.y"], own, {"alias.y": "127.77.0.2"}) == 2
    assert own_number(["x", "y"], own, {"x": "127.77.0.1"}) == 0


def test_the_age_of_the_peer_list_is_not_that_of_other_settings_saved_since() -> None:
    old, new = {"clustering": {"peer_1_address": "a"}}, {"clustering": {"peer_1_address": "b"}}
    assert list_age_s([]) is None
    assert list_age_s([(5.0, {"clustering": {}})]) is None
    assert list_age_s([(5.0, new), (60.0, new), (900.0, old)]) == 60.0
    assert list_age_s([(5.0, new), (60.0, old), (70.0, new)]) == 5.0
    assert list_age_s([(5.0, new), (60.0, new)]) == 60.0
