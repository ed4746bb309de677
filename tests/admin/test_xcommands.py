"""What the original's lines add, change and remove: pasted as they are, everything wrong with one said at once."""

from __future__ import annotations

import dataclasses

import pytest

from sextet.admin.commands import Usage
from sextet.admin.xcommands import COMMANDS, usage
from sextet.model.schema import Kind, Refused, settings
from sextet.model.sections import KEYS, Root
from sextet.model.settings.dialplan import SearchRule, Transform
from sextet.model.settings.local_zone import MembershipRule, Subzone
from sextet.model.settings.zones import Zone, ZonePeer
from tests.admin.test_dialect import Shell

NEIGHBOR = "ZoneAdd ZoneName: HQ Type: Neighbor"


def told(shell: Shell, verb: str, words: str) -> str:
    """Give what is said against a line, and see that it changed nothing."""
    before = shell.face.saved
    with pytest.raises((Usage, Refused)) as refused:
        shell(verb, words)
    assert shell.face.saved == before
    return " | ".join(problem.sentence for problem in refused.value.problems)


def test_a_transform_is_added_by_the_original_s_own_example() -> None:
    shell = Shell()
    example = 'Pattern: "example.net" Type: suffix Behavior: replace Replace: "example.com" Priority: 3'
    said = shell("xcommand", f'TransformAdd {example} Description: "Change example.net: to example.com" State: Enabled')
    assert '  Description: "This is Transform 1."' in said
    assert shell.face.saved.transforms == (
        Transform(
            priority=3, pattern="example.net", pattern_type="Suffix", behavior="Replace", replace="example.com",
            description="Change example.net: to example.com",
        ),
    )  # fmt: skip
    shell("xcommand", "Transform Add Pattern: 9 Behavior: AddPrefix Replace: 0 Priority: 4")
    shell("xcommand", "TransformDelete TransformId: 1")
    assert [row.behavior for row in shell.face.saved.transforms] == ["Add Prefix"]


def test_zones_rules_and_domains_are_added_and_found_by_their_number() -> None:
    shell = Shell()
    assert '  Description: "This is Zones Zone 2."' in shell("xcommand", NEIGHBOR)
    shell("xconfiguration", "Zones Zone 2 Neighbor Peer 1 Address: 192.0.2.10")
    shell("xconfiguration", "zoneszone2neighborpeer2address: 192.0.2.11")
    shell("xconfiguration", "Zones Zone 2 Neighbor SIP Port: 5063")
    shell("xconfiguration", "Zones Zone 2 Neighbor Monitor: No")
    shell("xcommand", "Search Rule Add Name: ToHQ ZoneName: HQ Description: 'All the rest'")
    shell("xconfiguration", "Zones Policy SearchRules Rule 2 Mode: AnyIPAddress")
    shell("xcommand", "DomainAdd example.org")
    saved = shell.face.saved
    assert saved.zones[1:] == (
        Zone(
            name="HQ", sip_port=5063, monitor=False,
            peers=(ZonePeer(address="192.0.2.10"), ZonePeer(address="192.0.2.11")),
        ),
    )  # fmt: skip
    assert saved.search_rules[1:] == (
        SearchRule(name="ToHQ", target="HQ", description="All the rest", mode="Any IP address"),
    )
    assert saved.domains[-1].name == "example.org"
    shell("xconfiguration", 'Zones Zone 2 Neighbor Peer 1 Address: ""')
    assert [peer.address for peer in shell.face.saved.zones[1].peers] == ["192.0.2.11"]


def test_what_a_new_entry_needs_besides_is_given_in_the_words_of_xconfiguration() -> None:
    shell = Shell()
    shell("xcommand", "CredentialAdd edge secret")
    client = "TraversalClientPeer1Address: 192.0.2.7 TraversalClientPeer2Address: 192.0.2.8"
    login = "TraversalClientAuthenticationUserName: edge TraversalClientAuthenticationPassword: secret"
    shell("xcommand", f"ZoneAdd {client} {login} TraversalClientSIPPort: 7001 ZoneName: E Type: TraversalClient")
    _, zone = shell.face.saved.zones
    assert (zone.type, zone.user_name, zone.password) == ("Traversal client", "edge", "secret")
    assert [peer.address for peer in zone.peers] == ["192.0.2.7", "192.0.2.8"]
    shell("xcommand", "SubZoneAdd SubZoneName: Paris TotalMode: Limited Total: 5000 PerCallInterMode: NoBandwidth")
    rule = "Name: Office Type: Subnet SubZoneName: Paris SubnetAddress: 10.1.0.0 SubnetPrefixLength: 16"
    shell("xcommand", f"SubZoneMembershipRuleAdd {rule}")
    assert shell.face.saved.subzones == (
        Subzone(name="Paris", total_mode="Limited", total_limit=5000, inter_mode="No bandwidth"),
    )
    assert shell.face.saved.membership_rules == (
        MembershipRule(name="Office", subnet_address="10.1.0.0", subnet_prefix=16, subzone="Paris"),
    )


def test_the_lists_of_registration_and_the_fixed_places_are_filled_and_emptied() -> None:
    shell = Shell()
    shell("xcommand", "AllowListAdd PatternString: \".*@example.org\" PatternType: Regex Description: 'All of us'")
    shell("xcommand", "DenyListAdd bob Prefix")
    saved = shell.face.saved.registration
    assert [(row.pattern, row.pattern_type) for row in (*saved.allow_list, *saved.deny_list)] == [
        (".*@example.org", "Regex"), ("bob", "Prefix"),
    ]  # fmt: skip
    shell("xcommand", "AllowListDelete AllowListId: 1")
    assert shell.face.saved.registration.allow_list == ()
    count = len(shell.face.saved.system.ntp_servers)
    shell("xconfiguration", f"NTP Server {count + 1} Address: 192.0.2.123")
    assert shell.face.saved.system.ntp_servers[-1].address == "192.0.2.123"
    shell("xconfiguration", f'NTP Server {count + 1} Address: ""')
    assert len(shell.face.saved.system.ntp_servers) == count


def test_xconfiguration_lists_entries_by_number_in_the_original_s_words_and_no_secrets() -> None:
    shell = Shell()
    shell("xcommand", NEIGHBOR)
    shell("xcommand", "ZoneAdd ZoneName: Out Type: DNS DNSSIPTLSVerifyMode: On")
    for number in range(1, 11):
        shell("xcommand", f"TransformAdd Pattern: {number} Priority: {number}")
    second = shell("xconfiguration", "Zones Zone 2")
    assert '*c xConfiguration Zones Zone 2 Neighbor Monitor: "Yes"' in second
    assert '*c xConfiguration Zones Zone 2 Neighbor Authentication Mode: "DoNotCheckCredentials"' in second
    assert '*c xConfiguration Zones Zone 3 DNS SIP TLS Verify Mode: "On"' in shell("xconfiguration", "zones zone 3")
    every = "\n".join(shell("xconfiguration"))
    assert "Zone 3 Neighbor" not in every and "Zone 2 DNS" not in every and "Password" not in every
    ones = shell("xconfiguration", "transform 1")[:-2]
    assert len(ones) == 7 and all(line.startswith("*c xConfiguration Transform 1 ") for line in ones)
    numbers = [int(line.split()[3]) for line in shell("xconfiguration", "transform")[:-2]]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize(
    ("verb", "words", "said"),
    [
        ("xcommand", "ZoneAdd Colour: red Size: 2", ["'Colour'", "'Size'", "ZoneName, Type are missing", "<Neighbor/"]),
        (
            "xcommand",
            "ZoneAdd ZoneName: X Type: Foo HopCount: 900 A: 1",
            ["'A'", "'Foo' is not one of", "900 is out of"],
        ),
        ("xcommand", "ZoneAdd ZoneName: X Type: Foo HopCount: 900", ["'Foo' is not one of", "900 is out of range"]),
        ("xcommand", "ZoneAdd X DNS more", ["no parameter for 'more'", "ZoneName(r): <S: 1, 50>"]),
        ("xcommand", "ZoneAdd ZoneName: X Type: DNS NeighborPeer1Address: h", ["'NeighborPeer1Address'"]),
        ("xcommand", "ZoneAdd ZoneName: X Type: Neighbor NeighborPeer2Address: h", ["'NeighborPeer2Address'"]),
        ("xcommand", "ZoneAdd ZoneName: X Type: ENUM", ["DNS suffix: an ENUM zone needs it"]),
        ("xcommand", "SearchRuleAdd Name: R ZoneName: Nowhere", ["there is no zone or policy service 'Nowhere'"]),
        ("xcommand", "TransformDelete TransformId: 1", ["no transform '1'; `xconfiguration Transform` counts them"]),
        ("xcommand", "CredentialDelete x", ["no credential 'x'; `config show credentials` counts them"]),
        ("xconfiguration", "Zones Zone 3 HopCount: 4", ["no setting 'Zones Zone 3 HopCount'"]),
        ("xconfiguration", "Zones Zone 3 Name: X", ["no setting 'Zones Zone 3 Name'"]),
        ("xconfiguration", "Zones Zone 1 Name: ''", ["Name: must not be empty"]),
        ("xconfiguration", "Zones Zone 1 Neighbor Peer 3 Address: h", ["no setting 'Zones Zone 1 Neighbor Peer 3"]),
    ],
)
def test_everything_that_is_wrong_with_a_line_is_said_at_once(verb: str, words: str, said: list[str]) -> None:
    sentences = told(Shell(), verb, words)
    assert all(one in sentences for one in said), sentences


def test_xstatus_counts_what_xconfiguration_counts() -> None:
    shell = Shell()
    for name in ("West", "East"):
        shell("xcommand", f"PipeAdd PipeName: {name}")
        shell("xcommand", f"SubZoneAdd SubZoneName: {name}")
    pipes, zones = ("\n".join(shell("xstatus", words)) for words in ("Pipes", "Zones"))
    assert '  Pipe 2:\n    Name: "East"' in pipes and '    SubZone 2:\n      Name: "East"' in zones


def test_help_tells_the_values_of_the_parameters() -> None:
    shell = Shell()
    (line,) = shell("xcommand", "Transform Add ?")
    assert line.startswith("Transform Add Pattern(r): <S: 1, 60> Type: <Exact/Prefix/Suffix/Regex>")
    assert "Priority: <1..65534>" in line
    assert shell("xcommand", "?") == [usage(name) for name in sorted(COMMANDS)]


def test_no_two_settings_of_an_entry_have_one_path() -> None:
    lists = [field.metadata["setting"].item for field in dataclasses.fields(Root) if "setting" in field.metadata]
    for kind in [*lists, *(one.item for item in lists for _, one in settings(item) if one.kind is Kind.MANY)]:
        paths = [(one.path, one.when) for _, one in settings(kind) if one.path]
        assert len(paths) == len(set(paths)), kind
        assert not paths or dict(settings(kind))[KEYS[kind]].path, f"{kind} cannot be counted"
