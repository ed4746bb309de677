"""Is a regular expression of an administrator safe to run on what strangers dial?

A pattern that can match one text in very many ways keeps a worker busy for seconds, or for ever. The cost is estimated
from the expression alone: parts that repeat multiply, alternatives add. What costs more than CHEAP is run by
call/automaton.py, in bounded time. What repeats a part that is itself ambiguous, or repeats very often, is refused
all the same: nobody can tell what such an expression does, and a sentence says how to write it.
"""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import dataclass, field

ALIAS_MAX = 200  # longest alias that is searched: the cost of a pattern grows with its length
COST_MAX = 4.0 * (ALIAS_MAX + 1) ** 4  # four unbounded repeats and a little beside: more nobody can read
CHEAP = 4.0 * (ALIAS_MAX + 1)  # one unbounded repeat and a little beside: some 10 us in the worst case
COST_LOG_MAX = 100.0  # natural logarithm; below what a float can hold
GROUPS = ("(?:", "(?=", "(?!", "(?<=", "(?<!")  # besides "(": what facts 7.4 lists; others bring flags or references
_REPEAT = re.compile(r"(?:[*+?]|\{(\d*)(,?)(\d*)\})[?+]?")
_PIECE = re.compile(r"(\[\^?\]?(?:\\.|[^\]\\])*\]|\\.|.)((?:[*+?]|\{\d*,?\d*\})?)", re.DOTALL)
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)


@dataclass(slots=True)
class _Group:
    """The cost of what stands between two parentheses: finished alternatives, and the one that is being read."""

    opener: str
    sequence: float = 1.0
    finished: list[float] = field(default_factory=list)
    last: float = 1.0  # of the last element, which a repeat would multiply
    guards: float = 0.0  # look-aheads and look-behinds: tried at once and left, so that they add

    def put(self, cost: float) -> None:
        self.sequence *= cost
        self.last = cost

    def total(self) -> float:
        return sum(self.finished) + self.sequence + self.guards


def flaw(text: str) -> str:
    """Give what is wrong with an expression as the end of a sentence with its remedy, or ""."""
    quoted = f"'{text}'"  # as it was entered, each backslash once
    try:
        _compiled(text)
    except (re.error, OverflowError, RecursionError, Warning) as error:
        return f"{quoted} is not a regular expression ({error}); correct it, or choose another pattern type."
    cost, strange = _cost(text)
    if strange:
        return f"{quoted} uses {strange}, which patterns do not have; use (...), (?:...), (?!...) or (?<!...)."
    if not cost < math.inf:  # the quotient of two infinite costs is no number either
        return (
            f"{quoted} repeats a part that repeats or has alternatives, which can take for ever; repeat a simple part."
        )
    if cost > COST_MAX:
        return f"{quoted} has too many parts that repeat; use at most four of * and +."
    return ""


def is_cheap(text: str) -> bool:
    """Say whether Python's own engine may run an expression that has no flaw."""
    return _cost(text)[0] <= CHEAP


def groups_of(text: str) -> int:
    """Count the groups that a replace string may name; 0 for what does not compile."""
    try:
        return _compiled(text).groups
    except (re.error, OverflowError, RecursionError, Warning):
        return 0


def plain_ends(text: str) -> tuple[str, str]:
    """Give the letters that every match of a text without alternatives and look-arounds begins and ends with."""
    pieces = _PIECE.findall(text)
    return _run(pieces), _run([*reversed(pieces)])[::-1]


def _run(pieces: list[tuple[str, str]]) -> str:
    """Join the plain letters up to the first piece that is none, or that may be there any number of times."""
    plain = ""
    for piece, repeat in pieces:
        letter = piece[1:] if piece.startswith("\\") else piece
        if (
            repeat
            or len(letter) != 1
            or (piece == letter and letter in ".^$()[]*+?{")
            or (piece != letter and letter.isalnum())
        ):
            break
        plain += letter.lower()
    return plain


def _compiled(text: str) -> re.Pattern[str]:
    """Compile; what a later Python will read in another way, such as "[[", is an error already."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return re.compile(text)


def _cost(text: str) -> tuple[float, str]:
    stack = [_Group("")]
    position = 0
    while position < len(text):
        group = stack[-1]
        repeat = _REPEAT.match(text, position)
        if repeat and not repeat[0].startswith("{}"):
            if len(repeat[0]) > 1 and repeat[0].endswith("+"):
                return 0.0, f"the possessive repeat {repeat[0]}"
            group.sequence = group.sequence / group.last * _repeated(repeat, group.last)
            group.last = 1.0
            position = repeat.end()
        elif text[position] == "\\":
            if text[position + 1 : position + 2].isdigit() and text[position + 1] != "0":
                return 0.0, f"the reference \\{text[position + 1]}"
            group.put(1.0)
            position += 2
        elif text[position] == "[":
            group.put(1.0)
            found = _CLASS.match(text, position)
            position = found.end() if found else len(text)
        elif text[position] == "(":
            opener = next((opener for opener in GROUPS if text.startswith(opener, position)), "(")
            if opener == "(" and text.startswith("(?", position):
                return 0.0, text[position : position + 3]
            stack.append(_Group(opener))
            position += len(opener)
        else:
            _plain(stack, text[position])
            position += 1
    return stack[0].total(), ""


def _plain(stack: list[_Group], character: str) -> None:
    group = stack[-1]
    if character == "|":
        group.finished.append(group.sequence)
        group.sequence = group.last = 1.0
    elif character == ")":
        stack.pop()
        if group.opener in ("(", "(?:"):
            stack[-1].put(group.total())
        else:
            stack[-1].guards += stack[-1].sequence * group.total()
            stack[-1].put(1.0)
    else:
        group.put(1.0)


def _repeated(repeat: re.Match[str], cost: float) -> float:
    low, high = _bounds(repeat)
    if high <= 1:
        return cost + (low == 0)
    if cost > 1:
        return cost**high * (high - low + 1) if high * math.log(cost) < COST_LOG_MAX else math.inf
    return min(high, float(ALIAS_MAX)) - min(low, ALIAS_MAX) + 1


def _bounds(repeat: re.Match[str]) -> tuple[float, float]:
    first = repeat[0][0]
    if first != "{":
        return (1 if first == "+" else 0), (1 if first == "?" else math.inf)
    low = float(repeat[1] or 0)
    high = float(repeat[3]) if repeat[3] else math.inf if repeat[2] else low
    return low, high
