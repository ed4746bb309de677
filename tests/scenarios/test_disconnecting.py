"""Calls are held, transferred and ended from any peer; all peers tell of what is over as one call: on real peers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.real_lab import Lab, answered, eventually, refused
from tests.support.sip_client import SDP, Phone

pytestmark = pytest.mark.scenario
BOB, CAROL = "bob@apolo.local", "carol@apolo.local"
HELD = SDP + "a=sendonly\r\n"
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
            assert line["call"]["reason"].startswith("Disconnected by administrator "), "whichever peer ended it"
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


def test_a_call_whose_caller_search_and_device_are_at_three_peers_is_held_transferred_and_ended(lab: Lab) -> None:
    """Alice is registered with peer 3 and calls through peer 1, bob is at peer 2; the transfer leads back to peer 3."""

    async def play() -> None:
        async with (
            _registered(lab) as (alice, bob),
            lab.phone(3, "alice", "tls") as home,
            lab.phone(3, "carol", "tcp") as carol,
        ):
            assert (await alice.register(0)).status == 200
            for each in (home, carol):
                assert (await each.register()).status == 200
            await eventually("carol is known", lambda: _knows(lab, 2, 3, CAROL))
            await eventually("alice is at peer 3", lambda: _knows(lab, 2, 3, "alice@apolo.local"))
            first = answered(await alice.call(BOB))
            theirs = bob.dialogs[first.call_id]
            shown = await eventually("the call is known", lambda: _call(lab, 3))
            for one, own, other in ((alice, first, bob), (bob, theirs, alice)):
                for body in (HELD, SDP):
                    before = other.count()
                    assert (await one.offer(own, body)).status == 200
                    assert (await other.rings(after=before)).body == body
            assert (await alice.within(first, "REFER", extra=[f"Refer-To: <sip:{CAROL}>"])).status == 200
            assert (await bob.rings("REFER")).get("refer-to") == f"<sip:{CAROL}>"
            second = answered(await bob.call(CAROL))
            assert (await bob.hang_up(theirs)).status == 200
            await alice.rings("BYE")
            call = await eventually("the transferred call is left", lambda: _call(lab, 1))
            assert (await carol.offer(carol.dialogs[second.call_id], HELD)).status == 200
            await lab.ask(1, "call disconnect", tag=call["tag"])
            await asyncio.gather(bob.rings("BYE"), carol.rings("BYE"))
            for number in lab.numbers:
                await eventually("no call is left", lambda n=number: lab.ask(n, "call list"), wanted=[])
            for tag, reason in ((shown["tag"], "Normal"), (call["tag"], "Disconnected by administrator lab")):
                line = await eventually("it is over", lambda tag=tag: _over(lab, tag))
                assert line["call"]["reason"] == reason

    asyncio.run(play())


@contextlib.asynccontextmanager
async def _registered(lab: Lab) -> AsyncIterator[tuple[Phone, Phone]]:
    """Give alice at peer 1, who knows bob, and bob at peer 2."""
    async with lab.phone(1, "alice") as alice, lab.phone(2, "bob") as bob:
        await alice.register()
        await bob.register()
        await eventually("bob is known", lambda: _knows(lab, 1))
        yield alice, bob


async def _knows(lab: Lab, number: int, owner: int = 2, alias: str = BOB) -> bool:
    return (alias, owner, False) in await lab.registrations(number)


async def _call(lab: Lab, number: int, state: str = "connected", peers: int = 2) -> dict[str, Any] | None:
    """Give the call once it is up, or rings, and is known with all its peers."""
    rows = await lab.ask(number, "call list")
    return rows[0] if len(rows) == 1 and rows[0]["state"] == state and len(rows[0]["peers"]) == peers else None


async def _over(lab: Lab, tag: str) -> dict[str, Any] | None:
    history = await lab.ask(3, "call history", containing=tag)
    lines = history["lines"]
    return lines[0] if not history["silent"] and len(lines) == 1 and len(lines[0]["legs"]) == 2 else None
