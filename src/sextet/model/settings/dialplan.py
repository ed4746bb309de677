"""Configuration > Dial plan: what a dialled alias becomes, and where it is looked for (facts 7.1, 7.4)."""

from __future__ import annotations

from dataclasses import dataclass

from sextet.model.schema import choice, number, switch, text
from sextet.model.settings.local_zone import SOURCES
from sextet.model.settings.words import PATTERN_TYPES, STATES
from sextet.model.settings.zones import LOCAL_ZONE, NODES


@dataclass(frozen=True, slots=True, kw_only=True)
class DialPlan:
    """What holds for every search, before and beside the rules (facts 7.3, 7.5, 7.9)."""

    unknown_ip: str = choice("Indirect", ("Off", "Direct", "Indirect"), label="Calls to unknown IP addresses", path="Call Services CallsToUnknownIPAddresses",
                             help="Direct calls an address that nobody here is registered from, Indirect asks zones by rules for IP addresses, Off refuses.")  # fmt: skip
    fallback_alias: str = text(high=60, label="Fallback alias", path="Call Services Fallback Alias", help="Who gets calls that name only this system's address or domain; empty refuses them.")
    interworking: str = choice("Registered only", ("Off", "Registered only", "On"), label="H.323 to SIP interworking mode", path="Interworking Mode", help="Whether targets are also asked by the other protocol, once there is a gateway to it.")
    loop_detection: bool = switch(True, label="Call loop detection mode", path="Call Loop Detection Mode", help="Whether a search that comes back from the zone it came from before is refused.")
    history_size: int = number(16, 1, 1024, unit="MB", label="Search history size", help="How much of each peer's disk holds searches, as much again calls that are over, and as much again what became of registrations; the oldest go first.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Transform:
    """One pre-search transform; the first that matches changes the alias (facts 7.1)."""

    priority: int = number(1, 1, 65534, label="Priority", path="Priority", help="The order of the transforms; unique, 1 first.")
    pattern: str = text(high=60, mandatory=True, label="Pattern string", path="Pattern String", help="What the dialled alias is compared with.")
    pattern_type: str = choice("Prefix", PATTERN_TYPES, label="Pattern type", path="Pattern Type", help="How the pattern is compared.")
    behavior: str = choice("Strip", ("Strip", "Replace", "Add Prefix", "Add Suffix"), label="Pattern behavior", path="Pattern Behavior", help="What is done to the part that matched.")
    replace: str = text(high=60, label="Replace string", path="Pattern Replace", help="What replaces the matched part, or is added.")
    description: str = text(high=64, label="Description", path="Description", help="A note for administrators.")
    state: str = choice("Enabled", STATES, label="State", path="State", help="Whether the transform is used.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRule:
    """One search rule: which aliases are looked for where (facts 7.1)."""

    name: str = text(low=1, high=50, mandatory=True, label="Rule name", path="Name", help="The name shown in histories and in the Reason of refusals.")
    description: str = text(high=64, label="Description", path="Description", help="A note for administrators.")
    priority: int = number(100, 1, 65534, label="Priority", path="Priority", help="Rules of one priority are tried together, 1 first.")
    protocol: str = choice("Any", ("Any", "SIP", "H323"), label="Protocol", path="Protocol", help="Which protocol the request must come with.")
    source: str = choice("Any", ("Any", "All zones", "Local Zone", "Named"), label="Source", path="Source Mode", help="Where the request must come from.")
    source_name: str = text(high=50, names=NODES, choices=SOURCES, label="Source name", path="Source Name", help="The zone or subzone, where the source is Named.")
    authenticated: bool = switch(False, label="Request must be authenticated", path="Authentication", help="Whether only authenticated requests match.")
    mode: str = choice("Any alias", ("Alias pattern match", "Any alias", "Any IP address"), label="Mode", path="Mode", help="Which kind of destination the rule is for.")
    pattern_type: str = choice("Prefix", PATTERN_TYPES, label="Pattern type", path="Pattern Type", help="How the pattern is compared.")
    pattern: str = text(high=60, label="Pattern string", path="Pattern String", help="What the alias is compared with, in the mode Alias pattern match.")
    behavior: str = choice("Strip", ("Strip", "Leave", "Replace"), label="Pattern behavior", path="Pattern Behavior", help="What is done to the part that matched before the target is asked.")
    replace: str = text(high=60, label="Replace string", path="Pattern Replace", help="What replaces the matched part.")
    on_match: str = choice("Continue", ("Continue", "Stop"), label="On successful match", path="Progress", help="Stop ends the search after the rules of this priority.")
    target: str = text(high=50, mandatory=True, names=("zones", "policy_services"), choices=(LOCAL_ZONE,), label="Target", path="Target Name", help="LocalZone, or the name of the zone or policy service to ask.")
    state: str = choice("Enabled", STATES, label="State", path="State", help="Whether the rule is used.")


@dataclass(frozen=True, slots=True, kw_only=True)
class DialPlanTest:
    """One promise about the dial plan: a change that breaks it is refused."""

    name: str = text(low=1, high=50, mandatory=True, label="Test name", help="The name shown where a change would break the test.")
    description: str = text(high=64, label="Description", help="A note for administrators.")
    alias: str = text(low=1, high=60, mandatory=True, label="Dialled alias", help="What is dialled.")
    source: str = text(LOCAL_ZONE, high=50, names=NODES, choices=SOURCES, label="Source", help="Where it is dialled: LocalZone, DefaultZone, or the name of a zone.")
    caller: str = text(high=60, label="Source alias", help="Who dials it, for rules of the call policy about callers; empty is nobody in particular.")
    authenticated: bool = switch(True, label="Authenticated", help="Whether the request counts as authenticated.")
    registered: bool = switch(False, label="Aliases are registered", help="Whether the test takes every alias that the Local Zone is asked for as registered.")
    expected: str = choice("Found", ("Found", "Not found", "Refused"), label="Expected outcome", help="What must happen.")
    target: str = text(high=50, names=("zones", "policy_services"), choices=(LOCAL_ZONE,), label="Expected target", help="LocalZone, or the zone that must be asked in the first round; empty accepts any.")
    expected_alias: str = text(high=60, label="Expected alias", help="The alias that this target must be asked for; empty accepts any.")
    state: str = choice("Enabled", STATES, label="State", help="Whether the test refuses changes that break it; Disabled, it only tells.")


TESTS_MAX = 200  # each costs a save some 50 to 100 microseconds
DEFAULT_RULES = (SearchRule(name="LocalZoneMatch", priority=50, behavior="Leave", target=LOCAL_ZONE, description="Default rule: queries the Local Zone for any alias"),)  # facts 7.1
