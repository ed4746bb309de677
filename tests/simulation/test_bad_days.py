"""Does a cluster keep its promises through a whole bad day? As many days as `--seeds` says, from `--first-seed` on."""

from __future__ import annotations

import pytest

from tests.support.simulator.checks import Broken
from tests.support.simulator.day import Day

TOLD = 60  # lines of the story before the end


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        first = metafunc.config.getoption("--first-seed")
        metafunc.parametrize("seed", range(first, first + metafunc.config.getoption("--seeds")))


@pytest.mark.simulation
def test_a_bad_day_ends_with_nothing_lost_and_all_copies_equal(seed: int) -> None:
    day = Day(seed)
    try:
        day.play()
    except Broken as broken:
        told = "\n".join(day.story[-TOLD:])
        again = f"./sextet test tests/simulation --first-seed {seed} --seeds 1"
        pytest.fail(f"{broken}\n\n{told}\n\n{day.name}. Again: {again}", pytrace=not day.is_told)


def test_a_day_is_the_same_each_time_that_it_is_played() -> None:
    # Not marked: with the unit tests it sees whether the simulator still fits what it runs.
    first, second = Day(3), Day(3)
    first.play()
    second.play()
    assert first.story == second.story and first.world.loop.done == second.world.loop.done
