"""Devices that are called by their own URI (RFC 5627), with real Kamailios: one device of an alias, wherever it is."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.sip_client import Phone
from tests.support.sip_peers import WAIT_S, Peers, answered, peers, phone, refused

pytestmark = pytest.mark.scenario
BOB = "bob@apolo.local"
NETWORK = "127.61.97"
DESK, ROOM = (f"00000000-0000-1000-8000-aabbccddee{n}" for n in (11, 12))
GRUU = "Supported: gruu"


def device(at: Peers, number: int, instance: str, transport: str = "tcp", reg_id: str = "") -> Phone:
    return phone(at, number, "bob", transport, instance=instance, reg_id=reg_id, outbound=bool(reg_id))


def test_one_device_of_an_alias_is_reached_through_any_peer_also_after_it_moved() -> None:
    async def play() -> None:
        async with (
            peers(NETWORK, 1, 2, 3) as at,
            phone(at, 3, "carol") as carol,
            device(at, 1, DESK) as desk,
            device(at, 2, ROOM, "udp") as room,
        ):
            for one in (desk, room):
                assert (await one.register(extra=GRUU)).status == 200
                again = await one.register(extra=GRUU)  # answered by the native route
                assert f'pub-gruu="{one.gruu}"' in again.get("contact") and "temp-gruu" not in again.get("contact")
                assert one.gruu == f"sip:{BOB};gr=urn:uuid:{one.instance}"
                assert "gruu" not in (await one.register()).get("contact")  # who does not ask gets none
                assert (await one.register(extra=GRUU)).status == 200
            for number in (1, 2, 3):
                await at.located(number, BOB, *({1, 2} - {number}))
            for number, one, other in ((1, desk, room), (2, room, desk)):
                before = len(other.received)
                dialog = answered(await carol.call(one.gruu.removeprefix("sip:")))
                assert dialog.target.startswith(one.gruu)
                where, told = f"peer{number}", at.hosts[3].calls
                await at.hosts[3].until(lambda told=told, where=where: [one.route for one in told.values()] == [where])
                assert (await carol.offer(dialog, one.sdp)).status == 200
                await at.engines[number].disconnect(dialog.call_id, "by an administrator")
                async with asyncio.timeout(WAIT_S):
                    await asyncio.gather(*(end.dialogs[dialog.call_id].ended.wait() for end in (one, carol)))
                assert (await carol.request("MESSAGE", one.gruu)).status == 200
                assert len(other.received) == before
            for number in (1, 2):
                await at.hosts[number].until(lambda number=number: not at.hosts[number].calls)
            dialog = answered(await carol.call(desk.gruu.removeprefix("sip:")))
            async with device(at, 2, DESK) as moved:
                assert (await moved.register(extra=GRUU)).status == 200
                assert moved.gruu == desk.gruu
                at.engines[1].release(BOB, f"<urn:uuid:{DESK}>;0")
                await at.hosts[1].until(lambda: BOB not in at.hosts[1].registrations)
                for number in (1, 3):
                    await at.located(number, BOB, 2)
                assert (await carol.within(dialog, "INFO")).status == 200  # the call goes on where the device is
                assert (moved.count("INFO"), desk.count("INFO"), room.count("INFO")) == (1, 0, 0)
                assert (await carol.hang_up(dialog)).status == 200
                dialog = answered(await carol.call(desk.gruu.removeprefix("sip:")))
                assert moved.count() == 1
                assert (await carol.hang_up(dialog)).status == 200
                assert (await moved.register(0)).status == 200
            assert refused(await carol.call(desk.gruu.removeprefix("sip:"))).status == 480
            assert refused(await carol.call(f"nobody@apolo.local;gr=urn:uuid:{DESK}")).status == 404

    asyncio.run(play())
