"""The commands about bandwidth."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sextet.admin import dialect
from sextet.admin.actor import Actor
from sextet.admin.commands import Commands
from sextet.admin.dialplan import bandwidth_commands
from sextet.admin.door import Door
from sextet.cluster.face import Used
from sextet.model.config import Change
from sextet.model.schema import Refused
from sextet.model.sections import Root
from tests.support.fake_peer import FakePeer, Lines

WHO = Actor(user="ann", may_write=True, door="cli")


class Shell:
    """A fake peer behind its commands."""

    def __init__(self) -> None:
        self.face = FakePeer(1)
        door = Door(self.face, Lines())
        self.registry = Commands(self.face, door, Lines()).registry()
        bandwidth_commands.add_to(self.registry, self.face, door)
        dialect.add_to(self.registry, self.face, lambda: False)

    def __call__(self, command: str, actor: Actor = WHO, **arguments: Any) -> Any:
        return asyncio.run(self.registry.run(command, arguments, actor))

    def remove(self, *links: str) -> None:
        changes = [Change("remove", f"links[{name}]") for name in links]
        asyncio.run(self.face.change(changes, user="ann", source="test"))


def test_the_default_links_that_are_missing_come_back_with_their_names() -> None:
    shell = Shell()
    shell.remove("DefaultSZtoClusterSZ", "TraversalSZtoDefaultZ")
    assert shell("xcommand", words="DefaultLinksAdd")[0] == "*r Result (status=OK):"
    assert {link.name for link in shell.face.saved.links} >= {link.name for link in Root().links}
    assert shell("bandwidth default-links")["sentence"] == "No default link is missing."


def test_who_may_only_look_adds_no_links() -> None:
    shell = Shell()
    shell.remove("DefaultSZtoClusterSZ")
    with pytest.raises(Refused, match="read-only"):
        shell("bandwidth default-links", actor=Actor(user="bob", may_write=False, door="cli"))


def site() -> Shell:
    shell = Shell()
    changes = [
        Change("add", "subzones", {"name": "Site", "total_mode": "Limited", "total_limit": 1000}),
        Change("add", "pipes", {"name": "Line", "total_mode": "Limited", "total_limit": 800}),
        Change("set", "links[SubZone001ToDefaultSZ].pipe1", "Line"),
        Change("add", "membership_rules", {"name": "s", "subnet_address": "192.0.2.7", "subzone": "Site"}),
    ]
    for change in changes:
        asyncio.run(shell.face.change([change], user="ann", source="test"))
    shell.face.used = {
        "subzone/Site": Used(100, 384),
        "pipe/Line": Used(100, 600),
        "link/SubZone001ToDefaultSZ": Used(0, 384),
    }
    return shell


def test_use_is_shown_of_this_peer_and_of_the_cluster() -> None:
    shell = site()
    shell.face.register("bob@apolo.local", 1, "sip:bob@x", received="192.0.2.7:5060;udp")
    pipe = shell("bandwidth pipes")[0]
    assert (pipe["local_kbps"], pipe["cluster_kbps"], pipe["total"], pipe["percent"]) == (100, 600, "800 kbit/s", 75)
    (link,) = shell("bandwidth links", containing="SubZone001ToDefault")
    assert (link["cluster_kbps"], link["pipes"]) == (384, ["Line"])
    lines = {line["name"]: line for line in shell("bandwidth subzones")}
    assert list(lines) == ["DefaultSubZone", "TraversalSubZone", "ClusterSubZone", "Site"]
    assert (lines["Site"]["registrations"], lines["Site"]["percent"]) == (1, 38)
    assert lines["DefaultSubZone"]["percent"] == -1
    shown = "\n".join(shell("xstatus", words="Pipes"))
    assert 'Name: "Line"' in shown and "LocalUsage: 100" in shown and "ClusterUsage: 600" in shown
    assert "SubZone 1:" in "\n".join(shell("xstatus", words="Zones"))


def test_a_call_is_tried_against_what_is_left() -> None:
    shell = site()
    answer = shell("bandwidth check", node1="Site", node2="DefaultZone", kbps=384)
    assert answer["granted"] and answer["kbps"] == 200
    assert answer["sentence"] == "The call is connected with 200 kbit/s instead of 384, because of pipe Line."
    assert answer["route"] == "Site -> Default Subzone -> DefaultZone"
    assert shell("bandwidth check", node1="Site", node2="Site", kbps=384)["kbps"] == 384
    traversal = shell("bandwidth check", node1="Site", node2="Site", kbps=384, call_type="Traversal")
    assert (traversal["kbps"], traversal["route"]) == (308, "Site -> Traversal Subzone -> Site")
    said = shell(
        "xcommand", words="CheckBandwidth Node1: Site Node2: DefaultZone Bandwidth: 100 CallType: nontraversal"
    )
    assert said[1] == '  Description: "The call is connected with 100 kbit/s."'


def test_a_call_that_would_be_refused_says_why_and_a_wrong_question_what_is_wrong() -> None:
    shell = site()
    shell.face.used["pipe/Line"] = Used(0, 790)
    no = shell("bandwidth check", node1="Site", node2="DefaultZone", kbps=384)
    assert not no["granted"] and no["sentence"].startswith("Refused. Gatekeeper Resources Unavailable: ")
    shell.remove("SubZone001ToDefaultSZ")
    lost = shell("bandwidth check", node1="Site", node2="DefaultZone", kbps=64)
    assert "no links lead from Site to DefaultZone" in lost["sentence"]
    with pytest.raises(Refused, match="Nowhere.*NoCall|NoCall.*Nowhere"):
        shell("bandwidth check", node1="Nowhere", node2="Site", kbps=64, call_type="NoCall")
