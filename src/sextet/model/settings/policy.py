"""Configuration > Call policy, and Users > FindMe: what is done with a call before it is searched (facts 7.6, 7.7)."""

from __future__ import annotations

from dataclasses import dataclass

from sextet.model.schema import choice, document, many, number, switch, text
from sextet.model.settings.local_zone import SOURCES
from sextet.model.settings.words import STATES
from sextet.model.settings.zones import NODES

OFF, LOCAL_CPL, POLICY_SERVICE = "Off", "Local CPL", "Policy service"
MODES = (OFF, LOCAL_CPL, POLICY_SERVICE)
BY_ZONE, BY_ADDRESS = "Zone", "From address"
AUTHENTICATED, UNAUTHENTICATED = "Authenticated callers", "Unauthenticated callers"
SCRIPT_MAX = 128 << 10  # a script of 1000 rules; every worker holds it
DEVICES_MAX, LOCATIONS_MAX = 15, 10  # facts 7.7
INCOMING_ID, FINDME_ID = "Incoming ID", "FindMe ID"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRule:
    """One rule of the call policy; the first that matches decides, and without one a call is allowed."""

    priority: int = number(100, 1, 65534, label="Priority", help="The order of the rules; unique, 1 first.")
    source_type: str = choice(BY_ADDRESS, (BY_ZONE, BY_ADDRESS), label="Source type", help="Whether the rule is about where a call comes from or about who calls.")
    zone: str = text(high=50, names=NODES, choices=SOURCES, when=("source_type", (BY_ZONE,)), label="Originating zone", help="The zone or subzone that the call comes from.")
    callers: str = choice(AUTHENTICATED, (AUTHENTICATED, UNAUTHENTICATED), when=("source_type", (BY_ADDRESS,)), label="Rule applies to",
                          help="Authenticated callers have proved who they are; the other kind takes everybody at his word.")  # fmt: skip
    source_pattern: str = text(high=128, when=("source_type", (BY_ADDRESS,)), label="Source pattern", help="A regular expression for the caller's alias; empty is any.")
    destination_pattern: str = text(high=128, mandatory=True, label="Destination pattern", help="A regular expression for the alias that is called, as the transforms left it.")
    action: str = choice("Reject", ("Allow", "Reject"), label="Action", help="What is done with the call.")
    description: str = text(high=64, label="Description", help="A note for administrators.")
    state: str = choice("Enabled", STATES, label="State", help="Whether the rule is used.")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPolicy:
    """Configuration > Call policy > Configuration: whether there is one, and what it is."""

    mode: str = choice(OFF, MODES, label="Call Policy mode", path="Policy AdministratorPolicy Mode", help="Off allows every call; Local CPL asks the script below, or where there is none the rules; Policy service asks a server.")
    service: str = text(high=50, names=("policy_services",), when=("mode", (POLICY_SERVICE,)), label="Policy service", help="The name of the policy service that is asked about every call.")
    script: str = document(SCRIPT_MAX, label="CPL script", help="A script in the Call Processing Language (RFC 3880) with the original's elements; it excludes rules.")
    rules: tuple[PolicyRule, ...] = many(PolicyRule, 2000, label="Call policy rules", help="Who may call whom, where there is no script.")


@dataclass(frozen=True, slots=True, kw_only=True)
class FindMeDevice:
    """One device of a person."""

    name: str = text(high=50, mandatory=True, label="Device name", help="By which the locations name it.")
    alias: str = text(high=60, mandatory=True, label="Alias", help="What is called.")
    principal: bool = switch(False, label="Principal", help="Whether the administrator fixed it for the person.")


@dataclass(frozen=True, slots=True, kw_only=True)
class FindMeLocation:
    """One location of a person: which devices ring, and what then."""

    name: str = text(high=50, mandatory=True, label="Location", help="Such as Office.")
    at_once: str = text(high=255, mandatory=True, label="Ring at once", help="Device names, separated by commas, that ring together.")
    no_answer: str = text(high=255, label="If no answer", help="Device names that ring when nobody has answered in time.")
    busy: str = text(high=255, label="If busy", help="Device names that ring when one of the first is busy.")
    ring_s: int = number(20, 5, 120, unit="s", label="Ring for", help="How long the first devices ring before the next ones do.")


@dataclass(frozen=True, slots=True, kw_only=True)
class FindMePerson:
    """One person who is reached by one FindMe ID, wherever he is."""

    findme_id: str = text(high=60, mandatory=True, label="FindMe ID", help="The alias under which the person is called; no device may register it.")
    display_name: str = text(high=60, label="Display name", help="The person's name.")
    active_location: str = text(high=50, mandatory=True, label="Active location", help="The location whose devices ring now.")
    devices: tuple[FindMeDevice, ...] = many(FindMeDevice, DEVICES_MAX, label="Devices", help="Up to fifteen devices of the person.")
    locations: tuple[FindMeLocation, ...] = many(FindMeLocation, LOCATIONS_MAX, label="Locations", help="Up to ten locations with the devices that ring there.")
    state: str = choice("Enabled", STATES, label="State", help="Whether the FindMe ID can be called.")


@dataclass(frozen=True, slots=True, kw_only=True)
class FindMe:
    """Users > FindMe: the people of this cluster; needs a cluster name (20019)."""

    mode: str = choice(OFF, (OFF, "On"), label="FindMe mode", path="Policy FindMe Mode", help="Whether FindMe IDs can be called.")
    caller_id: str = choice(INCOMING_ID, (INCOMING_ID, FINDME_ID), label="Caller ID", path="Policy FindMe CallerID",
                            help="Who is shown as the caller when an authenticated call comes from a device of a person: the device, or the person's FindMe ID.")  # fmt: skip
    people: tuple[FindMePerson, ...] = many(FindMePerson, 10_000, label="FindMe accounts", help="Who is reached by a FindMe ID.")
