"""What `directory status` shows."""

from __future__ import annotations

import asyncio
from typing import Any

from sextet.admin.actor import Actor
from sextet.admin.commands import Commands
from sextet.admin.dialplan import zone_commands
from sextet.admin.door import Door
from sextet.cluster.face import Owned
from sextet.console import render
from sextet.model.config import Change
from sextet.model.settings.h350 import DIRECTORY
from sextet.model.status import DIRECTORY_TYPE, ZoneAddress, ZoneStatus
from tests.support.fake_peer import FakePeer, Lines

WHO = Actor(user="ann", may_write=False, door="cli")


def test_the_server_is_shown_as_every_peer_finds_it_and_off_says_so() -> None:
    face = FakePeer(3)
    door = Door(face, Lines())
    registry = Commands(face, door, Lines()).registry()
    zone_commands.add_to(registry, face, door)

    def shown() -> str:
        found: Any = asyncio.run(registry.run("directory status", {}, WHO))
        return render.as_text("directory status", found, 300, False)

    assert "The H.350 directory is off" in shown()
    settings = {"mode": True, "server_address": "192.0.2.9", "base_dn": "dc=local"}
    changes = [Change("set", f"h350.{name}", value) for name, value in settings.items()]
    asyncio.run(face.change(changes, user="a", source="t"))
    dead = ZoneAddress(host="192.0.2.9:636", uri="", state="failed", since_s=2.0, reason="Connection refused")
    row = ZoneStatus(name=DIRECTORY, type=DIRECTORY_TYPE, state="Failed", since_s=1.0, addresses=(dead,))
    face.zone_rows = [Owned(2, "expc02", row, 60.0)]
    for words in ("H.350 directory (LDAP): Failed", "expc02", "192.0.2.9:636", "Connection refused"):
        assert words in shown(), words
