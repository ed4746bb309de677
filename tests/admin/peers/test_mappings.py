"""What each peer says of itself becomes a suggestion; what is not known is said, and its row stays."""

from __future__ import annotations

import asyncio

import pytest

from sextet.admin.actor import Actor
from sextet.admin.door import Door
from sextet.admin.peers import mappings
from sextet.admin.peers.mappings import PATH
from sextet.model.config import Change
from sextet.model.schema import Refused
from tests.support.fake_peer import FakePeer, Lines

WHO = Actor(user="ann", may_write=True, door="cli")


def test_every_peers_own_name_and_address_are_suggested_and_saved() -> None:
    face = FakePeer(1)
    assert {(row.fqdn, row.ip, row.sentence) for row in mappings.suggest(face)} >= {
        ("expc01.apolo.local", "127.77.0.1", "New."),
        ("expc03.apolo.local", "127.77.0.3", "New."),
    }
    asyncio.run(mappings.save(face, Door(face, Lines()), WHO))
    assert {row.sentence for row in mappings.suggest(face)} == {"As it is."}


def test_the_inside_interface_is_suggested_where_a_peer_was_told_of_it() -> None:
    face = FakePeer(1)
    face.inside[2] = "10.15.13.20"
    assert {(row.fqdn, row.ip) for row in mappings.suggest(face)} >= {
        ("expc01.apolo.local", "127.77.0.1"),
        ("expc02.apolo.local", "10.15.13.20"),
    }


def test_a_peer_that_cannot_be_heard_keeps_its_row() -> None:
    face = FakePeer(1)
    door = Door(face, Lines())
    row = {"fqdn": "public.example", "ip": "10.0.0.9"}
    asyncio.run(door.change(WHO, [Change("add", PATH, row)]))
    face.silence(2, 3)
    assert {row.fqdn for row in mappings.suggest(face)} == {"expc01.apolo.local", ""}
    asyncio.run(mappings.save(face, door, WHO))
    assert {row.fqdn for row in face.saved.clustering.address_mappings} == {"public.example", "expc01.apolo.local"}


def test_alone_there_is_nothing_to_suggest() -> None:
    face = FakePeer(1, peers=1)
    assert mappings.suggest(face) == []
    with pytest.raises(Refused, match="nothing to suggest"):
        asyncio.run(mappings.save(face, Door(face, Lines()), WHO))
