"""Zones with real Kamailios: what is alive is known, what is dead is passed over, and the freest is called."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from sextet.model.settings.dialplan import SearchRule
from sextet.model.settings.registration import Authentication
from sextet.model.settings.zones import Zone, ZonePeer
from sextet.model.status import ZoneAddress
from sextet.sip.kemi.routing.forking import ZONE_MS
from sextet.sip.kemi.zones.pinging import PING_S
from sextet.sip.rpc import command
from tests.support.sip_peers import CONFIG, Peers, answered, peers, phone, refused
from tests.support.tables import linked

pytestmark = pytest.mark.scenario
OPEN = replace(
    CONFIG,
    authentication=Authentication(local_zone="Do not check credentials", default_zone="Do not check credentials"),
)
ALICE, BOB = "alice@apolo.local", "bob@apolo.local"
WAITED_S = ZONE_MS / 1000  # by a caller whose call is sent to an address that is dead


def zone(at: Peers, *numbers: int, name: str = "Other", **more: object) -> Zone:
    addresses = tuple(ZonePeer(address=at.address(number)) for number in numbers)
    return Zone(name=name, peers=addresses, **more)  # type: ignore[arg-type]


async def towards(at: Peers, number: int, *zones: Zone) -> None:
    """Make a stand-alone system whose calls go to these zones."""
    rules = tuple(SearchRule(name=f"To {one.name}", target=one.name, behavior="Leave") for one in zones)
    config = linked(replace(OPEN, zones=zones, search_rules=rules))
    await at.apply(number, config=config, neighbours=(), secret=b"of another cluster")


def seen(at: Peers, number: int, name: str = "Other") -> list[ZoneAddress]:
    row = at.hosts[number].zone.get(name)
    return list(row.addresses) if row else []


async def until_states(at: Peers, number: int, *states: str, name: str = "Other") -> None:
    await at.hosts[number].until(lambda: [one.state for one in seen(at, number, name)] == list(states), wait_s=20)


def test_every_address_is_known_for_what_it_is_with_the_measured_cause() -> None:
    async def play() -> None:
        async with peers("127.62.1", 1, 2) as at:
            await towards(at, 1, zone(at, 2, 9))
            await until_states(at, 1, "active", "failed")
            await at.hosts[1].until(lambda: seen(at, 1)[1].reason.endswith("the connection is refused"))
            alive = seen(at, 1)[0]
            assert 0 < alive.round_trip_ms < 2000
            assert at.hosts[1].zone["Other"].words == "Active (1 of 2)"

    asyncio.run(play())


def test_nobody_waits_for_an_address_that_is_dead_and_it_comes_back_by_itself() -> None:
    async def play() -> None:
        async with (
            peers("127.62.1", 1, 2, 3, config=OPEN) as at,
            phone(at, 1, "alice") as alice,
            phone(at, 2, "bob") as bob,
        ):
            await bob.register()
            await at.registered(2, BOB)
            await at.engines[3].stop()
            await towards(at, 1, zone(at, 3, 2))
            await until_states(at, 1, "failed", "active")
            for _ in range(4):  # in turn, half of them would have begun with the dead one
                async with asyncio.timeout(WAITED_S):
                    dialog = answered(await alice.call(BOB))
                    assert (await alice.hang_up(dialog)).status == 200
            await at.start(3)
            await until_states(at, 1, "active", "active")

    asyncio.run(play())


def test_a_call_that_meets_silence_is_enough_to_pass_an_address_over() -> None:
    async def play() -> None:
        async with peers("127.62.1", 1, 2, config=OPEN) as at, phone(at, 1, "alice") as alice:
            await towards(at, 1, zone(at, 2))
            await until_states(at, 1, "active")
            await at.engines[2].stop()
            assert refused(await alice.call(BOB)).status in (408, 480, 500, 503)
            await at.hosts[1].until(lambda: seen(at, 1)[0].state == "failed", wait_s=PING_S / 2)
            async with asyncio.timeout(WAITED_S):
                missed = refused(await alice.call(BOB))
            assert missed.status == 480
            assert ': none of its addresses can be reached"' in missed.get("reason")

    asyncio.run(play())


def test_the_freest_peer_of_a_neighbour_is_called_and_one_in_maintenance_is_not() -> None:
    async def play() -> None:
        async with (
            peers("127.62.1", 1, 2, 3, config=OPEN) as at,
            phone(at, 1, "alice") as alice,
            phone(at, 2, "bob") as bob,
            phone(at, 3, "carol") as carol,
        ):
            await towards(at, 1, zone(at, 2, 3))
            for number, device, alias in ((2, bob, BOB), (3, carol, "carol@apolo.local")):
                await device.register()
                await at.registered(number, alias)
                config = linked(replace(at.wanted[number].config, zones=(zone(at, 1, name="Ours"),)))
                await at.apply(number, config=config)
            await until_states(at, 1, "active", "active")
            await at.hosts[1].until(lambda: all(one.free >= 0 for one in seen(at, 1)), wait_s=25)
            # Peer 2 carries a call: peer 3 has more free, whatever the order in the zone.
            held = answered(await bob.call(BOB))
            await at.engines[1].test_zone("Other")
            await at.hosts[1].until(lambda: seen(at, 1)[0].free < seen(at, 1)[1].free, wait_s=25)
            dialog = answered(await alice.call(BOB))
            call = await at.hosts[3].call(dialog)
            assert (call.source, call.destination) == (ALICE, BOB)
            await alice.hang_up(dialog)
            await at.apply(3, maintenance=True)
            await at.engines[1].test_zone("Other")
            await until_states(at, 1, "active", "maintenance")
            again = answered(await alice.call(BOB))
            await at.hosts[2].call(again)
            await at.hosts[3].until(lambda: not at.hosts[3].calls)
            await alice.hang_up(again)
            await bob.hang_up(held)

    asyncio.run(play())


def test_what_kamailio_knows_of_zones_is_read_back_after_sextetd_was_away() -> None:
    async def play() -> None:
        async with peers("127.62.1", 1, 2) as at:
            await towards(at, 1, zone(at, 2))
            await until_states(at, 1, "active")
            rows = json.dumps(await command(at.run_dir(1), "htable.dump", "zone"))
            await at.engines[1].stop(leave_running=True)
            wanted = at.wanted[1]
            await at.engine(1).start(wanted)
            await until_states(at, 1, "active")
            since_s = seen(at, 1)[0].since_s
            assert f"{since_s}" in rows  # it was never down in between

    asyncio.run(play())
