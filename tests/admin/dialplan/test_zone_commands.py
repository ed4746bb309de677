"""The commands about zones, and what they show."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from sextet.admin.actor import Actor
from sextet.admin.commands import Commands
from sextet.admin.dialplan import zone_commands
from sextet.admin.dialplan.zone_views import zones
from sextet.admin.door import Door
from sextet.cluster.face import Owned
from sextet.console import render
from sextet.model.config import Change
from sextet.model.schema import Refused
from sextet.model.status import ZoneAddress, ZoneStatus
from tests.support.fake_peer import FakePeer, Lines

WHO = Actor(user="ann", may_write=True, door="cli")
URI = "sip:192.0.2.1:5061;transport=tls"
UP = ZoneAddress(
    host="a.example", uri=URI, state="active", since_s=2.0, round_trip_ms=3.5, identity="a.example", free=7
)
DOWN = replace(UP, state="failed", reason="no answer: the connection is refused")


class Shell:
    """Three peers, two of which see a zone differently."""

    def __init__(self) -> None:
        self.face = FakePeer(3)
        door = Door(self.face, Lines())
        self.registry = Commands(self.face, door, Lines()).registry()
        zone_commands.add_to(self.registry, self.face, door)
        asyncio.run(self.face.change([Change("set", "zones", [{"name": "London"}])], user="a", source="t"))
        self.face.zone_rows = [self.row(3, UP), self.row(2, DOWN)]

    def row(self, number: int, address: ZoneAddress) -> Owned[ZoneStatus]:
        state = "Active" if address.state == "active" else "Failed"
        status = ZoneStatus(name="London", type="Neighbor", state=state, since_s=1.0, addresses=(address,))
        return Owned(number, f"expc0{number}", status, 60.0)

    def __call__(self, command: str, **arguments: Any) -> Any:
        return asyncio.run(self.registry.run(command, arguments, WHO))


def test_the_worst_that_a_peer_sees_is_the_state_of_the_zone() -> None:
    shell = Shell()
    (zone,) = shell("zone list")
    assert (zone["words"], zone["tone"]) == ("Failed", "bad")
    shell.face.silent = {2}
    (zone,) = shell("zone list")
    assert (zone["words"], zone["tone"]) == ("Active", "ok")


def test_every_address_is_shown_as_every_peer_sees_it() -> None:
    shown = Shell()("zone show", name="London")
    (line,) = shown["lines"]
    assert (line["host"], line["identity"]) == ("a.example", "a.example")
    assert [(cell["peer_name"], cell["state"], cell["round_trip_ms"]) for cell in line["cells"]] == [
        ("expc03", "active", 3.5),
        ("expc02", "failed", 0.0),
    ]
    text = render.as_text("zone show", shown, 300, False)
    for words in ("London (Neighbor): Failed", "3.5 ms", "no answer: the connection is refused", "expc02"):
        assert words in text


def test_a_zone_that_no_rule_targets_is_pointed_out() -> None:
    shell = Shell()
    assert "No search rule targets this zone" in render.as_text("zone list", shell("zone list"), 300, False)
    rule = {"name": "r", "target": "London", "behavior": "Leave"}
    asyncio.run(shell.face.change([Change("add", "search_rules", rule)], user="a", source="t"))
    assert zones(shell.face)[0].warnings == ()


def test_a_test_waits_for_what_the_addresses_answer() -> None:
    shell = Shell()

    async def play() -> Any:
        running = asyncio.create_task(shell.registry.run("zone test", {"name": "London"}, WHO))
        async with asyncio.timeout(5):
            while not shell.face.tested:  # noqa: ASYNC110 - the fake has no event for it
                await asyncio.sleep(0)
        shell.face.zone_rows[0] = shell.row(3, DOWN)
        shell.face.tell("zones")
        return await running

    shown = asyncio.run(play())
    assert shown["lines"][0]["cells"][0]["state"] == "failed"


def test_a_zone_that_is_not_there_is_refused() -> None:
    for command in ("zone show", "zone test"):
        with pytest.raises(Refused, match="There is no zone 'Rome'"):
            Shell()(command, name="Rome")


def test_zones_are_found_by_what_they_show() -> None:
    shell = Shell()
    assert len(shell("zone list", containing="REFUSED")) == 1
    assert shell("zone list", containing="rome") == []
