"""Every declared command does what its help says, and refuses what it cannot do."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from sextet.admin import catalogue
from sextet.admin.actor import Actor
from sextet.admin.catalogue import Command, Parameter
from sextet.admin.commands import Commands, Registry, Usage
from sextet.admin.door import Door
from sextet.cluster.face import Moved
from sextet.model import alarms
from sextet.model.config import Difference
from sextet.model.schema import Refused
from tests.support.fake_peer import FakePeer, Lines

LOCAL = Actor(user="root", may_write=True, door="cli")
VIEWER = Actor(user="viewer", may_write=False, door="cli")


class House:
    """The commands of a busy fake peer."""

    def __init__(self, number: int = 1) -> None:
        self.peer, self.journal = FakePeer.busy(number), Lines()
        self.registry = Commands(self.peer, Door(self.peer, self.journal), self.journal).registry()

    def run(self, name: str, actor: Actor = LOCAL, **arguments: Any) -> Any:
        result = asyncio.run(self.registry.run(name, arguments, actor))
        json.dumps(result)
        return result


def test_every_declared_command_can_be_run() -> None:
    house = House()
    assert {command.name for command in house.registry.commands} == {command.name for command in catalogue.COMMANDS}


def test_a_revision_is_undone_and_named_where_it_cannot_be() -> None:
    house = House()
    before = house.peer.saved
    added = house.run("config add", path="domains", value={"name": "new.example"})
    tried = house.run("config undo", revision=added["revision"], dry_run=True)
    assert (tried["stored"], house.peer.saved != before) == (False, True)
    assert house.run("config undo", revision=added["revision"])["stored"]
    assert house.peer.saved == before
    with pytest.raises(Refused, match="new.example was changed since"):
        house.run("config undo", revision=added["revision"])
    with pytest.raises(Refused, match="There is no revision r999"):
        house.run("config undo", revision="r999")


def test_every_command_and_parameter_explains_itself_in_a_sentence() -> None:
    for command in catalogue.COMMANDS:
        for help_text in (command.help, *(parameter.help for parameter in command.parameters)):
            assert help_text[0].isupper() and help_text.endswith(".")


def test_status_says_whether_calls_are_taken() -> None:
    house = House()
    assert house.run("status")["ready"] is True
    house.peer.engines = ("sip: kamailio does not start",)
    status = house.run("status")
    assert (status["ready"], status["reasons"]) == (False, ["sip: kamailio does not start"])


def test_cluster_status_tells_of_each_peer_what_it_has_in_force() -> None:
    status = House().run("cluster status")
    assert [peer["number"] for peer in status["peers"]] == [1, 2, 3]
    assert {peer["digest"] for peer in status["peers"]} == {status["digest"]}
    assert status["peers"][1]["clustering"].startswith("Active as expc02")
    assert [link["state"] for link in status["links"]] == ["live"] * 3


def test_cluster_status_of_a_stand_alone_system_has_no_peers() -> None:
    house = House()
    house.peer.count = 1
    assert house.run("cluster status")["peers"] == []


def test_settings_are_set_added_and_removed_from_texts() -> None:
    house = House()
    assert house.run("config set", path="zones[London].sip_port", value="5070")["stored"] is True
    house.run("config add", path="domains", value='{"name": "b.example"}')
    house.run("config remove", path="domains[apolo.local]")
    assert house.peer.saved.zones[0].sip_port == 5070
    assert [domain.name for domain in house.peer.saved.domains] == ["b.example"]
    assert house.peer.history()[0].source == "cli"


def test_a_dry_run_stores_nothing_and_says_so() -> None:
    house = House()
    result = house.run("config set", path="protocols.sip_udp", value="Off", dry_run=True)
    assert (result["stored"], result["restart"]) == (False, ["protocols.sip_udp"])
    assert house.peer.saved.protocols.sip_udp


def test_a_change_may_name_the_revision_that_it_was_made_for() -> None:
    house = House()
    house.run("config set", path="protocols.h323_mode", value="Off", revision="r12")
    with pytest.raises(Moved, match=r"at r13 \(term 1\) now, not at r12"):
        house.run("config set", path="protocols.h323_mode", value="On", revision="r12")


def test_showing_what_is_not_there_is_refused_and_an_empty_list_is_not() -> None:
    house = House()
    assert house.run("config show", path="transforms") == []
    assert house.run("config show", path="zones[London].sip_port")[0]["value"] == "5061"
    for path in ("zones[Paris]", "nothing", "protocols.nothing"):
        with pytest.raises(Refused):
            house.run("config show", path=path)


def test_a_difference_is_of_a_revision_or_of_what_is_not_in_force() -> None:
    house = House()
    house.run("config set", path="protocols.sip_udp", value="Off")
    waiting = [{"path": "protocols.sip_udp", "old": "On", "new": "Off"}]
    assert house.run("config diff") == waiting
    for revision in ("r13", "13", "r13 (term 1)"):
        assert house.run("config diff", of=revision) == waiting
    with pytest.raises(Refused, match="There is no revision r99"):
        house.run("config diff", of="r99")


def test_history_and_set_aside_edits_are_listed() -> None:
    house = House()
    house.peer.set_aside(Difference("zones[London].sip_port", "5061", "5070"))
    assert [one["revision"] for one in house.run("config history", most=1)] == []
    assert [one["revision"] for one in house.run("config history")] == ["r12 (term 1)"]
    assert house.run("config set-aside")[0]["differences"][0]["new"] == "5070"


def test_registrations_and_calls_are_listed_and_filtered() -> None:
    house = House()
    assert len(house.run("registration list")) == 3
    assert [line["alias"] for line in house.run("registration list", containing="bob")] == ["bob@apolo.local"]
    assert house.run("call list")[0]["peers"] == [1, 3]


def test_a_set_aside_edit_is_dismissed_by_its_name_and_an_ordinary_revision_is_not() -> None:
    house = House()
    house.peer.set_aside(Difference("zones[London].sip_port", "5061", "5070"))
    name = house.run("config set-aside")[0]["revision"]["revision"]
    with pytest.raises(Refused, match="No edit r999 is set aside"):
        house.run("config dismiss", revision="r999")
    assert name in house.run("config dismiss", revision=name)["sentence"]
    assert house.run("config set-aside") == []
    with pytest.raises(Refused, match="is set aside"):
        house.run("config dismiss", revision=house.run("config history")[0]["revision"])


def test_an_alarm_is_acknowledged_by_number_and_subject() -> None:
    house = House()
    house.peer.raise_alarm(alarms.COMMUNICATION_FAILURE, 1, "no answer", key="expc02")
    house.run("alarm acknowledge", number=20004, subject="expc02")
    assert next(line for line in house.run("alarm list") if line["number"] == 20004)["acknowledged"]


def test_promotion_restart_and_log_reach_the_peer() -> None:
    house = House(2)
    assert house.run("cluster promote")["revision"] == "r13 (term 2)"
    assert "restarts now" in house.run("peer restart")["sentence"]
    assert house.peer.restarts == ["root cli"]
    assert 'Event="System Shutdown"' in house.run("log tail", lines=1)[0]


def test_before_a_promotion_is_asked_about_it_is_refused_where_it_is_none() -> None:
    for peer, why in ((FakePeer(1), "the configuration primary already"), (FakePeer(peers=1), "not in a cluster")):
        registry = Commands(peer, Door(peer, Lines()), Lines()).registry()
        with pytest.raises(Refused, match=why):
            asyncio.run(registry.look("cluster promote", {}, LOCAL))
    subordinate = House(2)
    asyncio.run(subordinate.registry.look("cluster promote", {}, LOCAL))
    assert subordinate.peer.primary == 1, "only looked at"


def test_a_read_only_actor_is_refused_every_writing_command() -> None:
    house = House()
    values = {"path": "system.name", "value": "x", "number": 40049, "revision": "r1"}
    for command in catalogue.COMMANDS:
        given = {one.name: values[one.name] for one in command.parameters if one.required}
        if command.writes:
            with pytest.raises(Refused, match="viewer is read-only"):
                house.run(command.name, VIEWER, **given)
        else:
            house.run(command.name, VIEWER, **given)
    assert house.peer.restarts == []


@pytest.mark.parametrize(
    ("name", "arguments", "fields"),
    [
        ("config", {}, ["command"]),
        ("config set", {}, ["path", "value"]),
        ("config set", {"path": 5, "value": "x", "colour": "red"}, ["colour", "path"]),
        ("config set", {"path": "x" * 5000, "value": "x"}, ["path"]),
        ("config set", {"path": "x", "value": "x", "dry_run": "yes"}, ["dry_run"]),
        ("log tail", {"lines": 0}, ["lines"]),
        ("log tail", {"lines": True}, ["lines"]),
        ("alarm acknowledge", {"number": "20007"}, ["number"]),
    ],
)
def test_a_command_called_wrongly_names_every_argument(name: str, arguments: dict[str, Any], fields: list[str]) -> None:
    with pytest.raises(Usage) as wrong:
        House().run(name, **arguments)
    assert [problem.field for problem in wrong.value.problems] == fields


def test_other_parts_add_commands_of_their_own() -> None:
    house = House()
    peer = Parameter(name="peer", help="Which.", kind="number", required=True, low=1, high=6)
    blocked: list[int] = []

    async def block(actor: Actor, arguments: Any) -> object:
        blocked.append(arguments["peer"])
        return {"sentence": "Blocked."}

    house.registry.add(Command(name="lab block", help="Cut.", parameters=(peer,), writes=True), block)
    assert house.run("lab block", peer=2) == {"sentence": "Blocked."}
    assert blocked == [2]
    with pytest.raises(Refused, match="viewer is read-only and may not run `lab block`"):
        house.run("lab block", VIEWER, peer=3)
    assert blocked == [2]
    with pytest.raises(AssertionError):
        house.registry.add(catalogue.STATUS, block)


def test_a_registry_starts_empty() -> None:
    assert Registry(lambda actor, what: None).commands == ()
