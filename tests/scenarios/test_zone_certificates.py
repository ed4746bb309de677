"""Certificates of zones with real Kamailios: a neighbour is whom its certificate names, whichever side connects."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from sextet.lab.authority import Issued, issue, new_authority
from sextet.lab.dns import NameServer, Records
from sextet.model.sections import Root
from sextet.model.settings.dialplan import SearchRule
from sextet.model.settings.protocols import Domain
from sextet.model.settings.registration import Authentication
from sextet.model.settings.system import Server, System
from sextet.model.settings.zones import DNS, AccessRule, DefaultZone, Zone, ZonePeer
from sextet.sip.kemi.routing.forking import ZONE_MS
from sextet.sip.rpc import command
from sextet.streams import StreamServer
from tests.support.far_system import FarSystem
from tests.support.real_lab import eventually
from tests.support.sip_client import SDP, T1_S, Phone
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

    async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None: ...

    server = StreamServer(hangs_up)
    server.listen(address, 5061, context)
    try:
        yield names
    finally:
        await server.stop()


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


def test_each_branch_of_a_call_connects_for_its_own_name_and_with_its_own_check() -> None:
    """One zone is not checked and two are, by an authority that vouches for neither; none was connected to before."""

    async def play() -> None:
        places = {name: f"{NETWORK}.{last}" for name, last in (("free", 84), ("one", 85), ("two", 86))}
        known: Records = {(f"{name}.test.", "A"): [place] for name, place in places.items()}
        known[("_sips._tcp.far.apolo.local.", "SRV")] = ["1 1 5061 free.test."]
        checked = tuple(
            Zone(name=name, tls_verify=True, monitor=False, peers=(ZonePeer(address=f"{name}.test"),))
            for name in ("one", "two")
        )
        zones = (Zone(name="free", type=DNS), *checked)
        rules = tuple(SearchRule(name=zone.name, target=zone.name, behavior="Leave") for zone in zones)
        async with named_by_dns(known) as server, peers(NETWORK) as at, contextlib.AsyncExitStack() as stack:
            own = at.directory / "certificate.pem", at.directory / "key.pem"
            far = {
                name: await stack.enter_async_context(FarSystem(name, place, *own)) for name, place in places.items()
            }
            trusted = at.directory / "others.pem"
            trusted.write_bytes(new_authority("Others", NOW).pem)
            system = System(dns_servers=(server,))
            config = replace(CONFIG, authentication=OPEN, zones=zones, search_rules=rules, system=system)
            await at.start(1, config=linked(config), trusted=trusted)
            async with phone(at, 1, "alice") as alice:
                dialog = answered(await alice.call("bob@far.apolo.local"))
                assert {name: one.bound_for for name, one in far.items()} == {
                    "free": ["far.apolo.local"], "one": ["one.test"], "two": ["two.test"],
                }  # fmt: skip
                assert (await alice.hang_up(dialog)).status == 200
            assert {name: one.count() for name, one in far.items()} == {"free": 1, "one": 0, "two": 0}

    asyncio.run(play())


@contextlib.asynccontextmanager
async def far_away(records: str = "", contact: str = "") -> AsyncIterator[tuple[Peers, FarSystem, Phone, Issued]]:
    """A peer with a DNS zone that is checked, the domain far.apolo.local as it should be, and a caller."""
    place, authority = f"{NETWORK}.87", new_authority("Test root", NOW)
    known: Records = {("_sips._tcp.far.apolo.local.", "SRV"): ["1 1 5061 host.far.apolo.local."]}
    known |= {(f"{name}.far.apolo.local.", "A"): [place] for name in ("host", "edge")}
    async with named_by_dns(known) as server, peers(NETWORK) as at:
        trusted = at.directory / "trusted.pem"
        trusted.write_bytes(authority.pem)
        world = Zone(name="World", type=DNS, tls_verify=True)
        rules = (SearchRule(name="World", target="World", behavior="Leave"),)
        system = System(dns_servers=(server,))
        config = replace(CONFIG, authentication=OPEN, zones=(world,), search_rules=rules, system=system)
        async with FarSystem("bob", place, *named(at, authority, "far.apolo.local"), records=records) as far:
            far.gruu = contact
            await at.start(1, config=linked(config), trusted=trusted)
            async with phone(at, 1, "alice") as alice:
                yield at, far, alice, authority


def named(at: Peers, authority: Issued, name: str) -> tuple[Path, Path]:
    """Make a certificate for a name; gives its files."""
    files = at.directory / f"{name}.pem", at.directory / f"{name}.key"
    issue(authority, (name,), NOW).write(*files)
    return files


async def lose(at: Peers, far: FarSystem) -> None:
    """Let the far system close the connection, and wait until it is gone here too."""
    far.cut()

    async def connections() -> int:
        found = await command(at.run_dir(1), "core.tcp_list")
        return sum(one["type"] == "TLS" for one in (found if isinstance(found, list) else [found] if found else []))

    await eventually("the connection is closed", connections, wanted=0)


@pytest.mark.parametrize(
    "records", ["", f"{NETWORK}.87:5061", "edge.far.apolo.local"], ids=["", "on the route", "by name"]
)
def test_what_follows_in_a_call_goes_over_a_new_connection_once_that_has_shown_the_name(records: str) -> None:
    async def play() -> None:
        async with far_away(records) as (at, far, alice, authority):
            dialog = answered(await alice.call("bob@far.apolo.local"))
            await far.rings("ACK")
            await lose(at, far)
            assert (await alice.offer(dialog, SDP)).status == 200
            await far.rings("ACK", after=1)
            await lose(at, far)
            theirs = far.dialogs[dialog.call_id]
            assert (await alice.hang_up(dialog)).status == 200
            came = [(method, number) for method, number in far.over if method in ("INVITE", "ACK", "BYE")]
            assert came == [("INVITE", 1), ("ACK", 1), ("INVITE", 2), ("ACK", 2), ("BYE", 3)]
            assert far.over.count(("OPTIONS", 3)) == 1
            assert theirs.ended.is_set()

    asyncio.run(play())


def test_nothing_of_a_call_goes_to_who_shows_another_name_later_and_the_zone_shows_why() -> None:
    async def play() -> None:
        async with far_away() as (at, far, alice, authority):
            dialog, other = [answered(await alice.call("bob@far.apolo.local")) for _ in range(2)]
            await far.rings("ACK", after=1)
            far.show(*named(at, authority, "other.apolo.local"))
            await lose(at, far)
            wrong = "its certificate names other.apolo.local, not far.apolo.local"
            for method in ("INVITE", "BYE"):
                refusal = await alice.within(dialog, method, SDP if method == "INVITE" else "")
                assert refusal.status == 500
                assert f"{NETWORK}.87:5061: {wrong}" in refusal.get("reason")
            await at.hosts[1].until(lambda: [one.reason for one in at.hosts[1].zone["World"].addresses] == [wrong])
            assert [(one.state, one.host) for one in at.hosts[1].zone["World"].addresses] == [
                ("refused", "far.apolo.local")
            ]
            await at.engines[1].disconnect(other.call_id, "Disconnected by administrator admin")
            await asyncio.wait_for(other.ended.wait(), T1_S * 10)
            await at.hosts[1].until(lambda: other.call_id in at.hosts[1].ended)
            assert {method for method, number in far.over if number > 1} == {"OPTIONS"}
            assert not far.dialogs[other.call_id].ended.is_set()
            assert set(far.bound_for[1:]) == {"far.apolo.local"}

    asyncio.run(play())


def test_an_ack_that_has_to_go_elsewhere_arrives_when_the_answer_has_come_again() -> None:
    async def play() -> None:
        elsewhere = f"{NETWORK}.88"
        async with (
            far_away(contact=f"sip:bob@{elsewhere}:5061;transport=tls") as (at, far, alice, authority),
            FarSystem("bob", elsewhere, *named(at, authority, "far.apolo.local")) as other,
        ):
            dialog = answered(await alice.call("bob@far.apolo.local"))
            invite = await far.rings()
            again = 0
            while not other.count("ACK"):  # RFC 3261 13.3.1.4, 13.2.2.4
                again += 1
                far.reply(invite, 200, body=SDP)
                await alice.hears(200, after=again)
                alice.acknowledge(dialog)
                with contextlib.suppress(TimeoutError):
                    await other.rings("ACK", wait_s=T1_S)
            assert (await alice.hang_up(dialog)).status == 200
            assert other.count("BYE") == 1
            assert far.count("ACK") == far.count("BYE") == 0

    asyncio.run(play())


async def _first(*names: list[str | None]) -> list[str | None]:
    return [one for each in names for one in each[:1]]


def test_access_rules_let_in_whose_certificate_they_allow() -> None:
    async def play() -> None:
        async with neighbours() as at, phone(at, 1, "alice") as alice, phone(at, 2, "bob") as bob:
            await until(at, 1, "Active")
            await bob.register()
            await at.registered(2, "bob@apolo.local")
            named = AccessRule(name="r", pattern=r"127\.65\.1\.1")
            denied = replace(named, name="d", action="Deny", priority=1)
            for rules, objection in (
                ((named,), ""),
                ((replace(named, pattern="other"),), "no access rule allows"),
                ((named, denied), "access rule d denies"),
            ):
                strict = replace(
                    linked(replace(CONFIG, authentication=OPEN)),
                    default_zone=DefaultZone(use_access_rules=True, access_rules=rules),
                )
                await at.apply(2, config=strict)
                result = await alice.call("bob@apolo.local")
                if not objection:
                    assert (await alice.hang_up(answered(result))).status == 200
                else:
                    answer = refused(result)
                    assert (answer.status, objection in answer.get("reason")) == (403, True), answer.get("reason")
            async with phone(at, 2, "mallory", "tcp") as stranger:
                assert refused(await stranger.call("bob@apolo.local")).status == 403

    asyncio.run(play())
