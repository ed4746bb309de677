"""Two clusters of two real engines: behind a router that lets nobody in and at the edge, and as neighbours."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace

import pytest

from sextet.model.sections import Root
from sextet.model.settings.dialplan import DEFAULT_RULES, SearchRule
from sextet.model.settings.protocols import PROXY_KNOWN, Domain
from sextet.model.settings.registration import Credential
from sextet.model.settings.zones import TRAVERSAL_CLIENT, TRAVERSAL_SERVER, Zone, ZonePeer
from sextet.sip.kemi.routing.forking import ZONE_MS
from tests.support import private_network
from tests.support.private_network import Border, Network
from tests.support.private_network import at as at_site
from tests.support.real_lab import eventually
from tests.support.sip_client import Phone
from tests.support.sip_peers import CONFIG, Peers, answered, peers, phone
from tests.support.tables import linked

pytestmark = pytest.mark.scenario
apart = pytest.mark.skipif(bool(why := private_network.why_not()), reason=f"no network namespaces: {why}")
OUTSIDE, EDGE, INSIDE = "203.0.113", "198.51.100", "10.9.0"  # RFC 5737, RFC 1918
WEST, EAST = "127.61.92", "127.61.93"
ROUTER = f"{EDGE}.254"
SITES = {
    "hub": (f"{OUTSIDE}.0/24",),  # phones outside
    "edge1": (f"{EDGE}.1",),
    "edge2": (f"{EDGE}.2",),
    "inside": (f"{INSIDE}.1", f"{INSIDE}.2", f"{INSIDE}.9"),  # two peers and a phone
}
BOTH = (1, 2)
PASSWORD = "in-the-vault"
INSTANCE = "00000000-0000-1000-8000-aabbccddee02"
PASSED_OVER_S = ZONE_MS / 1000 + 2.0  # an address that gives a call no answer, on a busy machine


def at_the_edge() -> Root:
    rule = SearchRule(
        name="Inside", mode="Alias pattern match", pattern="@apolo.local", pattern_type="Suffix", behavior="Leave",
        target="Inside",
    )  # fmt: skip
    return linked(
        replace(
            CONFIG,
            protocols=replace(CONFIG.protocols, registration_proxy_mode=PROXY_KNOWN),
            domains=(Domain(name="edge.local"),),
            zones=(Zone(name="Inside", type=TRAVERSAL_SERVER, user_name="client"),),
            search_rules=(*DEFAULT_RULES, rule),
            credentials=(*CONFIG.credentials, Credential(name="client", password=PASSWORD)),
        )
    )


def behind_the_router() -> Root:
    addresses = tuple(ZonePeer(address=f"{EDGE}.{number}") for number in BOTH)
    zone = Zone(
        name="Edge", type=TRAVERSAL_CLIENT, user_name="client", password=PASSWORD, retry_interval=2, peers=addresses
    )
    rule = SearchRule(
        name="Outside", mode="Alias pattern match", pattern="@edge.local", pattern_type="Suffix", behavior="Leave",
        target="Edge",
    )  # fmt: skip
    return linked(replace(CONFIG, zones=(zone,), search_rules=(*DEFAULT_RULES, rule)))


@dataclass(frozen=True, slots=True)
class World:
    """Two clusters, and what is between them."""

    network: Network
    edge: Peers
    inner: Peers

    def outside(self, user: str, number: int, domain: str = "apolo.local") -> Phone:
        """Make a phone outside, towards one peer of the edge."""
        return Phone(
            user, self.edge.address(number), transport="tls", password=f"{user}-secret", local_ip=f"{OUTSIDE}.5",
            domain=domain, instance=INSTANCE, reg_id="1", outbound=True,
        )  # fmt: skip

    @contextlib.asynccontextmanager
    async def within(self, user: str, number: int) -> AsyncIterator[Phone]:
        """Give a phone inside, at one of the inner peers."""
        phone = Phone(user, self.inner.address(number), password=f"{user}-secret", local_ip=f"{INSIDE}.9")
        await at_site(self.network.sites["inside"], phone.open())
        try:
            yield phone
        finally:
            await phone.close()

    async def whole(self) -> None:
        """Wait until every peer of each cluster has both of the other one."""
        for cluster, zone in ((self.edge, "Inside"), (self.inner, "Edge")):
            for number in BOTH:
                await shown(cluster, number, zone, "active", "active")

    def lose(self, site: str) -> None:
        """Let a site's hosts lose their power: nothing comes from it any more, not even the end of a connection."""
        for other in self.network.sites.keys() - {site}:
            self.network.cut(site, other)
            self.network.cut(other, site)

    async def settled(self, phone: Phone) -> None:
        """Do what sextetd does once a phone has registered inside: one peer has it, and the other knows which."""
        hosts = {number: self.inner.hosts[number] for number in BOTH}
        alias = phone.uri.removeprefix("sip:")

        def has(number: int) -> bool:
            return any(f":{phone.address[1]}" in one.contact for one in hosts[number].registrations.get(alias, ()))

        async def holding() -> int | None:
            return next((number for number in BOTH if has(number)), None)

        holder = await eventually(f"{alias} is registered inside", holding)
        other = BOTH[holder % 2]
        for one in hosts[other].registrations.get(alias, ()):
            self.inner.engines[other].release(alias, one.device)
        await hosts[other].until(lambda: alias not in hosts[other].registrations)
        await self.inner.located(holder, alias)
        await self.inner.registered(holder, alias)


@pytest.fixture
def network() -> Iterator[Network]:
    with Network(SITES, one_way_s=0.005) as made:
        made.borders["inside"] = Border(ROUTER)
        yield made


@contextlib.asynccontextmanager
async def world(network: Network) -> AsyncIterator[World]:
    async with peers(EDGE, config=at_the_edge()) as edge, peers(INSIDE, config=behind_the_router()) as inner:
        # The edge first: who is asked before he listens is asked again only after ANSWER_S (kemi/zones/pinging.py).
        await asyncio.gather(*(begun(edge, number, network, f"edge{number}", b"of the edge") for number in BOTH))
        await asyncio.gather(*(begun(inner, number, network, "inside", b"of those inside") for number in BOTH))
        yield World(network, edge, inner)


async def begun(cluster: Peers, number: int, network: Network, site: str, secret: bytes) -> None:
    cluster.wanted[number] = cluster.want(number, BOTH, secret=secret)
    await at_site(network.sites[site], cluster.engine(number).start(cluster.wanted[number]))


async def shown(cluster: Peers, number: int, zone: str, *states: str, within_s: float = 20) -> None:
    """Wait until a peer shows a zone's addresses in these states."""
    host = cluster.hosts[number]
    seen = lambda: [one.state for one in host.zone[zone].addresses] if zone in host.zone else []
    await host.until(lambda: seen() == list(states), wait_s=within_s)


async def talk(caller: Phone, called: Phone) -> float:
    """Call, and have the other end hang up; gives the seconds until it was answered."""
    began, before = time.monotonic(), called.count("ACK")
    dialog = answered(await caller.call(called.uri.removeprefix("sip:")))
    took_s = time.monotonic() - began
    await called.rings("ACK", after=before)
    assert (await called.hang_up(called.dialogs[dialog.call_id])).status == 200
    return took_s


async def passed_over(caller: Phone, called: Phone) -> None:
    """Call in turn once more: whoever met the address that is lost would wait for it."""
    took_s = [await talk(caller, called) for _ in BOTH]
    assert max(took_s) < ZONE_MS / 1000, took_s


@apart
def test_an_endpoint_outside_is_served_through_either_edge_and_a_lost_edge_costs_seconds(network: Network) -> None:
    async def play() -> None:
        async with world(network) as at, at.within("alice", 1) as alice:
            await at.whole()
            seen = {one.host for number in BOTH for one in at.edge.hosts[number].zone["Inside"].addresses}
            assert seen == {ROUTER}
            assert (await alice.register()).status == 200
            await at.settled(alice)
            async with at.outside("bob", 1) as bob:
                assert (await bob.register()).status == 200
                await at.settled(bob)
                await talk(bob, alice)
                await talk(alice, bob)
                assert network.borders["inside"].dropped == 0  # nobody outside ever tried to come in
                at.lose("edge1")
                for number in BOTH:
                    await at.inner.engines[number].test_zone("Edge")  # else it takes PING_S longer until they show it
            async with at.outside("carol", 2, "edge.local") as carol, at.outside("bob", 2) as bob:
                assert (await carol.register()).status == 200
                took_s = [await talk(alice, carol) for _ in range(2)]  # in turn: one of them meets the lost edge
                assert max(took_s) < PASSED_OVER_S, took_s
                await passed_over(alice, carol)
                assert (await bob.register()).status == 200
                await at.settled(bob)
                await talk(bob, alice)
                await talk(alice, bob)
                for number in BOTH:
                    await shown(at.inner, number, "Edge", "failed", "active")
                await shown(at.edge, 2, "Inside", "active", "active")

    asyncio.run(play())


def neighbour(domain: str, name: str, network: str) -> Root:
    """Configure a cluster that has a domain, and a neighbour with another one."""
    addresses = tuple(ZonePeer(address=f"{network}.{number}") for number in BOTH)
    rule = SearchRule(
        name=f"To {name}", mode="Alias pattern match", pattern=f"@{name}.local", pattern_type="Suffix",
        behavior="Leave", target=name,
    )  # fmt: skip
    return linked(
        replace(
            CONFIG, domains=(Domain(name=f"{domain}.local"),), zones=(Zone(name=name, peers=addresses),),
            search_rules=(*DEFAULT_RULES, rule),
        )
    )  # fmt: skip


def test_neighbours_call_each_other_over_whichever_peer_and_one_that_died_costs_one_caller_seconds() -> None:
    async def play() -> None:
        async with (
            peers(WEST, config=neighbour("west", "east", EAST)) as west,
            peers(EAST, config=neighbour("east", "west", WEST)) as east,
            contextlib.AsyncExitStack() as stack,
        ):
            await asyncio.gather(west.start(*BOTH, secret=b"of the west"), east.start(*BOTH, secret=b"of the east"))
            alice = await stack.enter_async_context(phone(west, 2, "alice", domain="west.local"))
            bob = await stack.enter_async_context(phone(east, 2, "bob", "tls", domain="east.local"))
            for cluster, zone, device in ((west, "east", alice), (east, "west", bob)):
                await cluster.engines[1].test_zone(zone)  # the first to start asked those that were not there yet
                for number in BOTH:
                    await shown(cluster, number, zone, "active", "active")
                assert (await device.register()).status == 200
                await cluster.registered(2, device.uri.removeprefix("sip:"))
            for _ in range(2):  # in turn: over the peer that has the device, and over the one that has not
                await talk(alice, bob)
                await talk(bob, alice)
            for host in (*west.hosts.values(), *east.hosts.values()):
                await host.until(lambda host=host: bool(host.ended))
            await east.engines[1].stop()
            took_s = [await talk(alice, bob) for _ in range(2)]
            assert max(took_s) < PASSED_OVER_S, took_s
            await passed_over(alice, bob)
            await shown(west, 2, "east", "failed", "active")
            await talk(bob, alice)

    asyncio.run(play())
