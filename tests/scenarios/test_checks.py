"""The requirements of a real cluster, measured by itself: what is met, what is broken on purpose, and the alarms."""

from __future__ import annotations

import asyncio
import json
import struct
import time
from typing import cast

import pytest

from sextet.cluster import host
from sextet.cluster.requirements.clocks import ONE_COMPUTER
from tests.support.real_lab import Lab, eventually

pytestmark = pytest.mark.scenario
NTP_PORT = 1123
_EPOCH_S = 2_208_988_800


class TimeServer(asyncio.DatagramProtocol):
    """An NTP server that is some seconds ahead."""

    def __init__(self, ahead_s: float) -> None:
        self.ahead_s = ahead_s
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)  # asyncio's own class does not say so in 3.11

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self.transport is not None
        stamp = int((time.time() + self.ahead_s + _EPOCH_S) * 2**32)  # the wall clock is what it serves
        self.transport.sendto(struct.pack("!BB22x8sQQ", 0x24, 2, data[40:48], stamp, stamp), addr)


async def checked(lab: Lab, number: int, check: str = "") -> dict[tuple[str, int], tuple[str, str]]:
    """(check, peer) -> (state, measured), measured now."""
    result = await lab.ask(number, "check", **({"id": check} if check else {}))
    return {
        (line["id"], peer["peer"]): (peer["state"], peer["measured"])
        for line in result["lines"]
        for peer in line["peers"]
    }


def test_a_lab_meets_everything_that_does_not_depend_on_this_computers_clock(lab: Lab) -> None:
    async def play() -> None:
        async def unknown(number: int) -> set[str]:
            seen = (await checked(lab, number)).items()
            return {one for (one, _), (state, words) in seen if state == "unknown" and ONE_COMPUTER not in words}

        for number in lab.numbers:
            # The round trip of a link that has just come up is measured a moment later.
            await eventually(f"peer {number} knows everything", lambda number=number: unknown(number), wanted=set())
            results = await checked(lab, number)
            assert {one: at for one, at in results.items() if at[0] == "failed"} == {}
            for other in set(lab.numbers) - {number}:
                assert results["nat", other] == ("ok", f"it sees this system as {lab.peer(number).address}")
                assert f"{lab.peer(other).fqdn} is {lab.peer(other).address}, and back" == results["dns", other][1]
        before = len(lab.lines(1))
        await checked(lab, 2)
        assert not [line for line in lab.lines(1)[before:] if "refused" in line], "being checked is nothing to tell"

    asyncio.run(play())


def test_a_cut_and_a_setting_fail_the_checks_that_they_break_and_the_exit_code_says_so(lab: Lab) -> None:
    async def play() -> None:
        await lab.do("cut", peer=1, other=2)
        try:
            await lab.alarm(1, 20004)
            results = await checked(lab, 1)
            assert results["reach-4372", 2][0] == "failed"
            assert (results["rtt", 2][0], results["version", 2][0]) == ("unknown", "unknown")
            assert results["reach-4372", 3][0] == "ok"
            # Another peer asks both, and shows what each of them found; who cannot be asked is named.
            said = await lab.ask(3, "check")
            seen = {(row["peer"], pair["peer"]): pair["state"] for row in said["matrix"] for pair in row["pairs"]}
            assert (seen[1, 2], seen[2, 1]) == ("failed", "failed")
            reach = next(line for line in said["lines"] if line["id"] == "reach-4372")
            assert {(one["by"], one["peer"]) for one in reach["others"] if one["state"] == "failed"} == {(1, 2), (2, 1)}
            assert {one["state"] for one in reach["peers"]} == {"ok"}
            rows = {row["peer"]: row["failure"] for row in (await lab.ask(1, "check"))["matrix"]}
            assert rows[2].startswith("its link is ") and rows[3] == ""
        finally:
            await lab.do("heal")
        await lab.whole()
        await lab.set(1, "zones", '[{"name": "Wrong", "peers": [{"address": "expc03.apolo.local"}]}]')
        code, out, _ = await lab.run(1, "check", "not-a-zone-peer", "-o", "json")
        line = json.loads(out)["lines"][0]
        assert (code, line["state"]) == (3, "failed")
        assert "zone Wrong leads to expc03.apolo.local" in line["peers"][-1]["measured"]
        await lab.set(1, "zones", "[]")
        assert (await lab.run(1, "check", "not-a-zone-peer"))[0] == 0

    asyncio.run(play())


def test_time_servers_are_asked_and_their_alarms_are_raised_and_lowered(lab: Lab) -> None:
    address = f"{lab.plan.network}.160"
    servers = json.dumps([{"address": f"{address}:{NTP_PORT}"}])

    async def serving(ahead_s: float) -> asyncio.BaseTransport:
        loop = asyncio.get_running_loop()
        return (await loop.create_datagram_endpoint(lambda: TimeServer(ahead_s), local_addr=(address, NTP_PORT)))[0]

    async def play() -> None:
        await lab.set(1, "system.ntp_servers", servers)
        await checked(lab, 1)
        await lab.alarm(1, 25021, "connection refused")
        serving_right = await serving(0.0)
        results = await checked(lab, 1)
        assert results["ntp", 1][0] == "ok"
        await lab.alarm(1, 25021, standing=False)
        kept = host.clock_state() != host.UNSYNCHRONISED
        assert (25020 in await lab.raised(1)) != kept
        serving_right.close()  # not before, for a peer asks of its own accord too
        await asyncio.sleep(0)  # the loop closes the first server
        serving_wrong = await serving(3600.0)
        results = await checked(lab, 1)
        assert (results["ntp", 1][0] == "failed") != kept
        assert (25002 in await lab.raised(1)) != kept
        serving_wrong.close()
        await lab.set(1, "system.ntp_servers", "[]")
        await checked(lab, 1)
        assert not {25002, 25020, 25021} & set(await lab.raised(1))

    asyncio.run(play())


def test_the_firewall_plan_is_this_clusters(lab: Lab) -> None:
    async def play() -> None:
        code, out, _ = await lab.run(1, "ports", "-o", "nft")
        others = ", ".join(lab.peer(number).address for number in (2, 3))
        assert (code, f"elements = {{ {others} }}" in out) == (0, True)
        plan = await lab.ask(1, "ports")
        found = {(one["destination"], one["destination_ports"]): one["checked"] for one in plan["lines"]}
        assert found[lab.peer(2).address, "4372"] == "ok"
        reached = {
            (one["by"], line["destination"], line["destination_ports"])
            for line in plan["lines"]
            for one in line["found"]
            if one["state"] == "ok"
        }
        pairs = [(by, to) for by in lab.numbers for to in lab.numbers if by != to]
        assert reached == {(by, lab.peer(to).address, port) for by, to in pairs for port in ("4371", "4372", "5061")}

    asyncio.run(play())
