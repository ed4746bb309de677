"""Bounded regular expressions: they match what `re` matches, find its groups, and never take long."""

from __future__ import annotations

import random
import re
import time

import pytest

from sextet.call.automaton import Automaton, Unsupported
from sextet.call.pattern import compiled
from sextet.model.expression import ALIAS_MAX, flaw

ATOMS = [
    *"ab1@", ".", r"\d", r"\w", "[ab]", "[^b]", "[^ab]", r"[\d]",
    "(a|b)", "(?:ab)", "(a)", "(a|ab)", "(?=.*b)", "(?!.*b)", "(?<!a)",
    "(?<=a)", "^", "$", r"\b", r"\B",
]  # fmt: skip
REPEATS = ["", "", "", "*", "+", "?", "*?", "+?", "??", "{0,3}", "{2,}", "{1,2}?"]
ADVERSE = [
    "a" * ALIAS_MAX,
    "a" * (ALIAS_MAX - 1) + "!",
    "ab" * (ALIAS_MAX // 2),
    "1" * (ALIAS_MAX - 1) + "x",
    "a@" * 99,
]
STEPS_S = 0.02  # for one comparison of 200 characters; typically under 1 ms, with room for a busy machine


def an_expression(dice: random.Random, depth: int = 0) -> str:
    parts = []
    for _ in range(dice.randrange(1, 5)):
        roll = dice.random()
        if roll < 0.3 and depth < 2:
            part = f"({dice.choice(['', '?:'])}{an_expression(dice, depth + 1)})"
        elif roll < 0.4 and depth < 2:
            part = f"(?:{an_expression(dice, depth + 1)}|{an_expression(dice, depth + 1)})"
        else:
            part = dice.choice(ATOMS)
        bare = part in ("^", "$", r"\b", r"\B") or part.startswith(("(?=", "(?!", "(?<"))
        parts.append(part + ("" if bare else dice.choice(REPEATS)))
    return "".join(parts)


def usable(dice: random.Random) -> str:
    while True:
        text = an_expression(dice)
        if len(text) <= 60 and not flaw(text):
            return text


@pytest.mark.parametrize("seed", range(20))
def test_it_matches_what_re_matches(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(60):
        text = usable(dice)  # others could keep `re` busy for ever
        expected, made = re.compile(text, re.IGNORECASE), Automaton(text)
        for _ in range(5):
            alias = "".join(dice.choice("abAB1@") for _ in range(dice.randrange(0, 9)))
            assert made.matches(alias) == bool(expected.fullmatch(alias)), (text, alias)


@pytest.mark.parametrize(
    ("text", "alias"),
    [
        (r"(.*)\.(.*)@(.*)", "a.b.c@d.e"), (r"(.*?)\.(.*)@(.*)", "a.b.c@d.e"), (r"(\d+)(\d*)-(.+)", "123-x"),
        (r"(a|ab)(c|bcd)(d*)", "abcd"), (r"(?:(\d)(\w))+x", "1a2bx"), (r"(a)?(b)?(c+)(.*)", "bccd"),
        (r"(?=(.+)@)(.*)@(.*)", "x@y"), (r"(.*)(?<!a)@(.*)(\d{2,3})", "xb@y1234"), (r"((a+)(b*))(.*)", "AABBab"),
        (r"(?:ab)*(.*)", "ababc"), (r"(?:ab)*?(.*)", "ababc"), (r"(?:ab){1,2}(.*)", "abababc"),
        (r"(?:a|b)+(.*)", "abx"),
    ],
)  # fmt: skip
def test_it_finds_the_groups_that_re_finds(text: str, alias: str) -> None:
    found = re.compile(text, re.IGNORECASE).fullmatch(alias)
    assert found is not None
    assert Automaton(text).match(alias) == [alias, *(group or "" for group in found.groups())]


@pytest.mark.parametrize("seed", range(8))
def test_no_expression_that_is_accepted_takes_long_on_any_text(seed: int) -> None:
    dice = random.Random(seed)
    expressions = [usable(dice) for _ in range(60)]
    for text in (*expressions, ".*.*.*.*b", "(.*)(.*)(.*)(.*)b.{90}", ".*a.*a.*a.*b", "(?!.*.*.*b).*", "a+a+a+a+b"):
        pattern = compiled("Regex", text)
        for alias in ADVERSE:
            began = time.process_time()
            if pattern.matches(alias, alias.lower()):
                pattern.replaced(alias, r"\1")
            assert time.process_time() - began < STEPS_S, (text, alias)


def test_what_has_no_bound_is_not_taken() -> None:
    for text in (r"(a)\1", "a*+b"):
        with pytest.raises(Unsupported):
            Automaton(text)
    assert "possessive" in flaw("a*+b")


def test_a_replacement_uses_the_groups_of_a_costly_pattern() -> None:
    pattern = compiled("Regex", r"(.*)\.(.*)@(.*)\.example")
    assert pattern.slow is not None
    assert pattern.replaced("anna.b@site.example", r"\2.\1@\3.test") == "b.anna@site.test"
    assert compiled("Regex", r"(\d+)@x").slow is None
