"""The original's three verbs: names without case and spaces, unique beginnings, its forms of answers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sextet.admin import dialect
from sextet.admin.actor import Actor
from sextet.admin.catalogue import Command
from sextet.admin.commands import Commands, Usage
from sextet.admin.dialplan.registration_catalogue import REGISTRATION_REMOVE
from sextet.admin.dialplan.search_catalogue import CHECK_PATTERN, LOCATE
from sextet.admin.door import Door
from sextet.admin.peers.lifecycle_catalogue import FORCE_CONFIG_UPDATE, PEER_MAINTENANCE
from sextet.model.settings.bandwidth import Link, Pipe
from tests.support.fake_peer import FakePeer, Lines

WHO = Actor(user="ann", may_write=True, door="cli")


class Shell:
    """A fake peer behind the three verbs; `called` is what they ran besides the peer's own commands."""

    def __init__(self, face: FakePeer | None = None) -> None:
        self.face, self.called = face or FakePeer(1), list[tuple[str, Any]]()
        self.registry = Commands(self.face, Door(self.face, Lines()), Lines()).registry()
        for command in (FORCE_CONFIG_UPDATE, PEER_MAINTENANCE):
            self._note(command)
        dialect.add_to(self.registry, self.face, lambda: True)

    def _note(self, command: Command) -> None:
        async def run(actor: Actor, arguments: Any) -> object:
            self.called.append((command.name, dict(arguments)))
            return {"sentence": "Done."}

        self.registry.add(command, run)

    def __call__(self, verb: str, words: str = "") -> list[str]:
        result = asyncio.run(self.registry.run(verb, {"words": words}, WHO))
        assert isinstance(result, list | tuple)
        return [str(line) for line in result]


def test_locate_and_check_pattern_answer_by_the_original_names() -> None:
    shell = Shell()
    for command in (LOCATE, CHECK_PATTERN):
        shell._note(command)
    assert shell("xcommand", "Locate Alias: bob@apolo.local")[-1] == "OK"
    shell("xcommand", 'checkpattern Target: 9x Pattern: 9 Type: Prefix Behavior: Strip Replace: ""')
    given = {"alias": "9x", "pattern": "9", "type": "Prefix", "behavior": "Strip", "replace": ""}
    assert shell.called == [("locate", {"alias": "bob@apolo.local"}), ("check-pattern", given)]


def test_locate_takes_the_original_s_parameters() -> None:
    shell = Shell()
    shell._note(LOCATE)
    more = "HopCount: 5 Protocol: SIP SourceZone: Paris Authenticated: No SourceAlias: x@paris.test"
    shell("xcommand", f"Locate Alias: bob@apolo.local {more}")
    given = {
        "alias": "bob@apolo.local", "hops": 5, "protocol": "SIP", "from": "Paris", "unauthenticated": True,
        "caller": "x@paris.test",
    }  # fmt: skip
    assert shell.called == [("locate", given)]
    with pytest.raises(Usage, match="no parameter 'Colour'.*HopCount: <0..255>"):
        shell("xcommand", "Locate Alias: bob@apolo.local Colour: red")


def serials(shell: Shell) -> dict[str, str]:
    """Read the serial number of each registration that xStatus shows, by its alias."""
    lines = [line.strip().partition(": ") for line in shell("xstatus", "Registrations")]
    values = [(name, value.strip('"')) for name, _, value in lines if name in ("Alias", "SerialNumber")]
    return {alias: serial for (_, alias), (_, serial) in zip(values[::2], values[1::2], strict=True)}


def test_a_registration_is_removed_by_its_serial_number_from_any_peer_or_by_its_place_on_this_one() -> None:
    here, there = (Shell(FakePeer.busy()) for _ in range(2))
    there.face.number = 3
    for shell in (here, there):
        shell._note(REGISTRATION_REMOVE)
    (bob,) = serials(there).values()
    assert bob not in serials(here).values(), "xStatus shows what is registered with its own peer"
    here("xcommand", f"RemoveRegistration RegistrationSerialNumber: {bob.upper()}")
    here("xcommand", "Remove Registration Registration: 1")
    assert [(name, given["alias"]) for name, given in here.called] == [
        ("registration remove", "bob@apolo.local"), ("registration remove", "alice@apolo.local"),
    ]  # fmt: skip
    assert all(given["device"] for _, given in here.called)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "either Registration or RegistrationSerialNumber"),
        ("Registration: 1 RegistrationSerialNumber: x", "either Registration or RegistrationSerialNumber"),
        ("Registration: 99", "There is no registration '99'; `xstatus registrations` lists"),
        ("Registration: ١", "There is no registration"),
        ("RegistrationSerialNumber: 7", "There is no registration '7'"),
    ],
)
def test_a_registration_that_is_not_there_is_not_removed(words: str, said: str) -> None:
    shell = Shell(FakePeer.busy())
    shell._note(REGISTRATION_REMOVE)
    with pytest.raises(Usage, match=said):
        shell("xcommand", f"RemoveRegistration {words}")
    assert shell.called == []


def test_links_and_pipes_are_added_and_removed_by_the_original_s_commands() -> None:
    shell = Shell()
    shell("xcommand", "PipeAdd PipeName: Plain")
    shell("xcommand", "Pipe Add PipeName: 'Taipei line' TotalMode: limited Total: 500 PerCallMode: NoBandwidth")
    shell("xcommand", "LinkAdd LinkName: L Node1: DefaultSubZone Node2: DefaultZone Pipe2: 'Taipei line'")
    plain, line = shell.face.saved.pipes
    assert plain == Pipe(name="Plain")
    assert line == Pipe(name="Taipei line", total_mode="Limited", total_limit=500, per_call_mode="No bandwidth")
    assert shell.face.saved.links[-1] == Link(
        name="L", node1="DefaultSubZone", node2="DefaultZone", pipe2="Taipei line"
    )
    shell("xcommand", f"LinkDelete LinkId: {len(shell.face.saved.links)}")
    assert "L" not in [link.name for link in shell.face.saved.links]
    shell("xcommand", "PipeDelete PipeId: 2")
    assert shell.face.saved.pipes == (plain,)
    for wrong in ("PipeDelete PipeId: 2", "LinkDelete LinkId: 0", "LinkDelete LinkId: DefaultSZtoDefaultZ"):
        with pytest.raises(Usage, match="`xconfiguration Bandwidth (Pipe|Link)` counts them"):
            shell("xcommand", wrong)
    with pytest.raises(Usage, match="Write it so: xCommand Pipe Add PipeName.r.: <S: 1, 50> TotalMode: <Unlim"):
        shell("xcommand", "PipeAdd PipeName: P Colour: red")


@pytest.mark.parametrize("words", ["ForceConfigUpdate", "forceconfigupdate", "Force Config Update", "force config"])
def test_a_command_is_found_in_every_spelling(words: str) -> None:
    shell = Shell()
    said = shell("xcommand", words)
    assert said == ["*r Result (status=OK):", '  Description: "Done."', "*r/end", "", "OK"]
    assert shell.called == [("cluster force-config-update", {})]


@pytest.mark.parametrize("words", ["Force", "Unknown", "ClusterAddressMappingAdd Fqdn: x", "Restart Now: 1"])
def test_a_command_that_is_not_one_or_lacks_a_parameter_says_what_there_is(words: str) -> None:
    shell = Shell()
    with pytest.raises(Usage, match="Force Config Update|Write it so: xCommand|there are"):
        shell("xcommand", words)
    assert shell.called == []


def test_an_address_mapping_is_added_and_deleted_by_its_parameters() -> None:
    shell = Shell()
    row = 'Fqdn: "expc01.apolo.local" IpAddress: 10.0.0.1'
    shell("xcommand", f"Cluster Address Mapping Add {row}")
    assert [(one.fqdn, one.ip) for one in shell.face.saved.clustering.address_mappings] == [
        ("expc01.apolo.local", "10.0.0.1")
    ]
    shell("xcommand", f"clusteraddressmappingdelete {row}")
    assert shell.face.saved.clustering.address_mappings == ()


def test_settings_are_listed_by_the_originals_paths_and_set_by_them() -> None:
    shell = Shell()
    every = shell("xconfiguration")
    assert every[-2:] == ["", "OK"] and every[:-2] == sorted(every[:-2])
    assert '*c xConfiguration SystemUnit Maintenance Mode: "On"' in every
    assert any(line.startswith('*c xConfiguration Alternates Peer 1 Address: "') for line in every)
    narrow = shell("xconfiguration", "alternates peer")[:-2]
    assert len(narrow) == 6 and all(line.startswith("*c xConfiguration Alternates Peer ") for line in narrow)
    assert shell("xconfiguration", 'SystemUnit Name: "edge 7"') == ["OK"]
    assert shell.face.saved.system.name == "edge 7"
    shell("xconfiguration", "systemunit maintenance mode: Off")
    assert shell.called == [("peer maintenance", {"mode": "Off"})]
    for words in ("Nothing Here", "Nothing Here: 1", "Alternates: x"):
        with pytest.raises(Usage):
            shell("xconfiguration", words)


def test_the_state_is_shown_by_elements() -> None:
    shell = Shell()
    unit = shell("xstatus", "systemunit")
    assert unit[0] == "*s SystemUnit:" and '  Product: "sextet"' in unit and unit[-3:] == ["*s/end", "", "OK"]
    assert "  Peer 1:" in shell("xstatus", "Alternates")
    assert sum(line == "*s/end" for line in shell("xstatus")) == 10
    with pytest.raises(Usage, match="SystemUnit, Alternates"):
        shell("xstatus", "Ethernet")
