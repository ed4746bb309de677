"""Do call policy rules and FindMe accounts make sense (facts 7.6, 7.7)? `call/checked.py` reads the script itself."""

from __future__ import annotations

from collections.abc import Iterator

from sextet.model.config import item_path
from sextet.model.schema import Problem
from sextet.model.sections import Root
from sextet.model.settings.policy import BY_ZONE, LOCAL_CPL, FindMePerson, PolicyRule
from sextet.model.validation.dialplan import SOURCE_NAMES
from sextet.model.validation.names import twice
from sextet.model.validation.patterns import pattern


def call_policy(whole: Root) -> Iterator[Problem]:
    """Yield what is wrong with the rules, and with having both rules and a script."""
    policy, seen = whole.call_policy, set[int]()
    zones = {*SOURCE_NAMES, *(zone.name for zone in whole.zones), *(subzone.name for subzone in whole.subzones)}
    enabled = [rule for rule in policy.rules if rule.state == "Enabled"]
    if policy.mode == LOCAL_CPL and policy.script.strip() and enabled:
        yield Problem(
            "call_policy.script",
            f"CPL script: it excludes the enabled rules ({len(enabled)}); disable these, or empty the script.",
        )
    for rule in policy.rules:
        path = item_path("call_policy.rules", str(rule.priority))
        if rule.priority in seen:
            yield Problem(path, f"Call policy rules: priority {rule.priority} is there twice; give each its own.")
        seen.add(rule.priority)
        yield from _rule(path, rule, zones)


def findme(whole: Root) -> Iterator[Problem]:
    """Yield what is wrong with the accounts."""
    yield from twice(
        "findme.people", "FindMe accounts", [person.findme_id for person in whole.findme.people], "findme_id"
    )
    for person in whole.findme.people:
        yield from _person(item_path("findme.people", person.findme_id), person)


def names_of(text: str) -> tuple[str, ...]:
    """Take the device names out of a list with commas."""
    return tuple(name for part in text.split(",") if (name := part.strip()))


def _rule(path: str, rule: PolicyRule, zones: set[str]) -> Iterator[Problem]:
    if rule.source_type == BY_ZONE and not rule.zone:
        yield Problem(f"{path}.zone", "Originating zone: is empty; enter a zone, or choose From address.")
    elif rule.source_type == BY_ZONE and rule.state == "Enabled" and rule.zone not in zones:
        sentence = f"there is no zone or subzone {rule.zone!r}; enter the name of one, or disable the rule"
        yield Problem(f"{path}.zone", f"Originating zone: {sentence}.")
    if rule.source_type != BY_ZONE and rule.source_pattern:
        yield from pattern(f"{path}.source_pattern", "Regex", rule.source_pattern)
    yield from pattern(f"{path}.destination_pattern", "Regex", rule.destination_pattern)


def _person(path: str, person: FindMePerson) -> Iterator[Problem]:
    yield from twice(f"{path}.devices", "Devices", [device.name for device in person.devices])
    yield from twice(f"{path}.locations", "Locations", [location.name for location in person.locations])
    known = {device.name.lower() for device in person.devices}
    for location in person.locations:
        for field, label in (("at_once", "Ring at once"), ("no_answer", "If no answer"), ("busy", "If busy")):
            unknown = [name for name in names_of(getattr(location, field)) if name.lower() not in known]
            if unknown:
                place = f"{item_path(f'{path}.locations', location.name)}.{field}"
                yield Problem(
                    place, f"{label}: {', '.join(unknown)} is no device of this person; add it, or correct it."
                )
    for device in person.devices:
        if device.alias.lower() == person.findme_id.lower():
            place = f"{item_path(f'{path}.devices', device.name)}.alias"
            yield Problem(place, f"Alias: {device.alias} is the FindMe ID itself; enter the alias of a device.")
    if person.active_location.lower() not in {location.name.lower() for location in person.locations}:
        sentence = f"Active location: there is no location {person.active_location!r}; choose one of the locations."
        yield Problem(f"{path}.active_location", sentence)
