"""Capacity class and licences with a real Kamailio: what is beyond them is refused in the original's words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from sextet.model import capacity
from tests.support.sip_client import SDP, Phone
from tests.support.sip_peers import CONFIG, Peers, answered, peers, phone, refused

pytestmark = pytest.mark.scenario
NETWORK = "127.61.17"
ALICE, BOB, CAROL = (f"{name}@apolo.local" for name in ("alice", "bob", "carol"))
VIDEO = SDP + "m=video 40002 RTP/AVP 97\r\n"


@asynccontextmanager
async def limited(limits: Mapping[str, int]) -> AsyncIterator[tuple[Peers, Phone, Phone, Phone]]:
    """Start one peer with these limits, and three phones that are not registered yet."""
    async with (
        peers(NETWORK, 1, config=CONFIG, limits=limits) as at,
        phone(at, 1, "alice") as alice,
        phone(at, 1, "bob") as bob,
        phone(at, 1, "carol") as carol,
    ):
        yield at, alice, bob, carol


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        (capacity.ROOMS, 403, "Room system registrations limit reached"),
        (capacity.REGISTRATIONS_HERE, 503, "Registration capacity limit reached"),
    ],
)
def test_an_alias_beyond_the_limit_is_refused_and_may_register_when_another_has_left(
    name: str, status: int, words: str
) -> None:
    async def play() -> None:
        async with limited({name: 2}) as (at, alice, bob, carol):
            assert (await alice.register()).status == 200
            assert (await bob.register()).status == 200
            await at.registered(1, BOB)
            answer = await carol.register()
            assert (answer.status, words in answer.first) == (status, True), answer.first
            assert bool(answer.get("retry-after")) is (status == 503)
            assert (await alice.register()).status == 200, "who is registered is refreshed"
            assert (await alice.register(0)).status == 200
            await at.hosts[1].until(lambda: ALICE not in at.hosts[1].registrations)
            assert (await carol.register()).status == 200

    asyncio.run(play())


def test_desktops_need_their_own_licence() -> None:
    async def play() -> None:
        async with limited({capacity.DESKTOPS: 0}) as (_, alice, bob, *_rest):
            assert (await alice.register()).status == 200, "it is no desktop"
            answer = await bob.register(extra="User-Agent: TANDBERG/EX90")
            assert (answer.status, "Desktop system license limit reached" in answer.first) == (403, True), answer.first

    asyncio.run(play())


def test_without_a_licence_strangers_reach_nobody_but_endpoints_call_each_other() -> None:
    async def play() -> None:
        stranger = Phone("x", f"{NETWORK}.1", local_ip=f"{NETWORK}.90", domain="other.test")
        async with limited({capacity.RMS: 1}) as (at, alice, bob, _), stranger:
            for each, alias in ((alice, ALICE), (bob, BOB)):
                await each.register()
                await at.registered(1, alias)
            answer = refused(await stranger.call(BOB))
            assert (answer.status, bob.count()) == (480, 0)
            assert "Call license limit reached" in answer.get("reason")
            dialog = answered(await alice.call(BOB))
            assert (await alice.hang_up(dialog)).status == 200
            await at.apply(1, limits={capacity.RMS: 2})
            dialog = answered(await stranger.call(BOB))
            await at.hosts[1].until(lambda: [one.rich for one in at.hosts[1].calls.values()] == [True])
            assert (await stranger.hang_up(dialog)).status == 200

    asyncio.run(play())


def test_a_call_beyond_the_limit_is_refused_and_one_that_ended_makes_room() -> None:
    async def play() -> None:
        async with limited({capacity.CALLS_HERE: 2}) as (at, alice, bob, carol):
            for each, alias in ((alice, ALICE), (bob, BOB), (carol, CAROL)):
                await each.register()
                await at.registered(1, alias)
            bob.sdp = carol.sdp = VIDEO
            first = answered(await alice.call(BOB, body=VIDEO))
            answer = refused(await alice.call(CAROL, body=VIDEO))
            assert answer.status == 503 and "Call capacity limit reached" in answer.get("reason")
            assert carol.count() == 0
            assert (await alice.hang_up(first)).status == 200
            await at.hosts[1].until(lambda: not at.hosts[1].calls)
            await alice.hang_up(answered(await alice.call(CAROL, body=VIDEO)))

    asyncio.run(play())


def test_two_audio_calls_take_the_place_of_one_video_call() -> None:
    async def play() -> None:
        async with limited({capacity.CALLS: 3}) as (at, alice, bob, carol):
            for each, alias in ((alice, ALICE), (bob, BOB), (carol, CAROL)):
                await each.register()
                await at.registered(1, alias)
            first = answered(await alice.call(BOB))
            await at.hosts[1].until(lambda: any(call.audio_only for call in at.hosts[1].calls.values()))
            second = answered(await alice.call(CAROL))
            await at.hosts[1].until(
                lambda: sum(call.state == "connected" and call.audio_only for call in at.hosts[1].calls.values()) == 2
            )
            answer = refused(await carol.call(BOB))
            assert answer.status == 503, "a call counts as video until it is answered, and one half is left"
            for dialog in (first, second):
                await alice.hang_up(dialog)

    asyncio.run(play())
