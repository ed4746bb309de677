"""What `policy status` shows of policy services, and `policy upload` of what it stored."""

from __future__ import annotations

import asyncio
from typing import Any

from sextet.admin.actor import Actor
from sextet.admin.commands import Commands
from sextet.admin.dialplan import policy_commands
from sextet.admin.door import Door
from sextet.cluster.face import Owned
from sextet.console import render
from sextet.model.config import Change, to_document
from sextet.model.status import POLICY_SERVICE_TYPE, ZoneAddress, ZoneStatus
from tests.support.fake_peer import FakePeer, Lines

WHO = Actor(user="ann", may_write=False, door="cli")
WELL = ZoneAddress(host="192.0.2.9", uri="192.0.2.9", state="active", since_s=2.0, round_trip_ms=3.5)
DEAD = ZoneAddress(host="192.0.2.9", uri="192.0.2.9", state="failed", since_s=2.0, reason="Connection refused")


class Shell:
    """Two peers that find the server of a service differently, and a zone beside it."""

    def __init__(self, *services: dict[str, Any]) -> None:
        self.face = FakePeer(3)
        door = Door(self.face, Lines())
        self.registry = Commands(self.face, door, Lines()).registry()
        policy_commands.add_to(self.registry, self.face, door)
        asyncio.run(self.face.change([Change("set", "policy_services", list(services))], user="a", source="t"))
        self.face.zone_rows = [
            self.row(1, "Judge", POLICY_SERVICE_TYPE, "Active", WELL),
            self.row(2, "Judge", POLICY_SERVICE_TYPE, "Failed", DEAD),
            self.row(1, "London", "Neighbor", "Failed", DEAD),
        ]

    def row(self, number: int, name: str, kind: str, state: str, address: ZoneAddress) -> Owned[ZoneStatus]:
        status = ZoneStatus(name=name, type=kind, state=state, since_s=1.0, addresses=(address,))
        return Owned(number, f"expc0{number}", status, 60.0)

    def __call__(self) -> Any:
        return asyncio.run(self.registry.run("policy status", {}, WHO))


JUDGE = {"name": "Judge", "servers": [{"address": "192.0.2.9"}]}


def test_every_server_is_shown_as_every_peer_finds_it() -> None:
    shown = Shell(JUDGE)()
    assert [(one["name"], one["words"]) for one in shown] == [("Judge", "Failed")]
    text = render.as_text("policy status", shown, 300, False)
    for words in (
        "Judge (HTTPS): Failed",
        "expc01",
        "3.5 ms",
        "expc02",
        "Connection refused",
        "Neither call policy nor",
    ):
        assert words in text, words


def test_a_service_that_call_policy_asks_is_not_pointed_out() -> None:
    shell = Shell(JUDGE)
    changes = [Change("set", "call_policy.mode", "Policy service"), Change("set", "call_policy.service", "Judge")]
    asyncio.run(shell.face.change(changes, user="a", source="t"))
    assert "Neither call policy nor" not in render.as_text("policy status", shell(), 300, False)


def test_without_a_service_it_says_so() -> None:
    assert "There is no policy service." in render.as_text("policy status", Shell()(), 300, False)


def test_a_script_that_was_uploaded_is_told_as_every_change_is() -> None:
    registry = Shell().registry
    script = (
        '<cpl xmlns="urn:ietf:params:xml:ns:cpl"><taa:routed xmlns:taa="http://www.tandberg.net/cpl-extensions"/></cpl>'
    )
    may = Actor(user="ann", may_write=True, door="cli")

    def uploaded() -> str:
        result = asyncio.run(registry.run("policy upload", {"file": script}, may))
        return render.as_text("policy upload", to_document(result), 300, False)

    assert "call_policy.script" in (first := uploaded())
    assert "Saved as r" in first
    assert "Nothing changed; the configuration is at r" in uploaded()
