"""The commands about the peer list: one system's whole list in one step, the jobs, and who may do them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sextet.admin.actor import Actor
from sextet.admin.commands import Registry, Usage
from sextet.admin.door import Door
from sextet.admin.peers.peer_list_commands import add_to
from sextet.model.schema import Refused
from tests.support.fake_peer import FakePeer, Lines
from tests.support.peer_lists import ListDesk


def made(face: FakePeer) -> tuple[Registry, ListDesk]:
    lines = Lines()
    door = Door(face, lines)
    desk, registry = ListDesk(face, door, lines), Registry(door.demand_write)
    add_to(registry, desk.lists)
    return registry, desk


def run(face: FakePeer, command: str, /, *, may_write: bool = True, **arguments: Any) -> Any:
    actor = Actor(user="ann", may_write=may_write, door="cli")
    return asyncio.run(made(face)[0].run(command, arguments, actor))


def test_a_whole_list_is_entered_in_one_step_with_name_and_primary() -> None:
    face = FakePeer(1, peers=1)
    done = run(face, "cluster set-list", addresses="a.x.y b.x.y c.x.y", primary=2, name="c.x.y", ip_version="IPv4")
    clustering = face.saved.clustering
    assert clustering.peers == ("a.x.y", "b.x.y", "c.x.y")
    assert (clustering.configuration_primary, clustering.cluster_name, done["stored"]) == (2, "c.x.y", True)
    again = run(face, "cluster set-list", addresses="a.x.y b.x.y c.x.y")
    assert again["differences"] == [] and not again["stored"]


def test_rows_move_up_in_one_step_and_a_dry_run_stores_nothing() -> None:
    face = FakePeer(1)
    first, _, third = face.saved.clustering.peers
    run(face, "cluster set-list", addresses=f"{first} {third}", dry_run=True)
    assert len(face.saved.clustering.peers) == 3
    run(face, "cluster set-list", addresses=f"{first} {third}")
    assert face.saved.clustering.peers == (first, third)


@pytest.mark.parametrize(
    ("addresses", "piece"),
    [
        ("", "none was given"),
        ("a b c d e f g", "7 were given"),
        ("a.x a.x", "is peer 1 already"),
        ("_ -", "is neither"),
    ],
)
def test_a_list_that_cannot_be_one_is_refused(addresses: str, piece: str) -> None:
    face = FakePeer(1)
    with pytest.raises(Refused, match=piece):
        run(face, "cluster set-list", addresses=addresses)
    assert len(face.saved.clustering.peers) == 3


def test_a_subordinate_leaves_and_the_primary_of_others_does_not() -> None:
    subordinate = FakePeer(2)
    run(subordinate, "cluster leave")
    assert subordinate.saved.clustering.peers == ()
    with pytest.raises(Refused, match="configuration primary of other peers"):
        run(FakePeer(1), "cluster leave")
    with pytest.raises(Refused, match="nothing to leave"):
        run(FakePeer(1, peers=1), "cluster leave")


def test_a_job_is_shown_and_done_and_written_to_the_event_log() -> None:
    face = FakePeer.busy(1)
    registry, desk = made(face)
    actor = Actor(user="ann", may_write=True, door="cli")
    shown: Any = asyncio.run(registry.run("cluster remove", {"peer": 2, "dry_run": True}, actor))
    assert shown["done"] is False and not desk.peer.done
    done: Any = asyncio.run(registry.run("cluster remove", {"peer": 2}, actor))
    assert done["done"] is True and desk.peer.done[0][0].peer == 2


def test_who_may_only_look_and_who_calls_it_wrongly_are_refused() -> None:
    with pytest.raises(Refused, match="read-only"):
        run(FakePeer(1), "cluster remove", may_write=False, peer=2)
    with pytest.raises(Usage, match="from 1 to 6"):
        run(FakePeer(1), "cluster remove", peer=7)
