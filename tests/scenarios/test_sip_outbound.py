"""SIP outbound (RFC 5626) with real Kamailios: a device with several flows rings once, as long as one of them lives."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import struct
from dataclasses import replace

import pytest

from sextet.engine import Flows
from sextet.model.settings.registration import Authentication
from sextet.sip import process
from tests.support.sip_client import Phone
from tests.support.sip_peers import WAIT_S, Peers, answered, peers, phone, refused

pytestmark = pytest.mark.scenario
ALICE, BOB = "alice@apolo.local", "bob@apolo.local"
NETWORK = "127.61.90"
INSTANCE = "00000000-0000-1000-8000-aabbccddee01"


def flow(at: Peers, number: int, reg_id: int, transport: str = "tcp") -> Phone:
    return phone(at, number, "bob", transport, instance=INSTANCE, reg_id=str(reg_id), outbound=True)


async def spread(at: Peers, number: int, flows: Flows, *owners: int) -> None:
    """Let a peer know which peers hold flows of Bob's devices, as its sextetd would say."""
    at.engines[number].locate({BOB: owners}, flows={BOB: flows} if flows else {})
    async with at.engines[number]._changing:
        await at.engines[number]._feed.now()


def test_two_flows_to_one_peer_are_one_device_that_rings_once_and_survives_the_loss_of_one() -> None:
    async def play() -> None:
        async with (
            peers(NETWORK, 1) as at,
            phone(at, 1, "alice") as alice,
            flow(at, 1, 1) as first,
            flow(at, 1, 2) as second,
        ):
            assert (await first.register()).status == (await second.register()).status == 200
            await at.registered(1, BOB, bindings=2)
            dialog = answered(await alice.call(BOB))
            assert (first.count(), second.count()) == (1, 0)
            assert (await alice.hang_up(dialog)).status == 200
            await first.close()
            dialog = answered(await alice.call(BOB))  # at once: before usrloc has noticed the lost connection
            assert second.count() == 1
            assert (await alice.hang_up(dialog)).status == 200

    asyncio.run(play())


def test_a_flow_that_is_silent_is_followed_by_the_next_one_while_another_device_rings() -> None:
    async def play() -> None:
        async with (
            peers(NETWORK, 1) as at,
            phone(at, 1, "alice") as alice,
            phone(at, 1, "bob") as desk,
            flow(at, 1, 1, "udp") as first,
            flow(at, 1, 2) as second,
        ):
            for device in (desk, first, second):
                assert (await device.register()).status == 200
            await at.registered(1, BOB, bindings=3)
            desk.status = 0
            await first.close()
            dialog = answered(await alice.call(BOB, wait_s=20))  # the silence takes 5
            assert (desk.count(), second.count()) == (1, 1)
            await desk.rings("CANCEL")
            assert (await alice.hang_up(dialog)).status == 200

    asyncio.run(play())


def test_what_the_device_answers_ends_the_call_and_is_not_asked_again_over_its_other_flow() -> None:
    async def play() -> None:
        async with (
            peers(NETWORK, 1, 2) as at,
            phone(at, 1, "alice") as alice,
            flow(at, 1, 1) as first,
            flow(at, 2, 2) as second,
        ):
            assert (await first.register()).status == (await second.register()).status == 200
            await spread(at, 1, {"": (), f"<urn:uuid:{INSTANCE}>": (1, 2)}, 2)
            for status in (486, 480, 603):
                first.status = status
                assert refused(await alice.call(BOB)).status == status
            assert second.count() == 0

    asyncio.run(play())


def test_a_device_with_flows_to_two_peers_rings_once_from_either_and_from_a_third() -> None:
    async def play() -> None:
        async with (
            peers(NETWORK, 1, 2, 3) as at,
            phone(at, 1, "alice") as alice,
            phone(at, 3, "carol") as carol,
            phone(at, 2, "bob") as desk,
            flow(at, 1, 1) as first,
            flow(at, 2, 2) as second,
        ):
            for device in (desk, first, second):
                assert (await device.register()).status == 200
            desk.status = 0
            named = {"": (2,), f"<urn:uuid:{INSTANCE}>": (1, 2)}
            await spread(at, 1, named, 2)
            await spread(at, 2, named, 1)
            await spread(at, 3, named, 1, 2)
            for count, caller in enumerate((alice, carol), 1):
                dialog = answered(await caller.call(BOB))
                await desk.rings(after=count - 1)
                assert (first.count(), second.count(), desk.count()) == (count, 0, count)
                assert (await caller.hang_up(dialog)).status == 200

    asyncio.run(play())


@pytest.mark.parametrize("how", ["connection", "frozen", "stopped"])
def test_a_device_stays_reachable_when_the_connection_or_the_peer_of_one_flow_dies(how: str) -> None:
    async def play() -> None:
        async with (
            peers(NETWORK, 1, 2, 3) as at,
            phone(at, 1, "alice") as alice,
            flow(at, 2, 1) as first,
            flow(at, 3, 2) as second,
        ):
            assert (await first.register()).status == (await second.register()).status == 200
            await spread(at, 1, {"": (), f"<urn:uuid:{INSTANCE}>": (2, 3)}, 2, 3)
            frozen: list[int] = []
            if how == "connection":
                await first.close()
            elif how == "stopped":
                await at.engines[2].stop()
            else:
                frozen = process.processes_of(at.engines[2]._process.record.pid)
            for pid in frozen:
                os.kill(pid, signal.SIGSTOP)
            try:
                dialog = answered(await alice.call(BOB))
                assert second.count() == 1
                assert (await alice.hang_up(dialog)).status == 200
            finally:
                for pid in frozen:
                    os.kill(pid, signal.SIGCONT)

    asyncio.run(play())


def test_a_device_that_is_gone_everywhere_is_unavailable() -> None:
    async def play() -> None:
        async with peers(NETWORK, 1, 2, 3) as at, phone(at, 1, "alice") as alice:
            await spread(at, 1, {"": (), f"<urn:uuid:{INSTANCE}>": (2, 3)}, 2, 3)
            assert refused(await alice.call(BOB)).status == 404
            async with phone(at, 2, "bob") as desk, phone(at, 3, "bob") as room:
                assert (await desk.register()).status == (await room.register()).status == 200
                assert refused(await alice.call(BOB)).status == 480
                assert desk.count() == room.count() == 0

    asyncio.run(play())


def test_nobody_but_a_peer_chooses_the_device_that_rings() -> None:
    async def play() -> None:
        async with peers(NETWORK, 1) as at, phone(at, 1, "alice") as alice, flow(at, 1, 1) as bob:
            assert (await bob.register()).status == 200
            await at.registered(1, BOB)
            answered(await alice.call(f"{BOB};ring=0123456789abcdef"))
            assert bob.count() == 1

    asyncio.run(play())


def test_the_flow_timer_is_told_to_outbound_endpoints_only_and_follows_its_setting() -> None:
    async def play() -> None:
        async with peers(NETWORK, 1) as at, phone(at, 1, "alice") as alice, flow(at, 1, 1) as bob:
            assert (await bob.register()).get("flow-timer") == ""
            protocols = replace(at.config.protocols, outbound_flow_timer=25)
            await at.apply(1, config=replace(at.config, protocols=protocols))
            for _ in range(2):  # the second is a refresh, which the native route answers
                assert (await bob.register()).get("flow-timer") == "25"
            assert (await alice.register()).get("flow-timer") == ""

    asyncio.run(play())


def test_a_proxy_before_us_that_keeps_no_flow_makes_outbound_impossible() -> None:
    """RFC 5626 6: a REGISTER that passed another hop, with a reg-id and no `ob` in its Path."""

    async def play() -> None:
        async with peers(NETWORK, 1) as at, flow(at, 1, 1) as bob:
            bob.password = ""
            open_ = replace(at.config, authentication=Authentication(local_zone="Do not check credentials"))
            await at.apply(1, config=open_)
            assert (await bob.register(extra="Via: SIP/2.0/TCP 192.0.2.7;branch=z9hG4bKa")).status == 439

    asyncio.run(play())


def test_what_keeps_a_way_through_address_translation_open_is_answered() -> None:
    """RFC 5626 5.4: a double CRLF over connections, STUN over UDP (RFC 5389: cookie, transaction, own address)."""

    async def play() -> None:
        async with peers(NETWORK, 1) as at:
            reader, writer = await asyncio.open_connection(at.address(1), 5060)
            writer.write(b"\r\n\r\n")
            loop, datagrams = asyncio.get_running_loop(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            with datagrams:
                datagrams.setblocking(False)
                await loop.sock_connect(datagrams, (at.address(1), 5060))
                asked = struct.pack("!HHI12s", 1, 0, 0x2112A442, b"transaction!")
                async with asyncio.timeout(WAIT_S):
                    await loop.sock_sendall(datagrams, asked)
                    answer = await loop.sock_recv(datagrams, 1500)
                    assert await reader.readexactly(2) == b"\r\n"
                port = struct.pack("!H", datagrams.getsockname()[1] ^ 0x2112)
            assert answer[:2] == b"\x01\x01" and answer[4:20] == asked[4:20] and port in answer[20:]
            writer.close()

    asyncio.run(play())
