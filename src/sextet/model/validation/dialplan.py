"""Do transforms and search rules make sense together (facts 7.1)?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sextet.model.config import item_path
from sextet.model.schema import Problem
from sextet.model.sections import Root
from sextet.model.settings.dialplan import SearchRule, Transform
from sextet.model.settings.local_zone import SOURCES
from sextet.model.settings.zones import LOCAL_ZONE
from sextet.model.validation.patterns import behavior, pattern

LOCAL_NAMES = (LOCAL_ZONE, "Local Zone")
SOURCE_NAMES = (*SOURCES, "Local Zone")  # what a search rule's source may name besides zones


def transforms(transforms: Sequence[Transform]) -> Iterator[Problem]:
    seen: set[int] = set()
    for row in transforms:
        path = item_path("transforms", str(row.priority))
        if row.priority in seen:
            yield Problem(path, f"Transforms: priority {row.priority} is there twice; give each its own.")
        seen.add(row.priority)
        yield from pattern(f"{path}.pattern", row.pattern_type, row.pattern)
        yield from behavior(path, row.behavior, row.pattern_type, row.pattern, row.replace)
        if row.behavior in ("Add Prefix", "Add Suffix") and not row.replace:
            yield Problem(f"{path}.replace", f"Replace string: {row.behavior} needs what to add; enter it.")


def rules(whole: Root) -> Iterator[Problem]:
    states = {zone.name: zone.state for zone in whole.zones}
    services = {service.name for service in whole.policy_services}
    for rule in whole.search_rules:
        path = item_path("search_rules", rule.name)
        if rule.state == "Enabled":
            yield from _target(path, rule, states, services)
            yield from _source(path, rule, {*states, *SOURCE_NAMES, *(row.name for row in whole.subzones)})
        if rule.mode != "Alias pattern match":
            continue
        if not rule.pattern:
            yield Problem(f"{path}.pattern", "Pattern string: Alias pattern match needs one; enter it.")
        else:
            yield from pattern(f"{path}.pattern", rule.pattern_type, rule.pattern)
            yield from behavior(path, rule.behavior, rule.pattern_type, rule.pattern, rule.replace)


def _target(path: str, rule: SearchRule, states: dict[str, str], services: set[str]) -> Iterator[Problem]:
    if rule.target in LOCAL_NAMES or rule.target in services:
        return
    if rule.target not in states:
        yield Problem(
            f"{path}.target",
            f"Target: there is no zone or policy service {rule.target!r}; enter one of them, or disable the rule.",
        )
    elif states[rule.target] != "Enabled":
        yield Problem(f"{path}.target", f"Target: zone {rule.target} is disabled; enable it, or disable the rule.")


def _source(path: str, rule: SearchRule, names: set[str]) -> Iterator[Problem]:
    if rule.source == "Named" and rule.source_name not in names:
        wrong = f"there is no zone or subzone {rule.source_name!r}" if rule.source_name else "is empty"
        yield Problem(f"{path}.source_name", f"Source name: {wrong}; enter the name of one, or change the source.")
