"""What steers a peer as a whole is refused before anybody is asked about it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sextet.admin.actor import Actor
from sextet.admin.commands import Registry
from sextet.admin.door import Door
from sextet.admin.peers import lifecycle_commands
from sextet.model.schema import Refused
from tests.support.fake_lifecycle import LifeDesk
from tests.support.fake_peer import FakePeer, Lines

WHO = Actor(user="admin", may_write=True, door="cli")


def test_what_cannot_be_forced_is_refused_by_a_look_that_forces_nothing(tmp_path: Path) -> None:
    face, journal = FakePeer(2), Lines()
    door = Door(face, journal)
    desk, registry = LifeDesk(door, tmp_path, journal), Registry(door.demand_write)
    lifecycle_commands.add_to(registry, desk.lives, face, door)
    asyncio.run(registry.look("cluster force-config-update", {}, WHO))
    desk.peer.refusal = "This peer names itself as the configuration primary."
    with pytest.raises(Refused, match="names itself"):
        asyncio.run(registry.look("cluster force-config-update", {}, WHO))
    assert desk.peer.forced == 0
