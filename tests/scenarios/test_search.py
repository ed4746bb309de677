"""The search with a real Kamailio: rounds, forks, stop and continue, as phones and other systems see them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sextet.model.searches import Search
from sextet.model.settings.dialplan import DialPlan, SearchRule
from sextet.model.settings.local_zone import MembershipRule
from sextet.model.settings.zones import Zone, ZonePeer
from tests.support.sip_client import Phone
from tests.support.sip_peers import CONFIG, Peers, answered, peers, phone, refused
from tests.support.tables import linked

pytestmark = pytest.mark.scenario
NETWORK = "127.61.5"
ALICE, BOB = "alice@apolo.local", "bob@apolo.local"
LOCAL_RULE = SearchRule(name="Here", priority=50, behavior="Leave", target="LocalZone")


def _zone(server: Phone, name: str, *before: str, **more: object) -> Zone:
    """Make the zone of a stand-in server; the addresses `before` come before its own."""
    own = tuple(ZonePeer(address=address) for address in (*before, server.address[0]))
    return Zone(name=name, sip_port=server.address[1], sip_transport="UDP", peers=own, **more)  # type: ignore[arg-type]


def _rule(name: str, priority: int = 50, **more: object) -> SearchRule:
    return SearchRule(name=f"To {name}", priority=priority, target=name, **more)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def _dial_plan(*zones: tuple[str, SearchRule], before: str = "") -> AsyncIterator[tuple[Peers, list[Phone]]]:
    """Start one peer with stand-in servers as zones, each with its rule, besides the Local Zone's rule."""
    async with contextlib.AsyncExitStack() as stack:
        servers, rows, rules = [], [], [LOCAL_RULE]
        for place, (name, rule) in enumerate(zones):
            own = await stack.enter_async_context(Phone(name, f"{NETWORK}.1", local_ip=f"{NETWORK}.{70 + place}"))
            servers.append(own)
            rows.append(_zone(own, name, *([before] if before and not place else [])))
            rules.append(rule)
        config = linked(replace(CONFIG, zones=tuple(rows), search_rules=tuple(rules)))
        yield await stack.enter_async_context(peers(NETWORK, 1, config=config)), servers


def test_devices_and_zones_of_one_priority_ring_at_once_and_the_first_to_answer_wins() -> None:
    async def play() -> None:
        async with (
            _dial_plan(("Paris", _rule("Paris")), ("London", _rule("London")), ("Rome", _rule("Rome", 60))) as (
                at,
                them,
            ),
            phone(at, 1, "alice") as alice,
            phone(at, 1, "bob") as bob,
        ):
            await bob.register()
            await alice.register()
            await at.registered(1, BOB)
            paris, london, rome = them
            bob.status = paris.status = london.status = 0
            call = asyncio.create_task(alice.call(BOB))
            rung = await asyncio.gather(*(device.rings() for device in (bob, paris, london)))
            assert [invite.get("max-forwards") for invite in rung] == ["69", "15", "15"]
            london.reply(rung[2], 200, body="v=0\r\n")
            dialog = answered(await call)
            await asyncio.gather(bob.rings("CANCEL"), paris.rings("CANCEL"))
            assert rome.count() == 0
            assert (await alice.hang_up(dialog)).status == 200
            await london.rings("BYE")

    asyncio.run(play())


def test_the_next_priority_is_asked_only_when_all_of_the_one_before_found_nothing() -> None:
    async def play() -> None:
        plan = (("Paris", _rule("Paris")), ("London", _rule("London")), ("Rome", _rule("Rome", 60)))
        async with _dial_plan(*plan) as (at, them), phone(at, 1, "alice") as alice:
            await alice.register()
            paris, london, rome = them
            paris.status, london.status = 404, 0
            call = asyncio.create_task(alice.call("x@other.local"))
            invite = await london.rings()
            await paris.rings()
            assert rome.count() == 0
            london.reply(invite, 480)
            dialog = answered(await call)
            assert (paris.count(), london.count(), rome.count()) == (1, 1, 1)
            await at.hosts[1].until(lambda: [one.rule for one in at.hosts[1].calls.values()] == ["To Rome"])
            assert (await alice.hang_up(dialog)).status == 200

    asyncio.run(play())


def test_stop_ends_the_search_after_the_whole_priority() -> None:
    async def play() -> None:
        plan = (("Paris", _rule("Paris", on_match="Stop")), ("London", _rule("London")), ("Rome", _rule("Rome", 60)))
        async with _dial_plan(*plan) as (at, them), phone(at, 1, "alice") as alice:
            await alice.register()
            for server in them:
                server.status = 404
            assert refused(await alice.call("x@other.local")).status == 404
            assert [server.count() for server in them] == [1, 1, 0]

    asyncio.run(play())


def test_a_busy_person_ends_the_search_though_another_zone_knew_nobody() -> None:
    async def play() -> None:
        plan = (("Paris", _rule("Paris")), ("London", _rule("London")), ("Rome", _rule("Rome", 60)))
        async with _dial_plan(*plan) as (at, them), phone(at, 1, "alice") as alice:
            await alice.register()
            them[0].status, them[1].status = 404, 486
            assert refused(await alice.call("x@other.local")).status == 486
            assert them[2].count() == 0
            await at.hosts[1].until(lambda: not at.hosts[1].calls)

    asyncio.run(play())


def test_the_next_address_of_a_zone_is_asked_when_the_first_is_dead_and_nobody_else_of_the_round_answered() -> None:
    async def play() -> None:
        plan = (("Paris", _rule("Paris")), ("London", _rule("London")), ("Rome", _rule("Rome", 60)))
        async with _dial_plan(*plan, before=f"{NETWORK}.66") as (at, them), phone(at, 1, "alice") as alice:
            await alice.register()
            paris, london, rome = them
            london.status = 404
            dialog = answered(await alice.call("x@other.local", wait_s=15))
            assert (paris.count(), london.count(), rome.count()) == (1, 1, 0)
            assert (await alice.hang_up(dialog)).status == 200

    asyncio.run(play())


def _answers(search: Search) -> list[tuple[str, int]]:
    return [(one.target, one.status) for one in search.asked]


def test_every_search_tells_what_its_targets_answered() -> None:
    async def play() -> None:
        plan = (("Paris", _rule("Paris")), ("London", _rule("London")), ("Rome", _rule("Rome", 60)))
        async with _dial_plan(*plan) as (at, them), phone(at, 1, "alice") as alice, phone(at, 1, "bob") as bob:
            await alice.register()
            await bob.register()
            await at.registered(1, BOB)
            trace = at.traces[1]
            them[0].status, them[1].status = 404, 480
            dialog = answered(await alice.call("x@other.local"))
            found = await trace.ended(1)
            assert _answers(found) == [("Paris", 404), ("London", 480), ("Rome", 200)]
            assert (found.status, found.caller, found.alias, found.source) == (200, ALICE, "x@other.local", "LocalZone")
            assert [(step.name, step.finding) for step in found.steps][0] == (
                "Here", "x@other.local is not registered",
            )  # fmt: skip
            assert (await alice.hang_up(dialog)).status == 200
            them[2].status = 486
            assert refused(await alice.call("x@other.local")).status == 486
            assert _answers(await trace.ended(2)) == [("Paris", 404), ("London", 480), ("Rome", 486)]
            bob.status = 486
            assert refused(await alice.call(BOB)).status == 486
            busy = await trace.ended(3)
            assert _answers(busy)[0] == ("Local Zone", 486)
            assert busy.registered == {BOB: [0]}
            sent = await alice.request("MESSAGE", f"sip:{BOB}", to=f"sip:{BOB}")
            assert sent.status == 200

    asyncio.run(play())


def test_an_ip_address_is_called_where_somebody_is_registered_from_it_and_else_as_the_setting_says() -> None:
    async def play() -> None:
        by_ip = SearchRule(name="Addresses", priority=40, mode="Any IP address", target="LocalZone")
        async with (
            peers(NETWORK, 1, 2, config=replace(CONFIG, search_rules=(by_ip, LOCAL_RULE))) as at,
            phone(at, 1, "alice") as alice,
            phone(at, 1, "bob", local_ip=f"{NETWORK}.81") as bob,
            phone(at, 2, "carol", "tcp", local_ip=f"{NETWORK}.82") as carol,
            Phone("stranger", f"{NETWORK}.1", local_ip=f"{NETWORK}.83") as stranger,
        ):
            for device in (alice, bob, carol):
                assert (await device.register()).status == 200
            await at.registered(1, BOB)
            dialog = answered(await alice.call(f"{NETWORK}.81"))
            assert (await bob.rings()).first.startswith(f"INVITE sip:bob@{NETWORK}.81:")
            assert (await alice.hang_up(dialog)).status == 200
            await at.located(1, f"{NETWORK}.82", 2)
            dialog = answered(await alice.call(f"{NETWORK}.82"))
            assert (await alice.hang_up(dialog)).status == 200
            await carol.rings("BYE")
            unknown = f"{NETWORK}.83"
            assert refused(await alice.call(unknown)).status == 404
            plan = DialPlan(unknown_ip="Direct", fallback_alias=BOB)
            await at.apply(1, config=replace(CONFIG, search_rules=(by_ip, LOCAL_RULE), dial_plan=plan))
            assert stranger.count() == 0
            before = bob.count()
            dialog = answered(await alice.call("apolo.local"))  # the fallback alias
            await bob.rings(after=before)
            assert (await alice.hang_up(dialog)).status == 200
            assert refused(await stranger.call("192.0.2.99")).status == 403

    asyncio.run(play())


def test_an_unknown_address_is_called_directly_and_one_in_a_subzone_s_range_is_known() -> None:
    async def play() -> None:
        by_ip = SearchRule(name="Addresses", priority=40, mode="Any IP address", target="LocalZone")
        floor = MembershipRule(name="floor", subnet_address=f"{NETWORK}.85", subzone="DefaultSubZone")
        config = replace(CONFIG, search_rules=(by_ip, LOCAL_RULE), membership_rules=(floor,))
        async with (
            peers(NETWORK, 1, config=replace(config, dial_plan=DialPlan(unknown_ip="Off"))) as at,
            phone(at, 1, "alice") as alice,
            Phone("x", f"{NETWORK}.1", local_ip=f"{NETWORK}.84", local_port=5060) as unknown,
            Phone("x", f"{NETWORK}.1", local_ip=f"{NETWORK}.85", local_port=5060) as known,
        ):
            await alice.register()
            dialog = answered(await alice.call(known.local_ip))
            assert (await known.rings()).first.startswith(f"INVITE sip:{NETWORK}.85")
            assert (await alice.hang_up(dialog)).status == 200
            assert refused(await alice.call(unknown.local_ip)).status == 403
            assert unknown.count() == 0
            await at.apply(1, config=replace(config, dial_plan=DialPlan(unknown_ip="Direct")))
            dialog = answered(await alice.call(unknown.local_ip))
            invite = await unknown.rings()
            assert (invite.first.split()[1], invite.get("max-forwards")) == (f"sip:{NETWORK}.84", "69")
            assert (await alice.hang_up(dialog)).status == 200

    asyncio.run(play())


def test_a_loop_through_a_system_that_makes_its_own_calls_of_ours_is_known_by_the_tag() -> None:
    async def play() -> None:
        plan = (("Paris", _rule("Paris")),)
        async with _dial_plan(*plan) as (at, them), phone(at, 1, "alice") as alice:
            await alice.register()
            (paris,) = them
            paris.status = 0
            call = asyncio.create_task(alice.call("x@other.local"))
            invite = await paris.rings()
            carried = f"X-Sextet-Call: {invite.get('x-sextet-call')}"
            # First time from Paris: another origin zone than alice's, so it is searched, and never sent back to Paris.
            assert refused(await paris.call("x@other.local", extra=carried)).status == 404
            told = at.traces[1].searches
            await at.hosts[1].until(lambda: {one.source for one in told.values()} == {"LocalZone", "Paris"})
            assert len({one.tag for one in told.values()}) == 1
            paris.reply(invite, 404)
            assert refused(await call).status == 404

    asyncio.run(play())
