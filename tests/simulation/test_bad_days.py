"""Does a cluster keep its promises through a whole bad day? As many days as `--seeds` says."""

from __future__ import annotations

import pytest

from tests.support.simulator.day import Day

pytestmark = pytest.mark.simulation


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(metafunc.config.getoption("--seeds")))


def test_a_bad_day_ends_with_nothing_lost_and_all_copies_equal(seed: int) -> None:
    day = Day(seed)
    try:
        day.play()
    except Exception:
        print(f"seed {seed}, {len(day.hosts)} peers, at {day.clock.now:.3f} s; the last that happened:")
        print("\n".join(day.story[-60:]))
        raise
