"""Registrations that an edge carries inside, with two real systems: who is counted, called back, and refused."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sextet.engine import Shared
from sextet.lab.policy_server import PolicyServer
from sextet.model.capacity import PROXIED, PROXIED_HERE, RMS
from sextet.model.sections import Root
from sextet.model.settings.dialplan import SearchRule
from sextet.model.settings.policy import CallPolicy
from sextet.model.settings.policy_services import PolicyServer as PolicyAddress
from sextet.model.settings.policy_services import PolicyService
from sextet.model.settings.protocols import PROXY_KNOWN, PROXY_OFF, Domain, Protocols
from sextet.model.settings.registration import Credential, Registration
from sextet.model.settings.zones import TRAVERSAL_CLIENT, TRAVERSAL_SERVER, Zone, ZonePeer
from sextet.sip.rpc import command
from tests.support.relay import Relay
from tests.support.sip_client import Phone
from tests.support.sip_peers import CONFIG, Peers, answered, peers, phone, refused
from tests.support.tables import linked

pytestmark = pytest.mark.scenario
NETWORK = "127.61.91"
E, C, FRONT = 1, 2, 9  # C knows E by the address of a relay, which E does not know itself: as behind a firewall
ALICE, BOB, CAROL = (f"{user}@apolo.local" for user in ("alice", "bob", "carol"))
PASSWORD = "in-the-vault"
INSTANCE = "00000000-0000-1000-8000-aabbccddee02"


def edge(zone: Zone, mode: str = PROXY_KNOWN) -> Root:
    config = replace(
        CONFIG,
        protocols=Protocols(sip_udp=True, sip_tcp=True, registration_proxy_mode=mode),
        domains=(Domain(name="edge.local"),),
        zones=(zone,),
        search_rules=(
            SearchRule(
                name="Inside", mode="Alias pattern match", pattern="@apolo.local", pattern_type="Suffix",
                behavior="Leave", target=zone.name,
            ),
        ),
        credentials=(Credential(name="client", password=PASSWORD),),
    )  # fmt: skip
    return linked(config)


def inside(zone: Zone) -> Root:
    return linked(replace(CONFIG, zones=(zone,)))


@contextlib.asynccontextmanager
async def neighbours(mode: str = PROXY_KNOWN, **changes: object) -> AsyncIterator[Peers]:
    def zone(at: Peers, number: int, **more: object) -> Zone:
        found = (ZonePeer(address=at.address(number)),)
        return Zone(name="Other", sip_port=5060, sip_transport="TCP", peers=found, **more)  # type: ignore[arg-type]

    async with peers(NETWORK) as at:
        await at.start(E, config=edge(zone(at, C), mode), secret=b"of E")
        await at.start(C, config=inside(zone(at, E, **changes)), secret=b"of C")
        await at.engines[E].test_zone("Other")  # C was not there when it was asked first
        await active(at)
        yield at


@contextlib.asynccontextmanager
async def traversal() -> AsyncIterator[Peers]:
    server = Zone(name="Other", type=TRAVERSAL_SERVER, user_name="client")
    async with peers(NETWORK) as at:
        client = Zone(
            name="Other", type=TRAVERSAL_CLIENT, user_name="client", password=PASSWORD, retry_interval=2,
            peers=(ZonePeer(address=at.address(FRONT)),),
        )  # fmt: skip
        await at.start(E, config=edge(server), secret=b"of E")
        async with Relay((at.address(FRONT), 7001), (at.address(E), 7001)):
            await at.start(C, config=inside(client), secret=b"of C")
            await active(at)
            yield at


async def active(at: Peers) -> None:
    for number in (E, C):
        host = at.hosts[number]
        await host.until(lambda host=host: "Other" in host.zone and host.zone["Other"].state == "Active", wait_s=25)


def outside(at: Peers, transport: str = "tcp", user: str = "bob", reg_id: str = "1") -> Phone:
    return phone(at, E, user, transport, instance=INSTANCE, reg_id=reg_id, outbound=True)


@pytest.mark.parametrize(("between", "transport"), [(neighbours, "udp"), (neighbours, "tls"), (traversal, "tcp")])
def test_an_endpoint_outside_registers_inside_and_calls_go_both_ways(between: object, transport: str) -> None:
    async def play() -> None:
        async with between() as at, outside(at, transport) as bob, phone(at, C, "alice") as alice:  # type: ignore[operator]
            registered = await bob.register()
            assert registered.status == 200
            assert "outbound" in registered.get("require") and "expires=" in registered.get("contact")
            assert registered.get("path").startswith(f"<sip:{at.address(E)}:") and ";sxf=" in registered.get("path")
            assert (await alice.register()).status == 200
            await at.registered(C, BOB)
            await at.registered(C, ALICE)
            assert at.hosts[E].registrations == {}
            await at.hosts[E].until(lambda: at.hosts[E].proxied == 1)
            assert at.hosts[C].proxied == 0
            await at.apply(E, limits={RMS: 0})  # the calls of an endpoint that is registered inside need no licence
            inward = answered(await alice.call(BOB))
            assert (await at.hosts[C].call(inward)).route == "Local Zone"
            assert bob.count() == 1
            assert (await bob.hang_up(bob.dialogs[inward.call_id])).status == 200
            again = answered(await alice.call(BOB))
            assert (await alice.hang_up(again)).status == 200
            out = answered(await bob.call(ALICE))
            assert (await alice.hang_up(alice.dialogs[out.call_id])).status == 200
            for number in (E, C):
                await at.hosts[number].until(lambda number=number: not at.hosts[number].calls)
            assert (await bob.register(0)).status == 200
            await at.hosts[C].until(lambda: BOB not in at.hosts[C].registrations)
            await at.hosts[E].until(lambda: at.hosts[E].proxied == 0)
            assert refused(await alice.call(BOB)).status == 404
            assert (await bob.register()).status == 200
            await at.hosts[E].until(lambda: at.hosts[E].proxied == 1)
            assert (await bob.register(0, contact="*")).status == 200
            await at.hosts[C].until(lambda: BOB not in at.hosts[C].registrations)
            await at.hosts[E].until(lambda: at.hosts[E].proxied == 0)

    asyncio.run(play())


def test_a_device_outside_is_called_by_its_uri_and_over_its_next_flow_when_one_is_gone() -> None:
    """The edge answers 430 for a flow that is gone (RFC 5626 5.3.1), and the registrar inside takes the next one."""

    async def play() -> None:
        async with neighbours() as at, phone(at, C, "alice") as alice, outside(at) as bob, outside(at) as second:
            second.reg_id = "2"
            for flow in (bob, second):
                assert (await flow.register(extra="Supported: gruu")).status == 200
            assert bob.gruu == second.gruu == f"sip:{BOB};gr=urn:uuid:{INSTANCE}"
            await at.registered(C, BOB, bindings=2)
            dialog = answered(await alice.call(f"{BOB};gr=urn:uuid:{INSTANCE}"))
            assert (bob.count(), second.count()) == (1, 0)
            assert (await alice.offer(dialog, bob.sdp)).status == 200
            assert (await bob.hang_up(bob.dialogs[dialog.call_id])).status == 200
            await bob.close()
            dialog = answered(await alice.call(f"{BOB};gr=urn:uuid:{INSTANCE}"))
            assert second.count() == 1
            assert (await alice.hang_up(dialog)).status == 200

    asyncio.run(play())


def test_a_wrong_password_is_the_inside_registrars_to_refuse_and_nothing_is_counted() -> None:
    async def play() -> None:
        async with neighbours() as at, outside(at) as bob:
            bob.password = "wrong"
            answer = await bob.register()
            assert (answer.status, 'realm="apolo.local"' in answer.get("www-authenticate")) == (401, True)
            assert BOB not in at.hosts[C].registrations
            await at.engines[E]._round()
            assert at.hosts[E].proxied == 0

    asyncio.run(play())


def test_an_edge_that_was_started_anew_carries_again_and_the_endpoint_is_one_device() -> None:
    async def play() -> None:
        async with neighbours() as at, phone(at, C, "alice") as alice:
            assert (await alice.register()).status == 200
            async with outside(at) as bob:
                assert (await bob.register()).status == 200
                await at.registered(C, BOB)
                await at.engines[E].stop()
            assert refused(await alice.call(BOB)).status in (404, 480)
            await at.start(E, config=at.wanted[E].config, secret=b"of E")
            await active(at)
            async with outside(at) as bob:
                assert (await bob.register()).status == 200
                await at.hosts[E].until(lambda: at.hosts[E].proxied == 1)
                await at.hosts[C].until(lambda: f":{bob.address[1]}" in at.hosts[C].registrations[BOB][0].contact)
                assert len(at.hosts[C].registrations[BOB]) == 1
                dialog = answered(await alice.call(BOB))
                assert (await alice.hang_up(dialog)).status == 200

    asyncio.run(play())


def test_off_carries_nothing_and_known_zones_only_are_carried_to() -> None:
    async def play() -> None:
        async with neighbours(PROXY_OFF) as at, outside(at) as bob:
            assert (await bob.register()).status == 401  # E's own challenge, as before
            config = at.wanted[E].config
            rules = (replace(config.search_rules[0], target="Anywhere"),)
            dns = Zone(name="Anywhere", type="DNS")
            known = replace(config.protocols, registration_proxy_mode=PROXY_KNOWN)
            await at.apply(
                E, config=linked(replace(config, protocols=known, search_rules=rules, zones=(*config.zones, dns)))
            )
            refusal = await bob.register()
            assert refusal.status == 403
            assert "no search rule leads bob@apolo.local to a zone" in refusal.get("reason")
            await at.hosts[E].until(lambda: bool(at.hosts[E].rejections))

    asyncio.run(play())


def test_call_policy_and_search_rules_judge_what_is_carried_by_their_services_and_the_restriction_policy_does_not() -> (
    None
):
    async def play() -> None:
        judge = PolicyService(name="Judge", protocol="HTTP", servers=(PolicyAddress(address=f"{NETWORK}.81:8080"),))
        server = PolicyServer(lambda _: "<proxy/>")
        await server.start(f"{NETWORK}.81", 8080)
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(server.stop)
            at = await stack.enter_async_context(neighbours())
            bob = await stack.enter_async_context(outside(at))
            before = replace(
                at.wanted[E].config, policy_services=(judge,),
                registration=Registration(restriction_policy="Policy service", service="Judge"),
            )  # fmt: skip
            await at.apply(E, config=replace(before, call_policy=CallPolicy(mode="Policy service", service="Judge")))
            assert (await bob.register()).status == 200
            assert {(one["POLICY_TYPE"], one["METHOD"], one["DESTINATION_ALIAS"]) for one in server.asked} == {
                ("ADMIN", "REGISTER", BOB)
            }
            server.cpl = lambda _: '<reject status="403" reason="not at night"/>'
            answer = await bob.register()
            assert answer.status == 403 and "not at night" in answer.get("reason")
            told = at.hosts[E].rejections
            await at.hosts[E].until(lambda: told == [(BOB, "403 not at night")])
            rules = (SearchRule(name="Asked", target="Judge", priority=10), *before.search_rules)
            await at.apply(E, config=replace(before, search_rules=rules))
            server.cpl = lambda _: "<reject/>"
            asked = len(server.asked)
            assert (await bob.register()).status == 200, "what one target refuses, the next priority may carry"
            assert [one["POLICY_TYPE"] for one in server.asked[asked:]] == ["SEARCH"] * (len(server.asked) - asked)
            assert len(server.asked) > asked

    asyncio.run(play())


def test_a_full_edge_and_one_in_maintenance_mode_carry_nobody_new() -> None:
    async def play() -> None:
        async with neighbours() as at, outside(at) as bob, outside(at, user="carol") as carol:
            carol.instance = ""
            await at.apply(E, limits={PROXIED_HERE: 1})
            assert (await bob.register()).status == 200
            answer = await carol.register()
            assert (answer.status, answer.get("retry-after")) == (503, "60")
            assert "capacity limit reached" in answer.get("reason")
            assert (await bob.register()).status == 200, "a refresh is never refused for that"
            told = [(CAROL, "503 Proxied registration capacity limit reached")]
            await at.hosts[E].until(lambda: at.hosts[E].rejections == told)
            await at.apply(E, limits={PROXIED: 2})
            await at.hosts[E].until(lambda: at.hosts[E].use.get(PROXIED) == 1)  # what is there already counts too
            at.engines[E].share({PROXIED: Shared(others_kbps=1, confirmed_kbps=1)}, 2, complete=True)
            await at.hosts[E].until(lambda: PROXIED in at.hosts[E].heard)
            assert (await carol.register()).status == 503, "another peer of this edge has the second place"
            assert (await bob.register()).status == 200
            at.engines[E].share({PROXIED: Shared(others_kbps=0, confirmed_kbps=1)}, 2, complete=True)
            await at.hosts[E].until(lambda: at.hosts[E].heard[PROXIED].others_kbps == 0)
            assert (await carol.register()).status == 200
            await at.hosts[E].until(lambda: at.hosts[E].use.get(PROXIED) == 2)
            assert (await carol.register(0)).status == 200
            await at.apply(E, limits={}, maintenance=True)
            for one in (bob, carol):
                assert (await one.register()).status == 503
            assert (await bob.register(0)).status == 200, "who leaves is let go"

    asyncio.run(play())


def test_a_zone_that_may_not_carry_registrations_and_a_stranger_with_a_path_are_refused() -> None:
    async def play() -> None:
        async with neighbours(registrations="Deny") as at, outside(at) as bob, phone(at, C, "alice") as alice:
            assert (await bob.register()).status == 403
            path = f"Path: <sip:{at.address(7)};lr>"
            assert (await alice.register(extra=path)).status == 403
            assert at.hosts[C].registrations == {}

    asyncio.run(play())


def test_a_token_is_worth_nothing_from_who_is_no_zone() -> None:
    async def play() -> None:
        async with neighbours() as at, outside(at) as bob, outside(at, user="eve") as eve:
            assert (await bob.register()).status == 200
            await at.registered(C, BOB)
            kept = str(await command(at.run_dir(C), "ul.lookup", "location", BOB))
            (given,) = re.findall(r"<sip:[^>]*;sxf=[^>]*>", kept)
            for route in (given, f"<sip:{at.address(E)};lr;sxf={'61' * 8}.{'0' * 32}>"):
                assert refused(await eve.call("bob@elsewhere.local", extra=f"Route: {route}")).status == 404
            assert bob.count() == 0

    asyncio.run(play())
