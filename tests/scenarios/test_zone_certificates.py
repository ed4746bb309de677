"""Certificates of zones with real Kamailios: a neighbour is whom its certificate names, whichever side connects."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sextet.lab.authority import issue, new_authority
from sextet.lab.dns import NameServer, Records
from sextet.model.sections import Root
from sextet.model.settings.dialplan import SearchRule
from sextet.model.settings.protocols import Domain
from sextet.model.settings.registration import Authentication
from sextet.model.settings.system import Server, System
from sextet.model.settings.zones import DNS, AccessRule, DefaultZone, Zone, ZonePeer
from sextet.sip.kemi.routing.forking import ZONE_MS
from tests.support.real_lab import eventually
from tests.support.sip_peers import CONFIG, Peers, answered, peers, phone, refused
from tests.support.tables import linked

pytestmark = pytest.mark.scenario
NETWORK = "127.65.1"
OPEN = Authentication(local_zone="Do not check credentials")
NOW = datetime.datetime.now(datetime.UTC)  # wall clock: certificates have dates


def config(at: Peers, towards: int, **more: object) -> Root:
    zone = Zone(name="Other", tls_verify=True, peers=(ZonePeer(address=at.address(towards)),))
    rules = (
        SearchRule(name="Local", target="LocalZone", behavior="Leave", priority=50),
        SearchRule(name="Over", target="Other", behavior="Leave"),
    )
    given = {"authentication": OPEN, "zones": (zone,), "search_rules": rules} | more
    return linked(replace(CONFIG, **given))  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def neighbours(**names: tuple[str, ...]) -> AsyncIterator[Peers]:
    """Start two systems that are each other's neighbours, with certificates of one authority for these names."""
    authority = new_authority("Test root", NOW)
    async with peers(NETWORK) as at:
        trusted = at.directory / "trusted.pem"
        trusted.write_bytes(authority.pem)
        for number, other in ((1, 2), (2, 1)):
            files = at.directory / f"own{number}.pem", at.directory / f"key{number}.pem"
            issue(authority, names.get(f"of_{number}", (at.address(number),)), NOW).write(*files)
            await at.start(
                number, config=config(at, other), neighbours=(), secret=f"of {number}".encode(),
                certificate=files[0], private_key=files[1], trusted=trusted,
            )  # fmt: skip
        await at.engines[1].test_zone("Other")  # the other one was not there when it was asked first
        yield at


@contextlib.asynccontextmanager
async def named_by_dns(known: Records) -> AsyncIterator[Server]:
    """Answer names on a loopback address."""
    loop = asyncio.get_running_loop()
    _, server = await loop.create_datagram_endpoint(lambda: NameServer(known), local_addr=(f"{NETWORK}.53", 5353))
    try:
        yield Server(address=f"{NETWORK}.53:5353")
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def asked_for(at: Peers, address: str) -> AsyncIterator[list[str | None]]:
    """Listen for TLS; gives the names (SNI) that connections were made for."""
    names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(at.directory / "certificate.pem", at.directory / "key.pem")
    context.sni_callback = lambda _, name, __: names.append(name)
    server = await asyncio.start_server(lambda _, writer: writer.close(), address, 5061, ssl=context)
    try:
        yield names
    finally:
        server.close()
        await server.wait_closed()


async def until(at: Peers, number: int, state: str) -> None:
    host = at.hosts[number]
    await host.until(lambda: "Other" in host.zone and host.zone["Other"].state == state, wait_s=25)


def test_neighbours_with_the_right_names_call_each_other() -> None:
    async def play() -> None:
        async with neighbours() as at, phone(at, 1, "alice") as alice, phone(at, 2, "bob") as bob:
            for number in (1, 2):
                await until(at, number, "Active")
                assert at.hosts[number].zone["Other"].addresses[0].identity == at.address(3 - number)
            await alice.register()
            await bob.register()
            await at.registered(1, "alice@apolo.local")
            await at.registered(2, "bob@apolo.local")
            there = answered(await alice.call("bob@apolo.local"))
            assert (await alice.hang_up(there)).status == 200
            back = answered(await bob.call("alice@apolo.local"))
            assert (await bob.hang_up(back)).status == 200

    asyncio.run(play())


def test_a_neighbour_with_another_name_is_neither_called_nor_heard() -> None:
    async def play() -> None:
        async with (
            neighbours(of_2=("somebody.example",)) as at,
            phone(at, 1, "alice") as alice,
            phone(at, 2, "bob") as bob,
        ):
            wrong = "its certificate names somebody.example, not 127.65.1.2"
            host = at.hosts[1]  # the other one may not have been there when it was asked first
            await host.until(lambda: wrong in host.zone["Other"].addresses[0].reason, wait_s=25)
            await until(at, 2, "Active")
            async with asyncio.timeout(ZONE_MS / 1000):  # which it would take to call there
                assert refused(await alice.call("bob@apolo.local")).status == 480
            missed = refused(await bob.call("alice@apolo.local"))
            assert missed.status == 403

    asyncio.run(play())


def test_a_domain_is_called_where_the_certificate_names_it_and_nowhere_else() -> None:
    async def play() -> None:
        known: Records = {("h.apolo.local.", "A"): [f"{NETWORK}.2"]}
        for domain in ("far", "other"):
            known[(f"_sips._tcp.{domain}.apolo.local.", "SRV")] = ["1 1 5061 h.apolo.local."]
            known[(f"_sip._udp.{domain}.apolo.local.", "SRV")] = ["9 1 5060 h.apolo.local."]
        async with (
            named_by_dns(known) as server,
            neighbours(of_2=("far.apolo.local",)) as at,
            phone(at, 1, "alice") as alice,
        ):
            world = Zone(name="World", type=DNS, tls_verify=True)
            towards = replace(CONFIG, authentication=OPEN, zones=(world,), system=System(dns_servers=(server,)))
            await at.apply(1, config=linked(replace(towards, search_rules=(SearchRule(name="w", target="World"),))))
            there = replace(
                CONFIG, authentication=OPEN, domains=(Domain(name="far.apolo.local"), Domain(name="other.apolo.local"))
            )
            await at.apply(2, config=linked(replace(there, search_rules=(SearchRule(name="l", target="LocalZone"),))))
            async with (
                phone(at, 2, "bob", domain="far.apolo.local") as bob,
                phone(at, 2, "eve", domain="other.apolo.local") as eve,
            ):
                for device in (bob, eve):
                    assert (await device.register()).status == 200
                for _ in range(2):  # the second one over the connection that is there
                    dialog = answered(await alice.call("bob@far.apolo.local"))
                    assert (await alice.hang_up(dialog)).status == 200
                refusal = refused(await alice.call("eve@other.apolo.local"))
                wrong = "its certificate names far.apolo.local, not other.apolo.local"
                assert refusal.status == 480
                assert f"zone World: {NETWORK}.2:5061: {wrong}" in refusal.get("reason")
                host = at.hosts[1]
                await host.until(
                    lambda: "World" in host.zone and [one.reason for one in host.zone["World"].addresses] == [wrong]
                )
                assert host.zone["World"].state == "On"
                again = answered(await alice.call("bob@far.apolo.local"))  # its connection was left alone
                assert (await alice.hang_up(again)).status == 200
                assert eve.count() == 0

    asyncio.run(play())


def test_who_is_connected_to_hears_which_name_it_is_for() -> None:
    """RFC 6066 3: an IP address is no name."""

    async def play() -> None:
        gate, world, plain = (f"{NETWORK}.{last}" for last in (81, 82, 83))
        known: Records = {
            ("gate.test.", "A"): [gate],
            ("_sips._tcp.world.apolo.local.", "SRV"): ["1 1 5061 host.world.apolo.local."],
            ("host.world.apolo.local.", "A"): [world],
        }
        zones = (
            Zone(name="Gate", peers=(ZonePeer(address="Gate.test"),)),
            Zone(name="Plain", peers=(ZonePeer(address=plain),)),
            Zone(name="World", type=DNS, tls_verify=True),
        )
        rules = (SearchRule(name="World", target="World", behavior="Leave"),)
        async with named_by_dns(known) as server, peers(NETWORK) as at:
            made = linked(
                replace(
                    CONFIG, authentication=OPEN, zones=zones, search_rules=rules, system=System(dns_servers=(server,))
                )
            )
            async with (
                asked_for(at, gate) as of_gate,
                asked_for(at, world) as of_world,
                asked_for(at, plain) as of_plain,
            ):
                await at.start(1, config=made, trusted=at.directory / "certificate.pem")
                async with phone(at, 1, "alice") as alice:
                    assert refused(await alice.call("bob@world.apolo.local")).status == 480
                await eventually(
                    "the neighbours are asked", lambda: _first(of_gate, of_plain), wanted=["gate.test", None]
                )
                assert set(of_world) == {"world.apolo.local"}

    asyncio.run(play())


async def _first(*names: list[str | None]) -> list[str | None]:
    return [one for each in names for one in each[:1]]


def test_access_rules_let_in_whose_certificate_they_allow() -> None:
    async def play() -> None:
        async with neighbours() as at, phone(at, 1, "alice") as alice, phone(at, 2, "bob") as bob:
            await until(at, 1, "Active")
            await bob.register()
            await at.registered(2, "bob@apolo.local")
            for pattern, allowed in ((r"127\.65\.1\.1", True), ("other", False)):
                rules = (AccessRule(name="r", pattern=pattern),)
                strict = replace(
                    linked(replace(CONFIG, authentication=OPEN)),
                    default_zone=DefaultZone(use_access_rules=True, access_rules=rules),
                )
                await at.apply(2, config=strict)
                result = await alice.call("bob@apolo.local")
                if allowed:
                    assert (await alice.hang_up(answered(result))).status == 200
                else:
                    assert refused(result).status == 403
            async with phone(at, 2, "mallory", "tcp") as stranger:
                assert refused(await stranger.call("bob@apolo.local")).status == 403

    asyncio.run(play())
