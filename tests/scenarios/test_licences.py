"""A licence of one peer serves all of them, once: on real peers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sextet.lab.ask import ask
from tests.support.real_lab import Lab, eventually

pytestmark = pytest.mark.scenario
ROOMS_FULL = 30028


def test_one_room_licence_lets_one_room_register_wherever_it_registers(lab: Lab) -> None:
    async def play() -> None:
        await lab.set(1, "capacity.room_licences", 1)
        await lab.set(1, "capacity.licences_counted", "On")
        try:
            for number in lab.numbers:
                await eventually("the pool has one", lambda n=number: _rooms(lab, n), wanted=1)
            async with lab.phone(1, "alice") as alice, lab.phone(2, "bob") as bob:
                await eventually("alice is let in", lambda: _status(alice), wanted=200)
                await eventually("bob is not", lambda: _tried(bob), wanted=403)
                await eventually("the alarm says that the one is used", lambda: _cause(lab), wanted=True)
                assert (await alice.register(0)).status == 200
                await eventually("now bob is", lambda: _status(bob), wanted=200)
                assert (await bob.register(0)).status == 200
        finally:
            await lab.set(1, "capacity.licences_counted", "Off")
            await lab.set(1, "capacity.room_licences", 0)
        await lab.alarm(2, ROOMS_FULL, standing=False)

    asyncio.run(play())


async def _status(phone: Any) -> int:
    return int((await phone.register()).status)


async def _tried(phone: Any) -> int:
    """Register and leave again: in the moment before peers hear of each other, one more is let in."""
    status = await _status(phone)
    if status == 200:
        await phone.register(0)
    return status


async def _cause(lab: Lab) -> bool:
    """Whether peer 2 says so; it says 2 of 1 while two are let in."""
    return "1 of 1 room system registrations" in (await lab.raised(2)).get(ROOMS_FULL, "")


async def _rooms(lab: Lab, number: int) -> int:
    answer = await ask(lab.peer(number).socket, "resource-usage")
    return int(next(line["limit"] for line in answer["lines"] if line["label"] == "Room system licences"))
