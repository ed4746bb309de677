"""What a behaviour makes of an alias that matched: Strip, Leave, Replace, Add Prefix, Add Suffix (facts 7.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sextet.call.pattern import Pattern, Variables, filled_in, ready
from sextet.model.settings import dialplan


@dataclass(frozen=True, slots=True, kw_only=True)
class Transform:
    """One enabled pre-search transform, ready for use."""

    priority: int
    pattern: Pattern
    behavior: str
    replace: str = ""


def applied(behavior: str, pattern: Pattern, replace: str, alias: str) -> str:
    """Change an alias that the pattern matches."""
    match behavior:
        case "Strip":
            return pattern.stripped(alias)
        case "Replace":
            return pattern.replaced(alias, replace)
        case "Add Prefix":
            return replace + alias
        case "Add Suffix":
            return alias + replace
        case _:
            return alias


def first_matching(transforms: Sequence[Transform], alias: str) -> Transform | None:
    """Find the transform that applies: only the first one that matches, in order of priority (facts 7.1)."""
    lowered = alias.lower()
    for transform in transforms:
        if transform.pattern.matches(alias, lowered):
            return transform
    return None


def of_config(rows: Iterable[dialplan.Transform], variables: Variables) -> tuple[Transform, ...]:
    """Make the enabled ones ready for use, in the order of their priority; raises Unusable."""
    enabled = sorted((row for row in rows if row.state == "Enabled"), key=lambda row: row.priority)
    return tuple(
        Transform(
            priority=row.priority,
            pattern=ready(f"transform {row.priority}", row.pattern_type, row.pattern, variables),
            behavior=row.behavior,
            replace=filled_in(row.replace, variables),
        )
        for row in enabled
    )
