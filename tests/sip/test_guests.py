"""When calls are ended that another peer does not have any more."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import cast

from sextet.sip.agent_line import AgentLine
from sextet.sip.guests import LOST_S, REASON, Guests


class Line:
    """What is told to Kamailio's script."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    async def lost(self, call_id: str, reason: str) -> None:
        self.told.append((call_id, reason))


def test_a_call_ends_when_its_peer_has_been_without_it_for_long_enough_at_a_stretch() -> None:
    gone: dict[int, set[str]] = {2: {"a"}, 3: set()}

    def missing(number: int, call_ids: Collection[str]) -> Collection[str]:
        return gone[number] & set(call_ids)

    line = Line()
    guests = Guests(cast(AgentLine, line), missing)

    def at(now_s: float) -> None:
        asyncio.run(guests.round({2: ["a", "b"], 3: ["c"]}, now_s))

    at(0.0)
    at(LOST_S - 1)
    gone[2] = set()  # its sextetd had been started again, and has read its calls back
    at(LOST_S)
    gone[2], gone[3] = {"a"}, {"c"}
    at(LOST_S + 1)
    at(2 * LOST_S)
    assert line.told == []
    gone[2] = set()
    at(2 * LOST_S + 1)
    assert line.told == [("c", REASON)]
