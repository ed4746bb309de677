"""Regular expressions that are safe, and those that are refused."""

from __future__ import annotations

import random
import re
import time

import pytest

from sextet.model.expression import ALIAS_MAX, flaw, groups_of


@pytest.mark.parametrize(
    "text",
    [
        "",
        r"([^@]*)",
        r"(?!.*@%localdomains%.*$).*",
        r"(\d{3})(.*)@(.*)\.(.*)",
        r"(\d{3})*",
        r"(\+\d+)?@x",
        r"[a-z0-9._-]+@(a|b|c)\.example",
        r"(?:\d{2}){2,3}",
        r"[]x*+?]+",
        r"\(\*\)+",
        r"x{,}",
        r"x{",
        r"9{2}(\d+)(?<!7)",
        r"(room|hall)-\d{2,4}@.*",
    ],
)
def test_what_administrators_write_is_accepted(text: str) -> None:
    assert flaw(text) == ""


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (r"(a+)+", "for ever"),
        (r"(a|a)*", "for ever"),
        (r"(a?)*", "for ever"),
        (r"((a+)b)+", "for ever"),
        (r"(?:a{1,3})*", "for ever"),
        (r"(a*)*?", "for ever"),
        (r"(?:(a|ab)*|((?!b)){0,3}(a*))*", "for ever"),
        (r"(.*){9}", "too many parts"),
        (r"(.*){100}", "for ever"),
        (r".*.*.*.*.*", "too many parts"),
        (r"(?=.*.*.*.*.*)x", "too many parts"),
        (r"(a)\1", r"the reference \1"),
        (r"(?i)x", "(?i"),
        (r"(?P<n>a)", "(?P"),
        (r"(?#x)", "(?#"),
        (r"(", "is not a regular expression"),
        (r"a**", "is not a regular expression"),
        (r"[[a]", "is not a regular expression"),
        (r"[z-a]", "is not a regular expression"),
    ],
)
def test_what_could_take_long_or_is_strange_is_refused_with_the_cause_and_a_remedy(text: str, cause: str) -> None:
    assert cause in flaw(text)
    assert re.search(r"; .+\.$", flaw(text))


def test_what_is_accepted_is_quick_on_hostile_aliases() -> None:
    dice = random.Random(9)
    parts = [
        "a",
        "b",
        ".",
        "[ab]",
        "a*",
        "a?",
        ".*",
        "b+",
        "(a",
        ")",
        "|",
        "(?:b",
        ")*",
        ")+",
        "{1,3}",
        ")?",
        "(?=a",
        "$",
    ]
    accepted = 0
    for _ in range(4000):
        text = "".join(dice.choice(parts) for _ in range(dice.randrange(1, 10)))
        if flaw(text):
            continue
        accepted += 1
        for alias in ("a" * ALIAS_MAX, "ab" * (ALIAS_MAX // 2), "a" * (ALIAS_MAX - 1) + "c"):
            started = time.process_time()
            re.compile(text, re.IGNORECASE).fullmatch(alias)
            assert time.process_time() - started < 1.0, text
    assert accepted > 300


def test_any_text_is_judged() -> None:
    dice = random.Random(4)
    for _ in range(3000):
        text = "".join(dice.choice("ab()[]{}?*+|\\^$.,:=!<1") for _ in range(dice.randrange(12)))
        assert isinstance(flaw(text), str)


def test_a_repeat_may_make_a_part_optional_whatever_it_holds() -> None:
    assert flaw("(?:(a|b)c*)?") == flaw("(?:(a|b)c*){0,1}") == ""
    assert flaw(".*.*.*.*") == ""


def test_groups_are_counted() -> None:
    assert [groups_of(text) for text in ("(a)(?:b)(c)", "a", "(")] == [2, 0, 0]


def test_an_expression_is_repeated_as_it_was_entered() -> None:
    assert flaw(r"(\d+").startswith(r"'(\d+' is not a regular expression")
