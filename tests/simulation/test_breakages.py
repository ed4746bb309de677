"""Can each breakage of the list still be made? That each is noticed, `python -m tests.simulation.breakages` shows."""

from __future__ import annotations

import pytest

from tests.simulation.breakages import BREAKAGES, SOURCE, Breakage

pytestmark = pytest.mark.simulation


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.name)
def test_the_text_that_is_broken_is_there_once(breakage: Breakage) -> None:
    compile(breakage.applied(), str(SOURCE / breakage.file), "exec")


def test_no_two_breakages_have_one_name() -> None:
    assert len({breakage.name for breakage in BREAKAGES}) == len(BREAKAGES)
