"""The index finds every pattern that matches, whatever is dialled, and few others."""

from __future__ import annotations

import random

import pytest

from sextet.call.index import Index
from sextet.call.pattern import Pattern, Variables, compiled

VARIABLES = Variables({"localdomains": ["apolo.local", "b.example"], "none": []}, {"systemname": "expc"})
LETTERS = "ab1@.+%"
PIECES = [
    *"ab1@",
    r"\.",
    r"\+",
    ".",
    r"\d",
    "[ab]",
    "[^a]",
    "(a)",
    "(b1)",
    "(a|b)",
    "(?:ab)",
    "(?!b)",
    "(?<!a)",
    "%localdomains%",
    "%none%",
]
REPEATS = ["", "", "", "*", "+", "?", "{2}", "{0,2}"]


def an_alias(dice: random.Random) -> str:
    tail = dice.choice(["", "@apolo.local", "@b.example", ".local", "ſ", "K"])
    text = "".join(dice.choice(LETTERS) for _ in range(dice.randrange(1, 6))) + tail
    return dice.choice([text, text.upper()])


def a_pattern(dice: random.Random) -> Pattern:
    while True:
        kind = dice.choice(["Exact", "Prefix", "Suffix", "Regex", "Regex"])
        if kind == "Regex":
            text = "".join(dice.choice(PIECES) + dice.choice(REPEATS) for _ in range(dice.randrange(1, 5)))
            text += dice.choice(["", "", ".*", "%localdomains%", "|b"])
        else:
            text = an_alias(dice) if dice.random() < 0.7 else f"{dice.choice(LETTERS)}@%localdomains%"
        try:
            return compiled(kind, text, VARIABLES)
        except ValueError:
            continue


@pytest.mark.parametrize("seed", range(20))
def test_every_pattern_that_matches_is_a_candidate(seed: int) -> None:
    dice = random.Random(seed)
    patterns = [a_pattern(dice) for _ in range(60)]
    index = Index(enumerate(patterns))
    for _ in range(60):
        alias = an_alias(dice)
        matching = [place for place, one in enumerate(patterns) if one.matches(alias, alias.lower())]
        candidates = index.candidates(alias.lower())
        assert set(matching) <= set(candidates), (alias, [patterns[n] for n in set(matching) - set(candidates)])
        assert list(candidates) == sorted(set(candidates))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("Exact", "other@x"), ("Prefix", "8"), ("Suffix", "@other"), ("Regex", r"8\d+"),
        ("Regex", r".*@other\.example"), ("Regex", r"(.*)@%localdomains%"), ("Exact", "%none%"),
    ],
)  # fmt: skip
def test_what_plainly_does_not_match_is_no_candidate(kind: str, text: str) -> None:
    assert Index([(0, compiled(kind, text, VARIABLES))]).candidates("9bob@x.example") == []


def test_patterns_that_share_their_texts_share_one_entry() -> None:
    shared = [compiled("Suffix", "@%localdomains%", VARIABLES) for _ in range(50)]
    index = Index(enumerate(shared))
    assert list(index.candidates("x@b.example")) == list(range(50))
    assert sum(len(groups) for texts in index._suffix.by_length.values() for groups in texts.values()) == 2
