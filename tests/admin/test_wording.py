"""Durations and numbers read like a person wrote them."""

from __future__ import annotations

import time

import pytest

from sextet.admin.wording import count, duration, listed, moment, zone


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-3, "0 s"),
        (0.9, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d"),
        (273_600, "3 d 4 h"),
    ],
)
def test_a_duration_is_said_with_its_two_largest_units(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(("name", "said", "named"), [("UTC", "19:57:43", "UTC"), ("XST-5:30", "01:27:43", "UTC+05:30")])
def test_a_moment_of_any_peer_is_said_in_the_zone_that_is_named(
    name: str, said: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", name)
    time.tzset()
    try:
        for at in ("2026-08-12T19:57:43.524+00:00", "2026-08-13T03:57:43.524+08:00"):
            assert moment(at).endswith(f" {said}") and moment(at, ms=True).endswith(f" {said}.524")
        assert zone() == named
        assert moment("yesterday at T") == "yesterday at  "
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_number_agrees_with_its_noun() -> None:
    assert [count(n, "peer") for n in (0, 1, 2)] == ["0 peers", "1 peer", "2 peers"]
    assert count(2, "entry", "entries") == "2 entries"


def test_words_are_joined_as_in_a_sentence() -> None:
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
