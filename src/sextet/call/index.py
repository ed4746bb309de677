"""Which of thousands of patterns can match an alias at all? Found by look-ups, not by trying each.

Exact, Prefix and Suffix patterns stand in tables by their text, regular expressions in those of the plain letters that
they begin or end with. What is found is only a candidate: whoever asks compares it. Aliases or patterns with letters
outside ASCII are always candidates, since upper and lower case are not one to one there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from sextet.call.pattern import Pattern

ANY_SOURCE = ""  # the table of rules that name no source


class Rule(Protocol):
    """What the tables need to know of a rule; search_rule.Rule is one."""

    @property
    def enabled(self) -> bool: ...
    @property
    def source(self) -> str: ...
    @property
    def source_name(self) -> str: ...
    @property
    def mode(self) -> str: ...
    @property
    def pattern(self) -> Pattern | None: ...


R = TypeVar("R", bound=Rule)


@dataclass(slots=True)
class _Texts:
    """Texts by their length, each with the groups of patterns that stand for it."""

    by_length: dict[int, dict[str, list[list[int]]]] = field(default_factory=dict)

    def add(self, text: str, group: list[int]) -> None:
        groups = self.by_length.setdefault(len(text), {}).setdefault(text, [])
        if group not in groups:
            groups.append(group)


class Index:
    """Patterns by their places; `None` is a place that matches whatever is asked."""

    def __init__(self, patterns: Iterable[tuple[int, Pattern | None]]) -> None:
        self.always: list[int] = []
        self._exact, self._prefix, self._suffix = _Texts(), _Texts(), _Texts()
        self._all: list[int] = []
        groups: dict[tuple[str, tuple[str, ...]], list[int]] = {}  # patterns that stand for the same texts: one group
        for place, pattern in patterns:
            self._all.append(place)
            kind, texts = _where(pattern)
            if not kind:
                self.always.append(place)
                continue
            known = groups.setdefault((kind, texts), [])
            known.append(place)
            if len(known) == 1:
                target = {"Exact": self._exact, "Prefix": self._prefix, "Suffix": self._suffix}[kind]
                for text in texts:
                    target.add(text, known)

    def candidates(self, lowered: str) -> Sequence[int]:
        """Give the places that may match, in their order."""
        if not lowered.isascii():
            return self._all
        found = set(self.always)
        size = len(lowered)
        texts = self._exact.by_length.get(size)
        if texts:
            for group in texts.get(lowered, ()):
                found.update(group)
        for length, texts in self._prefix.by_length.items():
            if length <= size:
                for group in texts.get(lowered[:length], ()):
                    found.update(group)
        for length, texts in self._suffix.by_length.items():
            if length <= size:
                for group in texts.get(lowered[size - length :], ()):
                    found.update(group)
        return sorted(found)


def _where(pattern: Pattern | None) -> tuple[str, tuple[str, ...]]:
    """Say in which table a pattern stands, and under which texts; none: it is always a candidate."""
    if pattern is None:
        return "", ()
    kind, texts = (pattern.kind, pattern.alternatives) if pattern.expression is None else (pattern.end, pattern.ends)
    return (kind, texts) if all(text and text.isascii() for text in texts) else ("", ())


class RuleIndex(Generic[R]):
    """Search rules by what they ask of a request: source, mode, pattern; disabled ones are in no table."""

    def __init__(self, rules: Sequence[R]) -> None:
        self._rules = rules
        by_source: dict[str, list[int]] = {ANY_SOURCE: []}
        for place, rule in enumerate(rules):
            if rule.enabled:
                by_source.setdefault(rule.source_name if rule.source == "Named" else ANY_SOURCE, []).append(place)
        self._tables = {source: _OfSource(rules, places) for source, places in by_source.items()}

    def candidates(self, lowered: str, ip: bool, *sources: str) -> Sequence[R]:
        """Give the rules that may match, by priority; of Local Zone and subzone both are the source."""
        places = self._tables[ANY_SOURCE].candidates(lowered, ip)
        for source in filter(None, sources):
            named = self._tables.get(source)
            if named is not None:
                places = sorted([*places, *named.candidates(lowered, ip)])
        return [self._rules[place] for place in places]


class _OfSource:
    def __init__(self, rules: Sequence[Rule], places: Sequence[int]) -> None:
        self._any_alias = [place for place in places if rules[place].mode == "Any alias"]
        self._any_ip = [place for place in places if rules[place].mode == "Any IP address"]
        self._by_pattern = Index((place, rules[place].pattern) for place in places if rules[place].pattern is not None)

    def candidates(self, lowered: str, ip: bool) -> Sequence[int]:
        return sorted([*(self._any_ip if ip else self._any_alias), *self._by_pattern.candidates(lowered)])
