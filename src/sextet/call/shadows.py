"""Which search rules and transforms can never do anything, and why: shadowed, never matching, without a target?

Only what can be proved from the settings is said: a rule that another one covers, not one that happens to be unused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from sextet.call.pattern import Pattern, unknown_variables
from sextet.call.search_rule import Rule
from sextet.call.table import Table
from sextet.model.expression import ALIAS_MAX
from sextet.model.sections import Root
from sextet.model.settings.dialplan import SearchRule, Transform
from sextet.model.settings.zones import LOCAL_ZONE

ANY_ALIAS = "Any alias"
_OF_ADDRESSES = frozenset("0123456789abcdef.:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Warning:
    """One thing that an administrator should look at."""

    kind: str  # "rule" or "transform"
    name: str
    sentence: str


def warnings(config: Root, table: Table) -> tuple[Warning, ...]:
    """Look at all enabled rules and transforms, in their order."""
    states = {zone.name: zone.state for zone in config.zones}
    found = (*_unknown_variables(config, table), *_transforms(table), *_rules(table, states))
    return tuple({(one.kind, one.name): one for one in reversed(found)}.values())[::-1]  # of each the first


def _unknown_variables(config: Root, table: Table) -> Iterator[Warning]:
    """Name texts with a variable that there is not, such as a seventh domain of five: they are taken as they are."""
    rules = [row for row in config.search_rules if row.mode == "Alias pattern match"]
    rows: list[tuple[str, str, Transform | SearchRule]] = [
        *(("transform", f"transform {row.priority}", row) for row in config.transforms),
        *(("rule", row.name, row) for row in rules),
    ]
    for kind, name, row in rows:
        added = row.replace if row.behavior not in ("Leave", "Strip") else ""
        in_pattern = unknown_variables(row.pattern, {*table.variables.many, *table.variables.one})
        in_replace = unknown_variables(added, table.variables.one)
        if row.state != "Enabled" or not (in_pattern or in_replace):
            continue
        label, variable = ("Pattern", in_pattern[0]) if in_pattern else ("Replace", in_replace[0])
        sentence = f"{label} string: %{variable}% is no variable here; it is taken as it is written."
        yield Warning(kind=kind, name=name, sentence=sentence)


def _transforms(table: Table) -> Iterator[Warning]:
    for place, one in enumerate(table.transforms):
        name = f"transform {one.priority}"
        earlier = next((each for each in table.transforms[:place] if _covers(each.pattern, one.pattern)), None)
        if _hopeless(one.pattern):
            yield Warning(kind="transform", name=name, sentence="It never matches: nothing fits its pattern.")
        elif earlier is not None:
            sentence = f"It is never reached: transform {earlier.priority} matches everything that it matches."
            yield Warning(kind="transform", name=name, sentence=sentence)


def _rules(table: Table, states: dict[str, str]) -> Iterator[Warning]:
    enabled = [rule for rule in table.rules if rule.enabled]
    ours = {LOCAL_ZONE, *table.subzones}
    for place, rule in enumerate(enabled):
        sentence = (
            _never(rule, states) or _without_target(rule, table, states) or _shadow(rule, enabled[:place], ours)
        )  # fmt: skip
        if sentence:
            yield Warning(kind="rule", name=rule.name, sentence=sentence)


def _never(rule: Rule, states: dict[str, str]) -> str:
    if rule.pattern is not None and _hopeless(rule.pattern):
        return "It never matches: nothing fits its pattern."
    if rule.protocol == "H323":
        return "It never matches: there is no H.323 here yet."
    if rule.source == "Named" and states.get(rule.source_name) == "Disabled":
        return f"It never matches: its source, zone {rule.source_name}, is disabled."
    return ""


def _without_target(rule: Rule, table: Table, states: dict[str, str]) -> str:
    if not (rule.local or rule.target in table.zones or rule.target in table.services):
        return f"Its target, zone {rule.target}, is {'disabled' if rule.target in states else 'not there'}."
    return ""


def _shadow(rule: Rule, earlier: Sequence[Rule], ours: Collection[str]) -> str:
    """Find the rule that leaves nothing to this one; `ours` are the names of the Local Zone and its subzones."""
    for one in earlier:
        if not (one.stop or one.target == rule.target):  # a cheap no for nearly every pair
            continue
        if not (_source_covers(one, rule, ours) and _conditions_cover(one, rule) and _aliases_cover(one, rule)):
            continue
        if one.stop and one.priority < rule.priority:
            return f"It is shadowed by rule {one.name}, which matches all that it matches and stops the search."
        if _asks_the_same(one, rule):
            return f"It is shadowed by rule {one.name}, which asks {one.target} for the same aliases before it."
    return ""


def _source_covers(one: Rule, rule: Rule, ours: Collection[str]) -> bool:
    if one.source == "Any":
        return True
    if (one.source, one.source_name) in (("Local Zone", one.source_name), ("Named", LOCAL_ZONE)):
        return rule.source == "Local Zone" or (rule.source == "Named" and rule.source_name in ours)
    mine = (rule.source, rule.source_name if rule.source == "Named" else "")
    theirs = (one.source, one.source_name if one.source == "Named" else "")
    if one.source == "All zones":
        return rule.source in ("All zones", "Local Zone") or (
            rule.source == "Named" and rule.source_name != "DefaultZone"
        )
    return mine == theirs


def _conditions_cover(one: Rule, rule: Rule) -> bool:
    return one.protocol in ("Any", rule.protocol) and (rule.authenticated or not one.authenticated)


def _aliases_cover(one: Rule, rule: Rule) -> bool:
    if one.pattern is None:
        return one.mode == rule.mode if rule.pattern is None else one.mode == ANY_ALIAS and _is_no_ip(rule.pattern)
    return _is_total(one.pattern) if rule.pattern is None else _covers(one.pattern, rule.pattern)


def _is_no_ip(pattern: Pattern) -> bool:
    """Say whether what matches is never an IP address, because it holds letters that none has."""
    texts = pattern.alternatives if pattern.expression is None else pattern.ends
    return bool(texts) and all(set(text) - _OF_ADDRESSES for text in texts)


def _is_total(pattern: Pattern) -> bool:
    return pattern.expression is not None and pattern.expression.pattern in (".*", ".+")


def _covers(one: Pattern, other: Pattern) -> bool:
    """Say whether every alias that the other pattern matches is matched by the one, as far as that is plain."""
    if one.expression is not None or other.expression is not None:
        if _is_total(one):
            return True
        return one.expression is not None and one.expression == other.expression
    if one.kind == "Exact":
        return other.kind == "Exact" and set(other.alternatives) <= set(one.alternatives)
    if other.kind not in ("Exact", one.kind):
        return False
    ends = str.startswith if one.kind == "Prefix" else str.endswith
    return bool(other.alternatives) and all(ends(text, one.alternatives) for text in other.alternatives)


def _hopeless(pattern: Pattern) -> bool:
    if pattern.expression is not None:
        text = pattern.expression.pattern
        return "(?!)" in text and "|" not in text  # a variable without values, and no alternative to it
    return all(len(text) > ALIAS_MAX for text in pattern.alternatives)


def _asks_the_same(one: Rule, rule: Rule) -> bool:
    same = (one.behavior, one.replace) == (rule.behavior, rule.replace) or one.behavior == rule.behavior == "Leave"
    plain = one.behavior == "Leave" or one.pattern == rule.pattern
    return one.target == rule.target and same and plain
