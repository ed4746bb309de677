"""Patterns: what they match, and what remains."""

from __future__ import annotations

import random

import pytest

from sextet.call.pattern import Pattern, Variables, compiled, filled_in
from sextet.call.transform import Transform, applied, first_matching

VARIABLES = Variables(
    {"localdomains": ["apolo.local", "b.example"], "ip": ["192.0.2.1", "192.0.2.2"], "systemname": []},
    {"localdomain1": "apolo.local", "systemname": "expc01"},
)


def matches(pattern: Pattern, alias: str) -> bool:
    return pattern.matches(alias, alias.lower())


@pytest.mark.parametrize(
    ("kind", "text", "alias", "yes"),
    [
        ("Exact", "bob@x", "BOB@x", True),
        ("Exact", "bob@x", "bob@xy", False),
        ("Prefix", "90", "90123", True),
        ("Prefix", "90", "190", False),
        ("Suffix", "@X", "bob@x", True),
        ("Suffix", "@x", "bob@xy", False),
        ("Regex", r"\d{4}", "1234", True),
        ("Regex", r"\d{4}", "12345", False),
        ("Regex", r"([^@]*)", "bob@x", False),
        ("Regex", r"(?!.*@%localdomains%$).*", "bob@c.example", True),
        ("Regex", r"(?!.*@%localdomains%$).*", "bob@B.example", False),
        ("Regex", r".*@%ip%", "bob@192.0.2.2", True),
        ("Regex", r".*@%ip%", "bob@192x0.2.2", False),
        ("Suffix", "@%localdomains%", "bob@b.example", True),
        ("Exact", "room@%localdomain1%", "room@apolo.local", True),
        ("Prefix", "%systemname%", "anything", False),
        ("Exact", "100%free%", "100%free%", True),
        ("Regex", "100%free%", "100%free%", True),
    ],
)
def test_a_pattern_compares_as_its_type_says(kind: str, text: str, alias: str, yes: bool) -> None:
    assert matches(compiled(kind, text, VARIABLES), alias) is yes


def test_a_variable_without_any_value_matches_nothing() -> None:
    empty = Variables({"localdomains": []}, {})
    assert not matches(compiled("Regex", ".*%localdomains%", empty), "bob@")
    assert not matches(compiled("Suffix", "%localdomains%", empty), "bob@")


@pytest.mark.parametrize(
    ("kind", "text", "replace", "alias", "result"),
    [
        ("Prefix", "90", "", "90123", "123"),
        ("Prefix", "90", "+", "90123", "+123"),
        ("Suffix", "@x", "@y", "Bob@X", "Bob@y"),
        ("Exact", "bob@x", "room@y", "bob@x", "room@y"),
        ("Regex", r"(\d+)@(.*)", r"\2-\1", "12@x", "x-12"),
        ("Regex", r"(\d+)(a)?", r"\1[\2]\0", "12", "12[]12"),
        ("Regex", r"(\d)", r"\\\1\7", "1", "\\1"),
        ("Suffix", "@%localdomains%", "", "bob@b.example", "bob"),
    ],
)
def test_what_matched_is_replaced_and_the_rest_stays(
    kind: str, text: str, replace: str, alias: str, result: str
) -> None:
    assert compiled(kind, text, VARIABLES).replaced(alias, replace) == result


def test_a_replace_string_takes_the_values_of_this_peer() -> None:
    assert filled_in(r"\1@%LocalDomain1%-%systemname%", VARIABLES) == r"\1@apolo.local-expc01"
    assert filled_in("50%of%", VARIABLES) == "50%of%"


def test_behaviours_strip_replace_add_and_leave() -> None:
    pattern = compiled("Prefix", "9")
    results = [applied(behavior, pattern, "0", "912") for behavior in ("Strip", "Replace", "Add Prefix", "Add Suffix")]
    assert results == ["12", "012", "0912", "9120"]
    assert applied("Leave", pattern, "0", "912") == "912"


def test_only_the_first_transform_that_matches_is_chosen() -> None:
    rows = [
        Transform(priority=1, pattern=compiled("Prefix", "8"), behavior="Strip"),
        Transform(priority=2, pattern=compiled("Prefix", "9"), behavior="Strip"),
        Transform(priority=3, pattern=compiled("Prefix", "91"), behavior="Strip"),
    ]
    chosen = first_matching(rows, "912")
    assert chosen is not None
    assert chosen.priority == 2
    assert first_matching(rows, "712") is None


def test_what_is_no_expression_is_refused_with_the_cause() -> None:
    with pytest.raises(ValueError, match="not a regular expression"):
        compiled("Regex", "(")
    with pytest.raises(ValueError, match="more than 1000"):
        compiled("Exact", "%localdomains%" * 10, VARIABLES)


def test_plain_patterns_agree_with_the_definition_of_their_type() -> None:
    dice = random.Random(11)
    for _ in range(3000):
        text = "".join(dice.choice("aAb@.") for _ in range(dice.randrange(1, 5)))
        alias = "".join(dice.choice("abB@.") for _ in range(dice.randrange(8)))
        low, part = alias.lower(), text.lower()
        truth = {"Exact": low == part, "Prefix": low.startswith(part), "Suffix": low.endswith(part)}
        for kind, expected in truth.items():
            pattern = compiled(kind, text)
            assert matches(pattern, alias) is expected
            if expected:
                rest = {"Exact": "", "Prefix": alias[len(text) :], "Suffix": alias[: len(alias) - len(text)]}
                assert pattern.stripped(alias) == rest[kind]
