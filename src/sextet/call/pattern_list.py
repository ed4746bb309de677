"""Does the allow or deny list have an alias (facts 6.4)?"""

from __future__ import annotations

from dataclasses import dataclass, field

from sextet.call.index import Index
from sextet.call.pattern import Pattern, Variables, ready
from sextet.model.settings.registration import Registration


@dataclass(frozen=True, slots=True)
class PatternList:
    """One list; thousands of entries cost a few look-ups."""

    patterns: tuple[Pattern, ...]
    index: Index = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", Index(enumerate(self.patterns)))

    def has(self, alias: str) -> bool:
        """Say whether any entry matches."""
        lowered = alias.lower()
        return any(self.patterns[place].matches(alias, lowered) for place in self.index.candidates(lowered))


def of_config(registration: Registration, variables: Variables) -> PatternList:
    """Make the list ready that the restriction policy names, empty where it names none; raises Unusable."""
    lists = {"Allow List": registration.allow_list, "Deny List": registration.deny_list}
    rows = lists.get(registration.restriction_policy, ())
    return PatternList(tuple(ready(f"entry {row.pattern}", row.pattern_type, row.pattern, variables) for row in rows))
