"""Whether the primary's configuration can be taken over is found out without taking it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from sextet.cluster.configuration.forcing import Forcing
from sextet.cluster.configuration.history import GENESIS, Version, to_row
from sextet.cluster.wire.feed import CallFailed
from sextet.model.schema import Problem, Refused
from sextet.model.status import Stamp
from tests.support.fake_peer import Lines

THEIRS = replace(GENESIS, software="1", cluster="ours")


class Held:
    """A custody that notes what it is forced to; of another cluster's configuration it takes nothing."""

    software, head, is_primary = "1", GENESIS, False

    def __init__(self) -> None:
        self.forced: list[Version] = []

    def row_of(self, version: Version) -> bytes:
        return to_row(version)

    def demand_forceable(self, version: Version) -> None:
        if version.cluster != "ours":
            raise Refused(Problem("", "The configuration of the primary is that of another cluster."))

    async def force(self, version: Version) -> tuple[Stamp, ...]:
        self.forced.append(version)
        return ()


def forcing(held: Held, answer: Callable[[], bytes], number: int = 3) -> Forcing:
    async def ask(number: int, name: str, question: bytes, limit_s: float) -> bytes:
        return answer()

    return Forcing(held, lambda: (number, "expc03"), ask, Lines())


def silent() -> bytes:
    raise CallFailed("no answer")


@pytest.mark.parametrize(
    ("answer", "number", "why"),
    [
        (lambda: to_row(THEIRS), 0, "names itself as the configuration primary"),
        (silent, 3, "peer 3 expc03, cannot be had: no answer"),
        (lambda: b"!it does not say so", 3, "cannot be had: it does not say so"),
        (lambda: to_row(replace(THEIRS, software="2")), 3, "runs version 2 and this system 1"),
        (lambda: to_row(replace(THEIRS, cluster="theirs")), 3, "that of another cluster"),
    ],
)
def test_what_would_be_refused_is_refused_beforehand(answer: Callable[[], bytes], number: int, why: str) -> None:
    held = Held()
    with pytest.raises(Refused, match=why):
        asyncio.run(forcing(held, answer, number).demand_possible())
    assert held.forced == []


def test_what_is_possible_is_not_done_yet() -> None:
    held = Held()
    asyncio.run(forcing(held, lambda: to_row(THEIRS)).demand_possible())
    assert held.forced == []
    asyncio.run(forcing(held, lambda: to_row(THEIRS)).update())
    assert [version.stamp for version in held.forced] == [THEIRS.stamp]
