"""The pool of licences: pooled over the cluster, kept for fourteen days, then gone until the peer returns."""

from __future__ import annotations

import pytest

from sextet.cluster.capacity.pool import DAY_S, HOUR_S, KEPT_S, Pool
from sextet.model.capacity import Licences

ONE, TWO = Licences(rms=300), Licences(rms=300, rooms=10)
BOTH = frozenset({"one", "two"})


def pool() -> Pool:
    made = Pool()
    made.heard(BOTH, {"one": ONE, "two": TWO})
    return made


def test_any_peer_may_use_what_all_of_them_bring() -> None:
    assert pool().licences == Licences(rms=600, rooms=10)


def test_a_lost_peers_licences_stay_for_fourteen_days_then_leave() -> None:
    made = pool()
    made.tick(KEPT_S - 1, frozenset({"two"}))
    made.heard(BOTH, {"one": ONE})
    assert made.licences.rms == 600
    made.tick(1, frozenset({"two"}))
    assert made.licences == ONE


def test_a_peer_that_returns_brings_its_licences_back() -> None:
    made = pool()
    made.tick(KEPT_S, frozenset({"two"}))
    made.heard(BOTH, {"one": ONE, "two": TWO})
    assert made.licences.rms == 600 and not made.missed()


def test_a_removed_peer_leaves_the_pool_at_once() -> None:
    made = pool()
    made.heard(frozenset({"one"}), {"one": ONE})
    assert made.licences == ONE


def test_a_restart_of_a_peer_is_not_told_but_an_hour_is() -> None:
    made = pool()
    made.tick(HOUR_S - 1, frozenset({"two"}))
    assert not made.missed()
    made.tick(1, frozenset({"two"}))
    assert list(made.missed()) == ["two"]


def test_a_peer_without_licences_is_missed_by_nobody() -> None:
    made = Pool()
    made.heard(BOTH, {"one": ONE, "two": Licences()})
    made.tick(DAY_S, frozenset({"two"}))
    assert not made.missed()


def test_who_was_lost_before_a_restart_is_lost_for_as_long_after_it() -> None:
    made = pool()
    made.tick(13 * DAY_S, frozenset({"two"}))
    again = Pool.from_json(made.to_json())
    again.tick(DAY_S, frozenset({"two"}))
    assert again.licences == ONE


NO_POOLS = (
    "",
    "[]",
    "7",
    '{"a": 1}',
    '{"a": {"licences": {"x": 1}, "lost_s": 0}}',
    '{"a": {"licences": {"rms": "many"}, "lost_s": 0}}',
    "x" * 70_000,
)


@pytest.mark.parametrize("text", NO_POOLS)
def test_what_is_no_pool_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Pool.from_json(text)
