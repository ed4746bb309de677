"""Does an alias match a pattern, and what remains of it: Exact, Prefix, Suffix, Regex with variables (facts 7.4).

Letters are compared without regard to case. A Regex must match the whole alias. A variable in a pattern stands for any
of its values; in a replace string for the one value of this peer.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from sextet.call.automaton import Automaton, Unsupported
from sextet.model.expression import is_cheap, plain_ends

COMPILED_MAX = 8192  # expressions kept so that a new table compiles only what changed: 2000 rules, 5000 policy patterns
ALTERNATIVES_MAX = 1000  # texts one pattern may stand for: 200 domains, six peers, with room
_VARIABLE = re.compile(r"%([a-z][a-z0-9_]*)%", re.IGNORECASE)
_GROUP = re.compile(r"\\([0-9\\])")


@dataclass(frozen=True, slots=True)
class Variables:
    """What the pattern variables stand for; names without the percent signs."""

    many: Mapping[str, Sequence[str]]  # in patterns: any of these
    one: Mapping[str, str]  # in replace strings, and in patterns where `many` does not have the name


NO_VARIABLES = Variables({}, {})


class Unusable(Exception):
    """An entry of the configuration cannot be made ready for use; the sentence names the entry and says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A pattern ready for use; `alternatives` are in lower case, `expression` is there for Regex only.

    `end` and `ends` say what a text must begin or end with (one of them) for a Regex to match, where that is plain.
    """

    kind: str  # Exact, Prefix, Suffix, Regex
    alternatives: tuple[str, ...] = ()
    expression: re.Pattern[str] | None = None
    slow: Automaton | None = None  # compares in its place where Python's own engine could take long
    end: str = ""  # Prefix or Suffix
    ends: tuple[str, ...] = ()

    def matches(self, alias: str, lowered: str) -> bool:
        """Compare; the caller lowers the alias once for all patterns."""
        if self.slow is not None:
            return self.slow.matches(alias)
        if self.expression is not None:
            return self.expression.fullmatch(alias) is not None
        if self.kind == "Prefix":
            return lowered.startswith(self.alternatives)
        if self.kind == "Suffix":
            return lowered.endswith(self.alternatives)
        return lowered in self.alternatives

    def stripped(self, alias: str) -> str:
        """Take away the part that matched."""
        return self.replaced(alias, "")

    def replaced(self, alias: str, replace: str) -> str:
        """Put a text in the place of the part that matched; `\\1` is the first group of a Regex, `\\0` all of it."""
        if self.expression is not None:
            groups = self._groups(alias)
            return alias if groups is None else _filled(replace, groups)
        length = self._length(alias.lower())
        if self.kind == "Prefix":
            return replace + alias[length:]
        return alias[: len(alias) - length] + replace if self.kind == "Suffix" else replace

    def _groups(self, alias: str) -> list[str] | None:
        if self.slow is not None:
            return self.slow.match(alias)
        found = self.expression.fullmatch(alias) if self.expression is not None else None
        return None if found is None else [found[0], *(group or "" for group in found.groups())]

    def _length(self, lowered: str) -> int:
        fits = lowered.startswith if self.kind == "Prefix" else lowered.endswith
        return max((len(text) for text in self.alternatives if fits(text)), default=0)


def compiled(kind: str, text: str, variables: Variables = NO_VARIABLES) -> Pattern:
    """Make a pattern ready for use; raises ValueError with the end of a sentence for what cannot be used."""
    pieces = [
        (found, [found]) if not index % 2 else _values(found, variables)
        for index, found in enumerate(_VARIABLE.split(text))
    ]
    if kind != "Regex":
        if functools.reduce(lambda total, piece: total * len(piece[1]), pieces, 1) > ALTERNATIVES_MAX:
            raise ValueError(f"{text!r} stands for more than {ALTERNATIVES_MAX} texts")
        return Pattern(
            kind=kind,
            alternatives=tuple("".join(choice).lower() for choice in product(*(values for _, values in pieces))),
        )
    whole = "".join(name if not index % 2 else _any_of(name, values) for index, (name, values) in enumerate(pieces))
    end, ends = _ends(pieces)
    expression = _expression(whole)
    return Pattern(kind=kind, expression=expression, slow=_slow(whole), end=end, ends=ends)


def ready(owner: str, kind: str, text: str, variables: Variables) -> Pattern:
    """Make the pattern of an entry ready for use; raises Unusable."""
    try:
        return compiled(kind, text, variables)
    except ValueError as error:
        raise Unusable(f"{owner}: {error}") from error


def filled_in(text: str, variables: Variables) -> str:
    """Put this peer's values into a replace string; a name that is no variable stays as it is."""
    return _VARIABLE.sub(lambda found: variables.one.get(found[1].lower(), found[0]), text)


def unknown_variables(text: str, known: Collection[str]) -> list[str]:
    """List what looks like a variable in a text and is none."""
    return [name for name in _VARIABLE.findall(text) if name.lower() not in known]


def _values(name: str, variables: Variables) -> tuple[str, Sequence[str]]:
    lowered = name.lower()
    if lowered in variables.many:
        return name, variables.many[lowered]
    return name, [variables.one.get(lowered, f"%{name}%")]


def _ends(pieces: Sequence[tuple[str, Sequence[str]]]) -> tuple[str, tuple[str, ...]]:
    """Say what every match must begin or end with; `pieces` are plain text and variables in turn."""
    texts = [text for text, _ in pieces[::2]]
    if any("|" in text or "(?" in text for text in texts):
        return "", ()  # alternatives, and look-arounds, which say nothing about the letters themselves
    begin, end = plain_ends(texts[0])[0], plain_ends(texts[-1])[1]
    if len(end) > len(begin):
        return "Suffix", (end,)
    if begin:
        return "Prefix", (begin,)
    if texts[-1] or len(pieces) == 1:
        return "", ()
    # A variable ends the text, mostly one of our own domains, which most aliases have: no sharper than nothing else.
    return "Suffix", tuple((plain_ends(texts[-2])[1] + value).lower() for value in pieces[-2][1])


def _any_of(name: str, values: Sequence[str]) -> str:
    """No value at all, such as %localdomains% without domains, matches nothing."""
    if list(values) == [f"%{name}%"]:
        return f"%{name}%"
    return f"(?:{'|'.join(re.escape(value) for value in values)})" if values else "(?!)"


@functools.lru_cache(maxsize=COMPILED_MAX)
def _expression(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.IGNORECASE)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{text!r} is not a regular expression ({error})") from error


@functools.lru_cache(maxsize=COMPILED_MAX)
def _slow(text: str) -> Automaton | None:
    if is_cheap(text):
        return None
    try:
        return Automaton(text)
    except Unsupported as error:
        raise ValueError(f"{text!r} {error}") from error


def _filled(replace: str, groups: Sequence[str]) -> str:
    def one(escape: re.Match[str]) -> str:
        if escape[1] == "\\":
            return "\\"
        number = int(escape[1])
        return groups[number] if number < len(groups) else ""

    return _GROUP.sub(one, replace) if "\\" in replace else replace
