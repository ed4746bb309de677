"""Search rules ready for use, in the order in which they are asked (facts 7.1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sextet.call.pattern import Pattern, Variables, filled_in, ready
from sextet.model.settings.dialplan import SearchRule
from sextet.model.settings.zones import LOCAL_ZONE

LOCAL_NAMES = (LOCAL_ZONE, "Local Zone")  # administrators write both


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A search rule, ready for use; `pattern` is there in the mode Alias pattern match only."""

    name: str
    priority: int
    enabled: bool
    protocol: str
    source: str
    source_name: str
    authenticated: bool
    mode: str
    pattern: Pattern | None
    behavior: str
    replace: str
    stop: bool
    target: str
    local: bool  # whether the target is the Local Zone


def of_config(rows: Iterable[SearchRule], variables: Variables) -> tuple[Rule, ...]:
    """Make them ready: by priority, then in the order of the configuration; raises Unusable."""
    return tuple(sorted((_rule(row, variables) for row in rows), key=lambda rule: rule.priority))


def _rule(row: SearchRule, variables: Variables) -> Rule:
    by_pattern = row.mode == "Alias pattern match"
    return Rule(
        name=row.name,
        priority=row.priority,
        enabled=row.state == "Enabled",
        protocol=row.protocol,
        source=row.source,
        source_name=LOCAL_ZONE if row.source_name in LOCAL_NAMES else row.source_name,
        authenticated=row.authenticated,
        mode=row.mode,
        pattern=ready(f"search rule {row.name}", row.pattern_type, row.pattern, variables) if by_pattern else None,
        behavior=row.behavior if by_pattern else "Leave",
        replace=filled_in(row.replace, variables),
        stop=row.on_match == "Stop",
        target=LOCAL_ZONE if row.target in LOCAL_NAMES else row.target,
        local=row.target in LOCAL_NAMES,
    )
