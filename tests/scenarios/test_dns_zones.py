"""DNS and ENUM zones with a real Kamailio and a stand-in DNS: a call waits for the answer, and no worker does."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sextet.lab.dns import NameServer, Records
from sextet.model.sections import Root
from sextet.model.settings.dialplan import SearchRule
from sextet.model.settings.registration import Authentication
from sextet.model.settings.system import Server, System
from sextet.model.settings.zones import BY_SERVICE, DNS, ENUM, Zone
from sextet.sip.kemi.asking.questions import WAIT_MS
from sextet.sip.rpc import command
from tests.support.sip_client import Phone
from tests.support.sip_peers import CONFIG, Peers, answered, peers, phone, refused
from tests.support.tables import linked

pytestmark = pytest.mark.scenario
NETWORK = "127.64.1"
NAMESERVER = f"{NETWORK}.53"
WORLD = Zone(name="World", type=DNS)
NUMBERS = Zone(name="Numbers", type=ENUM, dns_suffix="enum.apolo.local", hop_count=9)
RULES = (
    SearchRule(
        name="Numbers", target="Numbers", mode="Alias pattern match", pattern_type="Regex", pattern=r"\d+@.*",
        behavior="Leave", priority=40, on_match="Stop",
    ),
    SearchRule(name="World", target="World", behavior="Leave"),
)  # fmt: skip


@contextlib.asynccontextmanager
async def named(config: Root, known: Records) -> AsyncIterator[tuple[Peers, NameServer]]:
    """A peer and its DNS, which answers with these records."""
    loop = asyncio.get_running_loop()
    _, server = await loop.create_datagram_endpoint(lambda: NameServer(known), local_addr=(NAMESERVER, 5353))
    system = System(dns_servers=(Server(address=f"{NAMESERVER}:5353"),))
    try:
        async with peers(NETWORK, 1, config=linked(replace(config, system=system))) as at:
            yield at, server
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def world() -> AsyncIterator[tuple[Peers, NameServer, Phone]]:
    """A peer whose calls go to DNS and ENUM zones, its DNS, and a phone that answers for a whole domain."""
    known: Records = {}
    unchecked = Authentication(local_zone="Do not check credentials")
    config = replace(CONFIG, authentication=unchecked, zones=(WORLD, NUMBERS), search_rules=RULES)
    async with (
        named(config, known) as (at, server),
        phone(at, 1, "far", local_ip=f"{NETWORK}.77", domain="far.apolo.local") as far,
    ):
        port = far.address[1]
        known[("_sip._udp.far.apolo.local.", "SRV")] = [f"1 1 {port} h.far.apolo.local."]
        known[("h.far.apolo.local.", "A")] = [f"{NETWORK}.77"]
        known[("4.3.2.1.enum.apolo.local.", "NAPTR")] = ['1 1 "u" "E2U+sip" "!^.*$!sip:bob@far.apolo.local!" .']
        yield at, server, far


def test_a_domain_is_called_where_dns_says_and_the_next_call_waits_for_nothing() -> None:
    async def play() -> None:
        async with world() as (at, server, far), phone(at, 1, "alice") as alice:
            dialog = answered(await alice.call("bob@far.apolo.local"))
            invite = await far.rings()
            assert invite.first.startswith("INVITE sip:bob@far.apolo.local")
            assert (await at.hosts[1].call(dialog)).route == "World"
            assert (await alice.hang_up(dialog)).status == 200
            server.known.clear()
            again = answered(await alice.call("carol@far.apolo.local"))
            assert (await alice.hang_up(again)).status == 200

    asyncio.run(play())


def test_an_ip_address_is_called_itself_whoever_is_registered_calls_it() -> None:
    async def play() -> None:
        async with (
            world() as (at, server, _),
            phone(at, 1, "alice") as alice,
            phone(at, 1, "far", local_ip=f"{NETWORK}.79", local_port=5060) as far,
        ):
            await server.stop()
            assert refused(await alice.call(f"bob@{NETWORK}.79")).status == 404, "she is a stranger"
            assert (await alice.register()).status == 200
            indirect = replace(RULES[1], name="Indirect", mode="Any IP address")
            await at.apply(1, config=replace(at.wanted[1].config, search_rules=(*RULES, indirect)))
            for number, called in enumerate((f"bob@{NETWORK}.79", f"{NETWORK}.79")):
                dialog = answered(await alice.call(called))
                invite = await far.rings(after=number)
                assert invite.first.startswith(f"INVITE sip:{called}")
                assert (await alice.hang_up(dialog)).status == 200

    asyncio.run(play())


def test_a_neighbour_is_found_by_its_service_records_and_known_by_the_addresses_that_these_name() -> None:
    async def play() -> None:
        branch = Zone(
            name="Branch", look_up=BY_SERVICE, service_domain="branch.test", sip_transport="UDP", monitor=False,
            hop_count=4, service_peers=1,
        )  # fmt: skip
        config = replace(CONFIG, zones=(branch,), search_rules=(SearchRule(name="Branch", target="Branch"),))
        async with (
            Phone("far", f"{NETWORK}.1", local_ip=f"{NETWORK}.77", domain="branch.test") as far,
            Phone("x", f"{NETWORK}.1", local_ip=f"{NETWORK}.78", domain="branch.test") as second,
        ):
            known: Records = {
                ("_sip._udp.branch.test.", "SRV"): [
                    f"2 1 {far.address[1]} one.branch.test.", "3 1 9 two.branch.test.",
                ],
                ("one.branch.test.", "A"): [far.address[0]],
                ("two.branch.test.", "A"): [second.address[0]],  # beyond Maximum SRV peers
            }  # fmt: skip
            async with named(config, known) as (at, _), phone(at, 1, "alice") as alice:
                assert (await alice.register()).status == 200
                await at.hosts[1].until(lambda: "Branch" in at.hosts[1].zone)
                assert len(at.hosts[1].zone["Branch"].addresses) == 1
                dialog = answered(await alice.call("x@branch.test"))
                invite = await far.rings()
                assert (invite.first.split()[1], invite.get("max-forwards")) == ("sip:x@branch.test", "4")
                assert (await alice.hang_up(dialog)).status == 200
                told = at.traces[1].searches
                for system, source in ((far, "Branch"), (second, "DefaultZone")):
                    await system.call(f"nobody@{NETWORK}.1")
                    await at.hosts[1].until(lambda name=source: any(one.source == name for one in told.values()))

    asyncio.run(play())


def test_a_number_is_called_at_the_alias_that_enum_names_with_its_hops_kept() -> None:
    async def play() -> None:
        async with world() as (at, _, far), phone(at, 1, "alice") as alice:
            dialog = answered(await alice.call("1234@apolo.local"))
            invite = await far.rings()
            assert invite.first.startswith("INVITE sip:bob@far.apolo.local")
            assert 0 < int(invite.get("max-forwards")) <= 15
            assert (await alice.hang_up(dialog)).status == 200
            async with asyncio.timeout(WAIT_MS / 1000):
                assert refused(await alice.call("999@apolo.local")).status == 480

    asyncio.run(play())


@pytest.mark.parametrize("first", ["503", "refused"])
def test_while_a_device_rings_the_next_address_is_called_at_once_where_the_way_to_one_fails(first: str) -> None:
    async def play() -> None:
        async with (
            world() as (at, server, far),
            phone(at, 1, "full", local_ip=f"{NETWORK}.78", domain="far.apolo.local") as full,
            phone(at, 1, "alice") as alice,
            phone(at, 1, "carol") as carol,
        ):
            full.status, carol.status = 503, 0
            assert (await carol.register()).status == 200
            here = SearchRule(
                name="Here", target="LocalZone", mode="Alias pattern match", pattern="bob@far.apolo.local",
                behavior="Replace", replace="carol@apolo.local", priority=100, on_match="Continue",
            )  # fmt: skip
            await at.apply(1, config=replace(at.wanted[1].config, search_rules=(here, RULES[1])))
            server.known[("first.far.apolo.local.", "A")] = [f"{NETWORK}.78"]
            port, more = (full.address[1], [f"2 1 {far.address[1]} h.far.apolo.local."]) if first == "503" else (9, [])
            service = f"_sip.{'_udp' if first == '503' else '_tcp'}.far.apolo.local."
            server.known[(service, "SRV")] = [f"1 1 {port} first.far.apolo.local.", *more]
            async with asyncio.timeout(2):  # a whole round would wait for carol
                dialog = answered(await alice.call("bob@far.apolo.local"))
            assert (far.count(), carol.count(), full.count()) == (1, 1, int(first == "503"))
            await carol.rings("CANCEL")
            assert (await alice.hang_up(dialog)).status == 200

    asyncio.run(play())


def test_a_dns_that_is_silent_costs_that_call_a_few_seconds_and_no_other_any() -> None:
    async def play() -> None:
        async with world() as (at, server, _), phone(at, 1, "alice") as alice, phone(at, 1, "bob") as bob:
            await server.stop()
            waiting = [asyncio.create_task(alice.call(f"x@d{n}.apolo.local", wait_s=12)) for n in range(20)]
            await asyncio.sleep(0)
            started = asyncio.get_running_loop().time()
            for _ in range(10):
                assert (await bob.request("OPTIONS", f"sip:{at.address(1)}")).status == 200
            assert not any(call.done() for call in waiting)
            for call in waiting:
                assert refused(await call).status == 480
            assert asyncio.get_running_loop().time() - started < 9

    asyncio.run(play())


def test_without_sextetd_a_call_that_needs_dns_is_refused_at_once() -> None:
    async def play() -> None:
        async with world() as (at, _, far), phone(at, 1, "alice") as alice:
            known = answered(await alice.call("bob@far.apolo.local"))
            await alice.hang_up(known)
            await at.engines[1].stop(leave_running=True)
            async with asyncio.timeout(WAIT_MS / 1000):
                assert refused(await alice.call("bob@other.apolo.local")).status == 480
            dialog = answered(await alice.call("bob@far.apolo.local"))  # its answer is still kept
            await alice.hang_up(dialog)
            assert "far.apolo.local" in json.dumps(await command(at.run_dir(1), "htable.dump", "dns"))
            await at.engine(1).start(at.wanted[1])

    asyncio.run(play())
