"""Calls are ended from any peer, and what is over is told by all peers as one call: on real peers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.real_lab import Lab, answered, eventually, refused
from tests.support.sip_client import Phone

pytestmark = pytest.mark.scenario
BOB = "bob@apolo.local"
TIMES = 20  # that a BYE is answered while the other is being sent was seen within the first four


def test_a_call_over_two_peers_is_ended_from_the_third_and_stands_in_the_history_as_one(lab: Lab) -> None:
    async def play() -> None:
        async with _registered(lab) as (alice, bob):
            answered(await alice.call(BOB))
            call = await eventually("the call is known", lambda: _call(lab, 3))
            code, _, errors = await lab.run(3, "call", "disconnect", call["tag"], "--yes")
            assert code == 0, errors
            await asyncio.gather(alice.rings("BYE"), bob.rings("BYE"))
            await eventually("no call is left", lambda: lab.ask(3, "call list"), wanted=[])
            line = await eventually("the call is over", lambda: _over(lab, call["tag"]))
            assert "Disconnected by administrator" in " ".join(leg["reason"] for leg in line["legs"])
            assert line["call"]["lasted_s"] > 0

    asyncio.run(play())


def test_a_call_that_rings_is_ended_from_whichever_peer_for_both_ends(lab: Lab) -> None:
    async def play() -> None:
        async with _registered(lab) as (alice, bob):
            bob.status = 0
            for done, number in enumerate(lab.numbers):
                calling = asyncio.create_task(alice.call(BOB))
                await bob.rings(after=done)
                call = await eventually("it rings", lambda number=number: _call(lab, number, "ringing"))
                await lab.ask(number, "call disconnect", tag=call["tag"])
                assert refused(await calling).status == 487
                await bob.rings("CANCEL", after=done)
                await eventually("no call is left", lambda: lab.ask(3, "call list"), wanted=[])
                line = await eventually("the call is over", lambda call=call: _over(lab, call["tag"]))
                assert "Disconnected by administrator" in " ".join(leg["reason"] for leg in line["legs"])
                assert line["call"]["lasted_s"] == 0

    asyncio.run(play())


def test_both_ends_hear_of_it_and_no_peer_keeps_a_call_however_fast_they_answer(lab: Lab) -> None:
    async def play() -> None:
        async with _registered(lab) as (alice, bob):
            for ended in range(TIMES):
                answered(await alice.call(BOB))
                call = await eventually("the call is known", lambda: _call(lab, 3))
                await lab.ask(3, "call disconnect", tag=call["tag"])
                await asyncio.gather(alice.rings("BYE", after=ended), bob.rings("BYE", after=ended))
                await eventually("no call is left", lambda: lab.ask(3, "call list"), wanted=[])

    asyncio.run(play())


def test_a_call_that_rings_on_two_peers_is_ended_from_one_of_them_for_all(lab: Lab) -> None:
    async def play() -> None:
        async with _registered(lab) as (alice, bob), lab.phone(3, "bob", "tcp") as desk:
            await desk.register()
            await eventually("both are known", lambda: _knows(lab, 1, 3))
            bob.status = desk.status = 0
            calling = asyncio.create_task(alice.call(BOB))
            await asyncio.gather(bob.rings(), desk.rings())
            call = await eventually("it rings on three peers", lambda: _call(lab, 3, "ringing", peers=3))
            await lab.ask(3, "call disconnect", tag=call["tag"])
            await asyncio.gather(bob.rings("CANCEL"), desk.rings("CANCEL"))
            assert refused(await calling).status == 487
            await eventually("no call is left", lambda: lab.ask(3, "call list"), wanted=[])

    asyncio.run(play())


@contextlib.asynccontextmanager
async def _registered(lab: Lab) -> AsyncIterator[tuple[Phone, Phone]]:
    """Give alice at peer 1, who knows bob, and bob at peer 2."""
    async with lab.phone(1, "alice") as alice, lab.phone(2, "bob") as bob:
        await alice.register()
        await bob.register()
        await eventually("bob is known", lambda: _knows(lab, 1))
        yield alice, bob


async def _knows(lab: Lab, number: int, owner: int = 2) -> bool:
    return (BOB, owner, False) in await lab.registrations(number)


async def _call(lab: Lab, number: int, state: str = "connected", peers: int = 2) -> dict[str, Any] | None:
    """Give the call once it is up, or rings, and is known with all its peers."""
    rows = await lab.ask(number, "call list")
    return rows[0] if len(rows) == 1 and rows[0]["state"] == state and len(rows[0]["peers"]) == peers else None


async def _over(lab: Lab, tag: str) -> dict[str, Any] | None:
    history = await lab.ask(3, "call history", containing=tag)
    lines = history["lines"]
    return lines[0] if not history["silent"] and len(lines) == 1 and len(lines[0]["legs"]) == 2 else None
