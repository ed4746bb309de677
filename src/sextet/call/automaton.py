"""A regular expression whose time is bounded by its own length times that of the text, whatever both are.

How it works. All positions of a text at which something may begin or end are the bits of one number. A part of the
expression turns the set of its beginnings into the set of its ends, or back; a character needs two operations, a
repeat goes on until nothing is new. Nothing is tried and taken back, so that no pattern can stall a worker. Groups are
found afterwards by walking once, knowing at each choice which ones lead to the end; the choices are those of `re`, but
for a repeat that goes round once more without taking anything.

Python's own parser reads the expression, and letters are compared as with re.IGNORECASE. Not here: references and
possessive repeats, which model/expression.py refuses.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

MASKS_MAX = 4096  # (text, character class) whose positions are remembered: all patterns look at the same text
_CATEGORIES: dict[Any, Callable[[str], bool]] = {
    op.CATEGORY_DIGIT: str.isdecimal,
    op.CATEGORY_NOT_DIGIT: lambda c: not c.isdecimal(),
    op.CATEGORY_SPACE: str.isspace,
    op.CATEGORY_NOT_SPACE: lambda c: not c.isspace(),
    op.CATEGORY_WORD: lambda c: c.isalnum() or c == "_",
    op.CATEGORY_NOT_WORD: lambda c: not (c.isalnum() or c == "_"),
}
_WORD = (op.IN, ((op.CATEGORY, op.CATEGORY_WORD),))
_SINGLE = (op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN)
_REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT)

Part = tuple[Any, Any]  # what the parser makes: a code and its argument
Sequence_ = Sequence[Part]


class Unsupported(Exception):
    """The expression has something that cannot be matched in bounded time; the text names it."""


class Automaton:
    """One expression, ready to be compared with whole texts."""

    def __init__(self, text: str) -> None:
        """Read an expression; raises Unsupported, and re.error for what is none."""
        parsed = _parser.parse(text)
        self.parts: tuple[Part, ...] = tuple(_frozen(part) for part in parsed)
        self.groups = int(parsed.state.groups) - 1

    def matches(self, text: str) -> bool:
        """Say whether the whole text matches."""
        run = _Run(text)
        return bool(run.ends(self.parts, 1) >> len(text) & 1)

    def match(self, text: str) -> list[str] | None:
        """Give the whole match and its groups, empty where a group took no part; None without a match."""
        run = _Run(text)
        whole = 1 << len(text)
        if not run.ends(self.parts, 1) & whole:
            return None
        run.walk(self.parts, 0, whole)
        return [text, *(text[slice(*run.groups.get(n, (0, 0)))] for n in range(1, self.groups + 1))]


class _Run:
    """One text while it is compared."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.all = (2 << len(text)) - 1
        self.groups: dict[int, tuple[int, int]] = {}

    def ends(self, parts: Sequence_, begins: int) -> int:
        """Give where parts can end that begin at one of these positions."""
        for part in parts:
            if not begins:
                return 0
            begins = self._ends(part, begins)
        return begins

    def begins(self, parts: Sequence_, ends: int) -> int:
        """Give where parts can begin that end at one of these positions."""
        for part in reversed(parts):
            if not ends:
                return 0
            ends = self._begins(part, ends)
        return ends

    def walk(self, parts: Sequence_, at: int, allowed: int) -> int:
        """Take the way that `re` prefers of those that end at an allowed position; there is one. Gives its end."""
        for place, part in enumerate(parts):
            at = self._step(part, at, self.begins(parts[place + 1 :], allowed))
        return at

    def _ends(self, part: Part, begins: int) -> int:
        code, value = part
        if code in _SINGLE:
            return (begins & _mask(self.text, part)) << 1
        if code is op.SUBPATTERN:
            return self.ends(value[1], begins)
        if code is op.BRANCH:
            return functools.reduce(lambda found, way: found | self.ends(way, begins), value, 0)
        if code in _REPEATS:
            return self._repeated(value, begins, forward=True)
        return begins & self._where(part)

    def _begins(self, part: Part, ends: int) -> int:
        code, value = part
        if code in _SINGLE:
            return ends >> 1 & _mask(self.text, part)
        if code is op.SUBPATTERN:
            return self.begins(value[1], ends)
        if code is op.BRANCH:
            return functools.reduce(lambda found, way: found | self.begins(way, ends), value, 0)
        if code in _REPEATS:
            return self._repeated(value, ends, forward=False)
        return ends & self._where(part)

    def _repeated(self, value: tuple[int, int, Sequence_], here: int, *, forward: bool) -> int:
        low, high, body = value
        step = self.ends if forward else self.begins
        for _ in range(min(low, len(self.text) + 1)):
            here = step(body, here)
        if high - low >= len(self.text) and len(body) == 1 and body[0][0] in _SINGLE:
            return self._flooded(_mask(self.text, body[0]), here, forward)
        found = here
        for _ in range(min(high - low, len(self.text) + 1)):
            here = step(body, here) & ~found
            if not here:
                break
            found |= here
        return found

    def _flooded(self, mask: int, here: int, forward: bool) -> int:
        """Fill whole runs of a character class, doubling the length with each round."""
        reach, length = mask, 1
        while length <= len(self.text) + 1:
            if forward:
                here |= (here & reach) << length
                reach &= reach >> length
            else:
                here |= here >> length & reach
                reach &= reach >> length
            length *= 2
        return here

    def _where(self, part: Part) -> int:
        """Give the positions at which something holds that takes no characters."""
        code, value = part
        if code is op.AT:
            words = _mask(self.text, _WORD)
            edges = (words ^ words << 1) & self.all
            at = {op.AT_BEGINNING: 1, op.AT_BEGINNING_STRING: 1, op.AT_BOUNDARY: edges}
            return (at | {op.AT_NON_BOUNDARY: self.all & ~edges if self.text else 0}).get(value, 1 << len(self.text))
        behind, body = value
        found = self.ends(body, self.all) if behind < 0 else self.begins(body, self.all)
        return found if code is op.ASSERT else self.all & ~found

    def _step(self, part: Part, at: int, allowed: int) -> int:
        code, value = part
        if code in _SINGLE:
            return at + 1
        if code is op.SUBPATTERN:
            end = self.walk(value[1], at, allowed)
            if value[0] is not None:
                self.groups[value[0]] = (at, end)
            return end
        if code is op.BRANCH:
            way = next(way for way in value if self.ends(way, 1 << at) & allowed)
            return self.walk(way, at, allowed)
        if code in _REPEATS:
            return self._repeat(part, at, allowed)
        if code is op.ASSERT and value[0] > 0:
            self.walk(value[1], at, self.all)
        return at

    def _repeat(self, part: Part, at: int, allowed: int) -> int:
        code, (low, high, body) = part
        lazy = code is op.MIN_REPEAT
        if len(body) == 1 and body[0][0] in _SINGLE:
            found = self._ends(part, 1 << at) & allowed
            return (found & -found).bit_length() - 1 if lazy else found.bit_length() - 1
        reach: dict[tuple[int, int], int] = {}  # by the repeats that are left: where they can begin
        for count in range(len(self.text) + 1 + low):
            enough = count >= low
            if enough and (count == high or lazy) and allowed >> at & 1:
                return at
            left = (max(low - count - 1, 0), high - count - 1 if high is not _MANY else high)
            if left not in reach:
                reach = {left: self._begins((op.MAX_REPEAT, (*left, body)), allowed) if count < high else 0}
            onward = self.ends(body, 1 << at) & reach[left]
            if enough:
                onward &= ~(1 << at)  # a round that takes nothing is not taken again
            if not onward:
                return at
            at = self.walk(body, at, onward)
        return at


_MANY = op.MAXREPEAT


def _frozen(part: Part) -> Part:
    """Make a part of what the parser gave: tuples, so that parts can be compared and remembered."""
    code, value = part
    if code in (op.LITERAL, op.NOT_LITERAL, op.ANY):
        return code, value
    if code is op.IN:
        return code, tuple(value)
    if code is op.SUBPATTERN:
        return code, (value[0], _all_frozen(value[3]))
    if code is op.BRANCH:
        return code, tuple(_all_frozen(way) for way in value[1])
    if code in _REPEATS:
        return code, (value[0], value[1], _all_frozen(value[2]))
    if code in (op.ASSERT, op.ASSERT_NOT):
        return code, (value[0], _all_frozen(value[1]))
    if code is op.AT:
        return code, value
    raise Unsupported(f"uses {code}, which takes time without a bound")


def _all_frozen(parts: Any) -> tuple[Part, ...]:
    return tuple(_frozen(part) for part in parts)


@functools.lru_cache(maxsize=MASKS_MAX)
def _mask(text: str, part: Part) -> int:
    """Give the positions of a text at which one character fits."""
    fits = _test(part)
    return sum(1 << place for place, character in enumerate(text) if fits(character))


@functools.lru_cache(maxsize=MASKS_MAX)
def _test(part: Part) -> Callable[[str], bool]:
    code, value = part
    if code is op.ANY:
        return lambda c: c != "\n"
    if code is op.IN:
        negated = value[0][0] is op.NEGATE
        items = value[1:] if negated else value
        return lambda c: any(_in(item, each) for item in items for each in (c, c.lower(), c.upper())) != negated
    wanted = chr(value).lower()
    return lambda c: (c.lower() == wanted) == (code is op.LITERAL)


def _in(item: Part, character: str) -> bool:
    code, value = item
    if code is op.CATEGORY:
        return _CATEGORIES[value](character)
    low, high = value if code is op.RANGE else (value, value)
    return len(character) == 1 and int(low) <= ord(character) <= int(high)
