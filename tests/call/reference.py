"""The search, slow and obvious: written from facts 7.1, 7.5 and 7.9 alone, to be compared with the engine's.

It works on the settings themselves, tries every rule in turn, keeps no index and shares no code with call/ but the
reading of one alias. `found` maps an alias to the peers that have devices of it; 0 is this peer.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence

from sextet.model.sections import Root
from sextet.model.settings.dialplan import SearchRule

Rounds = list[tuple[int, list[tuple[str, str]]]]  # (priority, [(target, alias)])


def rounds(
    config: Root, alias: str, source: str, authenticated: bool, protocol: str, found: Mapping[str, Sequence[int]]
) -> Rounds:
    """Give whom the search asks, priority by priority; empty when it refuses. `source` as rules name it."""
    for transform in sorted(config.transforms, key=lambda row: row.priority):
        if transform.state == "Enabled" and _fits(transform.pattern_type, transform.pattern, alias):
            alias = _changed(transform.behavior, transform.pattern_type, transform.pattern, transform.replace, alias)
            break
    if not alias or len(alias) > 200:
        return []
    is_address = _is_address(alias)
    if is_address and not found.get(alias) and config.dial_plan.unknown_ip == "Off":
        return []
    result: Rounds = []
    asked: set[tuple[str, str]] = set()
    for priority in sorted({rule.priority for rule in config.search_rules}):
        local: list[tuple[str, str]] = []
        zones: list[tuple[str, str]] = []
        stop = False
        for rule in config.search_rules:
            if rule.priority != priority or not _matches(rule, alias, is_address, source, authenticated, protocol):
                continue
            stop = stop or rule.on_match == "Stop"
            changed = alias
            if rule.mode == "Alias pattern match":
                changed = _changed(rule.behavior, rule.pattern_type, rule.pattern, rule.replace, alias)
            if not changed or len(changed) > 200 or (rule.target, changed.lower()) in asked:
                continue
            asked.add((rule.target, changed.lower()))
            if rule.target == "LocalZone":
                if found.get(changed.lower()):
                    local.append(("LocalZone", changed.lower()))
            elif rule.target != source and rule.target in {
                zone.name for zone in config.zones if zone.state == "Enabled"
            }:
                zones.append((rule.target, changed))
        if local or zones:
            result.append((priority, local + zones))
        if local or stop:
            break
    return result


def _matches(rule: SearchRule, alias: str, is_address: bool, source: str, authenticated: bool, protocol: str) -> bool:
    if rule.state != "Enabled" or rule.protocol not in ("Any", protocol):
        return False
    if rule.authenticated and not authenticated:
        return False
    if rule.source == "All zones" and source == "DefaultZone":
        return False
    if rule.source == "Local Zone" and source != "LocalZone":
        return False
    if rule.source == "Named" and source != rule.source_name:
        return False
    if rule.mode == "Any alias":
        return not is_address
    if rule.mode == "Any IP address":
        return is_address
    return _fits(rule.pattern_type, rule.pattern, alias)


def _fits(kind: str, pattern: str, alias: str) -> bool:
    text, wanted = alias.lower(), pattern.lower()
    if kind == "Exact":
        return text == wanted
    if kind == "Prefix":
        return text[: len(wanted)] == wanted
    if kind == "Suffix":
        return text[len(text) - len(wanted) :] == wanted if len(wanted) <= len(text) else False
    return re.fullmatch(pattern, alias, re.IGNORECASE) is not None


def _changed(behavior: str, kind: str, pattern: str, replace: str, alias: str) -> str:
    if behavior == "Add Prefix":
        return replace + alias
    if behavior == "Add Suffix":
        return alias + replace
    if behavior == "Leave":
        return alias
    new = "" if behavior == "Strip" else replace
    if kind == "Prefix":
        return new + alias[len(pattern) :]
    if kind == "Suffix":
        return alias[: len(alias) - len(pattern)] + new
    if kind == "Exact":
        return new
    found = re.fullmatch(pattern, alias, re.IGNORECASE)
    assert found is not None
    return re.sub(r"\\(\d)", lambda one: found[int(one[1])] or "", new)


def _is_address(alias: str) -> bool:
    try:
        ipaddress.ip_address(alias)
    except ValueError:
        return False
    return True
