"""Peers with one interface and public addresses find each other by DNS, under Enforce; one's clock is an hour ahead."""

from __future__ import annotations

import asyncio
import json
import struct
import sys
import time
from collections.abc import Iterator
from typing import cast

import pytest

from sextet.lab.documents import Secrets
from sextet.lab.plan import Place, Plan
from tests.support import private_network, real_lab
from tests.support.private_network import Network
from tests.support.real_lab import Lab, answered, edit_initial, eventually

pytestmark = [
    pytest.mark.scenario,
    pytest.mark.skipif(bool(why := private_network.why_not()), reason=f"no network namespaces: {why}"),
]
HUB = "192.168.78"
ADDRESSES = {"one": "203.0.113.1", "two": "203.0.113.2", "three": "203.0.113.3"}  # RFC 5737
AHEAD_S = 3600.0
WRONG_CLOCK = (sys.executable, "-m", "tests.support.wrong_clock", str(AHEAD_S))
NTP_PORT = 1123
_EPOCH_S = 2_208_988_800
ALICE, BOB = ("alice@apolo.local", 1, False), ("bob@apolo.local", 3, False)
EXPIRES_S = 120


class TimeServer(asyncio.DatagramProtocol):
    """An NTP server that is right."""

    def __init__(self) -> None:
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)  # asyncio's own class does not say so in 3.11

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self.transport is not None
        stamp = int((time.time() + _EPOCH_S) * 2**32)  # the wall clock is what it serves
        self.transport.sendto(struct.pack("!BB22x8sQQ", 0x24, 2, data[40:48], stamp, stamp), addr)


def single_nic(made: Plan, drawn: Secrets) -> None:
    """Prepare E systems with one interface, whose addresses can be routed, under Enforce from the start."""

    def change(document: dict[str, object]) -> None:
        document["clustering"] = {**cast(dict[str, object], document["clustering"]), "tls_verification_mode": "Enforce"}

    for peer in made.peers:
        edit_initial(peer, change)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    sites = {"hub": (f"{HUB}.0/24",), **{name: (address,) for name, address in ADDRESSES.items()}}
    with Network(sites, one_way_s=0.01) as network:
        one, two, three = private_network.places(network, tuple(ADDRESSES))
        wrong = Place(address=three.address, prefix=(*three.prefix, *WRONG_CLOCK))
        with real_lab.lab(3, single_nic, network=HUB, places=(one, two, wrong)) as running:
            yield running


async def checked(lab: Lab, check: str) -> dict[tuple[int, int], tuple[str, str]]:
    """(by, peer) -> (state, measured), once all have answered: a busy one may be late, and is asked again."""
    pairs = {(by, of) for by in lab.numbers for of in lab.numbers if by != of}

    async def measured() -> dict[tuple[int, int], tuple[str, str]] | None:
        lines = (await lab.ask(1, "check", id=check))["lines"]
        rows = [one for line in lines for one in (*line["peers"], *line["others"])]
        found = {(one["by"], one["peer"]): (one["state"], one["measured"]) for one in rows}
        return found if {pair for pair in found if found[pair][0] != "unknown"} >= pairs else None

    return await eventually(f"{check} is known of every pair", measured)


def test_with_one_interface_dns_is_enough_for_enforce(lab: Lab) -> None:
    async def play() -> None:
        async def active() -> list[str]:
            return [one["clustering"] for number in lab.numbers for one in (await lab.cluster(number))["peers"]]

        wanted = [
            "This system"
            if of == number
            else f"Active as {lab.peer(of).host_name} (Resolved '{lab.peer(of).fqdn}' as '{lab.peer(of).address}')"
            for number in lab.numbers
            for of in lab.numbers
        ]
        await eventually("everybody is active by name", active, 30.0, wanted)
        looked = await checked(lab, "dns")
        assert len(looked) == 9
        assert {said for _, said in looked.values()} == {f"{p.fqdn} is {p.address}, and back" for p in lab.plan.peers}

    asyncio.run(play())


def test_a_clock_that_is_an_hour_ahead_is_told_with_its_offset_by_everybody(lab: Lab) -> None:
    async def play() -> None:
        seen = await checked(lab, "clock")
        for by, of in ((1, 3), (2, 3)):
            state, words = seen[by, of]
            assert state == "failed" and abs(float(words.partition(" ")[0]) - AHEAD_S) < 1.0 and "ahead of" in words
        for of in (1, 2):
            assert seen[3, of][0] == "failed" and "behind this system" in seen[3, of][1]
        assert seen[1, 2][0] == seen[2, 1][0] == "ok"
        cause = await lab.alarm(3, 25002)
        assert "clock is +3600." in cause or "clock is +3599." in cause, cause
        for number in (1, 2):
            assert 25002 not in await lab.raised(number), "the one that differs from most is wrong"

    asyncio.run(play())


def test_a_time_server_tells_the_same_of_it(lab: Lab) -> None:
    async def play() -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(TimeServer, local_addr=(f"{HUB}.160", NTP_PORT))
        await lab.set(3, "system.ntp_servers", json.dumps([{"address": f"{HUB}.160:{NTP_PORT}"}]))
        line = (await lab.ask(3, "check", id="ntp"))["lines"][0]
        own = next(one for one in line["peers"] if one["peer"] == 3)
        away_s = float(own["measured"].removesuffix(" s").rpartition(" ")[2])
        assert abs(away_s + AHEAD_S) < 0.5, own  # a busy machine answers late
        await lab.set(3, "system.ntp_servers", "[]")
        transport.close()

    asyncio.run(play())


def test_durations_are_right_whatever_the_wall_clock_says(lab: Lab) -> None:
    async def play() -> None:
        began = time.monotonic()
        async with lab.phone(1, "alice", "tls") as alice, lab.phone(3, "bob", "tcp") as bob:
            assert (await alice.register(EXPIRES_S)).status == (await bob.register(EXPIRES_S)).status == 200
            for number in lab.numbers:
                look = lambda number=number: lab.registrations(number)
                await eventually(f"peer {number} knows both", look, wanted={ALICE, BOB})
            dialog = answered(await alice.call("bob@apolo.local"))
            for number in lab.numbers:

                async def calls(number: int = number) -> list[str]:
                    return [one["state"] for one in await lab.ask(number, "call list")]

                await eventually(f"peer {number} lists the call", calls, wanted=["connected"])
                took = time.monotonic() - began
                for row in (*await lab.ask(number, "registration list"), *await lab.ask(number, "call list")):
                    assert 0 <= row["age_s"] <= took + 1.5, row
                    assert row.get("expires_in_s", EXPIRES_S) <= EXPIRES_S + 1, row
            assert (await bob.hang_up(bob.dialogs[dialog.call_id])).status == 200
            assert (await alice.register(0)).status == (await bob.register(0)).status == 200

    asyncio.run(play())
