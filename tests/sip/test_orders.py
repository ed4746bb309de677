"""Of two reports the older may come last."""

from __future__ import annotations

import pytest

from sextet.sip import orders
from sextet.sip.orders import Orders


def test_what_is_older_than_the_last_word_on_a_thing_does_not_count() -> None:
    seen = Orders()
    assert seen.newer("bob", 5)
    assert not seen.newer("bob", 4)
    assert seen.newer("bob", 5)  # the same once more
    assert seen.newer("alice", 1)
    assert (seen.of("bob"), seen.of("alice"), seen.of("carol")) == (5, 1, 0)


def test_a_picture_is_the_last_word_on_all_that_it_shows() -> None:
    seen = Orders()
    seen.newer("bob", 9)
    seen.begin({"alice": 3})
    assert not seen.newer("alice", 2)
    assert seen.newer("bob", 1)


def test_things_reported_longest_ago_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "ORDERS_MAX", 2)
    seen = Orders()
    for name in ("a", "b", "a", "c"):
        seen.newer(name, 7)
    assert (seen.of("a"), seen.of("b"), seen.of("c")) == (7, 0, 7)
