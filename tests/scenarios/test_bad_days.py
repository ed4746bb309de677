"""Cuts, kills and garbage on a running cluster: what is seen of them, what goes on, and what comes back by itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import ssl
import time

import pytest

from tests.support.real_lab import Lab, answered, eventually, unchanged

pytestmark = pytest.mark.scenario
ALICE, BOB, CAROL = "alice@apolo.local", "bob@apolo.local", "carol@apolo.local"
# Our promise is 1.5 s, to which simulations hold us in a time without noise. This leaves room for a busy machine, and
# still tells a heartbeat that is missed from an application that is silent (3.5 s).
NOTICED_S = 3.0
COMPLETE_S = 2.0  # our promise: a peer that returns is complete in this time; it takes milliseconds
GARBAGE_BYTES = 60_000


async def listed(lab: Lab, *wanted: tuple[str, int, bool], within_s: float = 10.0) -> None:
    """Wait until every peer lists exactly these devices: (alias, owner, stale)."""
    for number in lab.numbers:
        look = lambda number=number: lab.registrations(number)
        await eventually(f"peer {number} lists these devices", look, within_s, wanted=set(wanted))


async def call_states(lab: Lab, number: int) -> list[tuple[str, bool]]:
    return [(call["state"], call["stale"]) for call in await lab.ask(number, "call list")]


async def no_ghosts(lab: Lab) -> None:
    for number in lab.numbers:
        await eventually(f"peer {number} lists no call", lambda number=number: call_states(lab, number), wanted=[])
    await listed(lab)


def test_a_silent_cut_is_noticed_by_both_ends_and_named_and_heals_by_itself(lab: Lab) -> None:
    async def play() -> None:
        logged = {number: len(lab.lines(number)) for number in lab.numbers}
        began = time.monotonic()
        await lab.do("cut", peer=1, other=2)

        async def failed(number: int, of: int) -> float | None:
            return None if (await lab.member(number, of))["clustering_ok"] else time.monotonic() - began

        took = await asyncio.gather(
            eventually("1 sees that 2 is lost", lambda: failed(1, 2)),
            eventually("2 sees that 1 is lost", lambda: failed(2, 1)),
        )
        assert max(took) <= NOTICED_S, took
        for number, of in ((1, 2), (2, 1)):
            await lab.alarm(number, 20004, lab.peer(of).fqdn)
            await lab.alarm(number, 20006, lab.peer(of).fqdn)
            assert (await lab.member(number, of))["clustering"] == "Failed"
            assert (await lab.cluster(number))["database"] == "Failed"
        await lab.alarm(2, 20016, "Peer 1, expc01.apolo.local")
        assert not set(await lab.raised(3)) & {20004, 20006, 20016}
        # Peer 3 sees both, and what the primary stores reaches peer 2 through it.
        stamp = (await lab.set(1, "protocols.standard_refresh_maximum", 66))["stamp"]
        for number in (1, 3):
            await eventually("the edit is in force", lambda number=number: _in_force(lab, number), wanted=stamp)
        assert "cannot be reached" in await lab.refusal(
            2, "config set", path="protocols.standard_refresh_maximum", value=67
        )
        await lab.do("heal")
        await lab.whole()
        assert await _in_force(lab, 2) == stamp
        await lab.set(2, "protocols.standard_refresh_maximum", 60)
        for number, of in ((1, 2), (2, 1)):
            new = "\n".join(lab.lines(number)[logged[number] :])
            for alarm in (20004, 20006):
                assert new.count(f'Event="Alarm Raised" Id="{alarm}"') == 1, new
                assert new.count(f'Event="Alarm Lowered" Id="{alarm}"') == 1, new
            assert f'Detail="Lost the connection to a peer" Node="clusterdb@{lab.peer(of).fqdn}"' in new
            assert f'Detail="Connected to a peer" Node="clusterdb@{lab.peer(of).fqdn}"' in new
        await lab.alarm(2, 20016, standing=False)

    asyncio.run(play())


async def _in_force(lab: Lab, number: int) -> object:
    return (await lab.cluster(number))["in_force"]


def test_a_killed_sextetd_stops_neither_calls_nor_registrations_and_comes_back_complete(lab: Lab) -> None:
    async def play() -> None:
        async with lab.phone(1, "alice", "tls") as alice, lab.phone(2, "bob") as bob, lab.phone(2, "carol") as carol:
            for one in (alice, bob):
                assert (await one.register()).status == 200
            await listed(lab, (ALICE, 1, False), (BOB, 2, False))
            dialog = answered(await alice.call(BOB))
            for number in lab.numbers:
                look = lambda number=number: call_states(lab, number)
                await eventually("the call shows", look, wanted=[("connected", False)])
            await lab.do("kill", peer=2)
            for number in (1, 3):
                assert await eventually("peer 2 is Failed", lambda n=number: _failed(lab, n, 2))
                await lab.alarm(number, 20004, "expc02.apolo.local")
                seen = await lab.registrations(number)
                assert seen == {(ALICE, 1, False), (BOB, 2, True)}
            await lab.alarm(1, 20021, "No TCP connection to expc02.apolo.local on 4372")
            # Its Kamailio goes on: it registers, refreshes, and takes calls from other peers.
            assert (await bob.register()).status == 200
            assert (await carol.register()).status == 200
            second = answered(await alice.call(BOB))
            assert (await alice.hang_up(second)).status == 200
            kamailio = await lab.pids(2, "kamailio")
            await lab.do("start", peer=2)
            began = time.monotonic()
            await eventually(
                "its picture is complete",
                lambda: lab.registrations(2),
                wanted={(ALICE, 1, False), (BOB, 2, False), (CAROL, 2, False)},
            )
            await eventually("and the call", lambda: call_states(lab, 2), wanted=[("connected", False)])
            assert time.monotonic() - began <= COMPLETE_S
            assert set(await lab.pids(2, "kamailio")) & set(kamailio)
            await lab.whole()
            await listed(lab, (ALICE, 1, False), (BOB, 2, False), (CAROL, 2, False))
            assert (await bob.hang_up(bob.dialogs[dialog.call_id])).status == 200
            await alice.dialogs[dialog.call_id].ended.wait()
            for one in (alice, bob, carol):
                assert (await one.register(0)).status == 200
        await no_ghosts(lab)

    asyncio.run(play())


async def _failed(lab: Lab, number: int, of: int) -> str | None:
    member = await lab.member(number, of)
    return str(member["lines"]) if member["clustering"] == "Failed" else None


def test_what_ended_while_sextetd_was_dead_is_no_ghost_when_it_returns(lab: Lab) -> None:
    async def play() -> None:
        async with lab.phone(1, "alice") as alice, lab.phone(3, "bob") as bob:
            for one in (alice, bob):
                assert (await one.register()).status == 200
            await listed(lab, (ALICE, 1, False), (BOB, 3, False))
            dialog = answered(await alice.call(BOB))
            await lab.do("kill", peer=3)
            assert (await bob.hang_up(bob.dialogs[dialog.call_id])).status == 200
            assert (await bob.register(0)).status == 200
            await lab.do("start", peer=3)
            await lab.whole()
            await listed(lab, (ALICE, 1, False))
            for number in lab.numbers:
                await eventually("no call is left", lambda number=number: call_states(lab, number), wanted=[])
            assert (await alice.register(0)).status == 200
        await no_ghosts(lab)

    asyncio.run(play())


def test_a_killed_kamailio_is_started_again_and_phones_register_again(lab: Lab) -> None:
    async def play() -> None:
        async with lab.phone(3, "alice") as alice:
            assert (await alice.register()).status == 200
            await listed(lab, (ALICE, 3, False))
            before = await lab.pids(3, "kamailio")
            await lab.do("kill", peer=3, part="kamailio")
            await lab.alarm(3, 15010, "again")
            await lab.alarm(3, 15010, standing=False)
            after = await lab.pids(3, "kamailio")
            assert after and not set(after) & set(before)
            assert (await alice.register()).status == 200
            await listed(lab, (ALICE, 3, False))
            assert (await alice.register(0)).status == 200
        assert {(15010, "Raised"), (15010, "Lowered")} <= lab.alarm_events()

    asyncio.run(play())


def test_a_killed_nats_server_is_started_again_and_rows_are_complete_everywhere(lab: Lab) -> None:
    async def play() -> None:
        async with lab.phone(1, "alice") as alice, lab.phone(2, "bob") as bob:
            for one in (alice, bob):
                assert (await one.register()).status == 200
            await listed(lab, (ALICE, 1, False), (BOB, 2, False))
            dialog = answered(await alice.call(BOB))
            await lab.do("kill", peer=2, part="nats")
            assert (await alice.hang_up(dialog)).status == 200
            assert (await bob.register(0)).status == 200
            await eventually("it runs again", lambda: lab.pids(2, "nats"))
            await lab.whole()
            await listed(lab, (ALICE, 1, False))
            assert (await alice.register(0)).status == 200
        await no_ghosts(lab)

    asyncio.run(play())


def test_when_every_process_of_a_peer_is_killed_its_phones_are_reachable_through_another(lab: Lab) -> None:
    async def play() -> None:
        async with lab.phone(1, "alice") as alice, lab.phone(2, "bob") as bob:
            for one in (alice, bob):
                assert (await one.register()).status == 200
            await listed(lab, (ALICE, 1, False), (BOB, 2, False))
            await lab.do("kill", peer=2, part="all")
            bob.server = (lab.peer(3).address, 5060)
            assert (await bob.register()).status == 200
            known = {(ALICE, 1, False), (BOB, 2, True), (BOB, 3, False)}
            await eventually("peer 1 knows where he is now", lambda: lab.registrations(1), wanted=known)
            dialog = answered(await alice.call(BOB))
            assert bob.count() == 1
            assert (await alice.hang_up(dialog)).status == 200
            await lab.do("start", peer=2)
            await lab.whole()
            await listed(lab, (ALICE, 1, False), (BOB, 3, False))
            for one in (alice, bob):
                assert (await one.register(0)).status == 200
        await no_ghosts(lab)

    asyncio.run(play())


def test_garbage_on_every_port_stops_nothing(lab: Lab) -> None:
    async def play() -> None:
        before = {part: await lab.pids(2, part) for part in ("sextetd", "kamailio", "nats")}
        dice = random.Random(4372)
        address = lab.peer(2).address
        async with lab.phone(1, "alice") as alice, lab.phone(2, "bob", "tls") as bob:
            for one in (alice, bob):
                assert (await one.register()).status == 200
            await listed(lab, (ALICE, 1, False), (BOB, 2, False))
            for _ in range(3):
                garbage = dice.randbytes(GARBAGE_BYTES)
                for port in (5060, 5061, 4371, 4372, 8443):
                    await _throw(address, port, garbage)
                    await _throw(address, port, b"GET / HTTP/1.1\r\n\r\n")
                for port in (5061, 4371, 4372, 8443):
                    await _throw(address, port, garbage, tls=True)
                    await _throw(address, port, b'{"peer":' + b"[" * 50_000, tls=True)
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                    for start in range(0, GARBAGE_BYTES, 1000):
                        udp.sendto(garbage[start : start + 1000], (address, 5060))
                for sent in (garbage, b"{}\n", b"[]\n", b'{"command": 7}\n', b"[" * 100_000 + b"\n"):
                    await _throw_at_socket(lab, sent)
            dialog = answered(await alice.call(BOB))
            assert (await alice.hang_up(dialog)).status == 200
            for one in (alice, bob):
                assert (await one.register(0)).status == 200
        assert before == {part: await lab.pids(2, part) for part in before}
        await lab.whole()

    asyncio.run(play())


def test_a_stranger_on_the_cluster_port_is_closed_before_tls_and_counted(lab: Lab) -> None:
    async def play() -> None:
        logged = len(lab.lines(1))
        for _ in range(3):
            reader, writer = await asyncio.open_connection(
                lab.peer(1).address, 4372, local_addr=(f"{lab.plan.network}.166", 0)
            )
            assert await asyncio.wait_for(reader.read(), 2) == b""
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

        async def noted() -> str | None:
            return next((line for line in lab.lines(1)[logged:] if f"{lab.plan.network}.166" in line), None)

        line = str(await eventually("the stranger is in the log", noted))
        assert "refused" in line and "Count=" in line, line

    asyncio.run(play())


def test_a_sextetd_that_hangs_is_noticed_and_costs_no_call_to_its_devices(lab: Lab) -> None:
    """A process that hangs closes nothing; only silence tells."""

    async def play() -> None:
        (pid,) = await lab.pids(3, "sextetd")
        async with lab.phone(1, "alice", "tls") as alice, lab.phone(3, "bob") as bob:
            for one in (alice, bob):
                assert (await one.register()).status == 200
            await listed(lab, (ALICE, 1, False), (BOB, 3, False))
            os.kill(pid, signal.SIGSTOP)
            try:
                while "timed out: TLS" not in str((await lab.member(1, 3))["cause"]):
                    assert (await alice.hang_up(answered(await alice.call(BOB)))).status == 200
                assert await _failed(lab, 1, 3)
                assert (await alice.hang_up(answered(await alice.call(BOB)))).status == 200
            finally:
                os.kill(pid, signal.SIGCONT)
            await lab.whole()
            for one in (alice, bob):
                assert (await one.register(0)).status == 200
        await no_ghosts(lab)

    asyncio.run(play())


def test_nothing_moves_while_nothing_happens(lab: Lab) -> None:
    async def play() -> None:
        logged = {number: len(lab.lines(number)) for number in lab.numbers}

        async def still() -> object:
            new = [line for number in lab.numbers for line in lab.lines(number)[logged[number] :]]
            moved = [line for line in new if "Alarm" in line or "Configuration" in line or "connection" in line]
            return [(await lab.cluster(number))["held"] for number in lab.numbers], moved

        _, moved = await unchanged("revisions and logs", still, 1.5)  # type: ignore[misc]
        assert moved == []

    asyncio.run(play())


async def _throw(address: str, port: int, data: bytes, tls: bool = False) -> None:
    """Send bytes and go away; what the other end does with the connection is its business."""
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(2):
            _, writer = await asyncio.open_connection(address, port, ssl=context)
            try:
                writer.write(data)
                await writer.drain()
            finally:
                writer.transport.abort()


async def _throw_at_socket(lab: Lab, data: bytes) -> None:
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_unix_connection(str(lab.peer(2).socket))
            try:
                writer.write(data)
                await writer.drain()
                writer.write_eof()
                await reader.read()
            finally:
                writer.close()
