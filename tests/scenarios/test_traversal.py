"""A traversal client inside and its server at the edge: one connection from inside, calls both ways over it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sextet.model.sections import Root
from sextet.model.settings.dialplan import SearchRule
from sextet.model.settings.protocols import Domain
from sextet.model.settings.registration import Authentication, Credential
from sextet.model.settings.zones import TRAVERSAL_CLIENT, TRAVERSAL_SERVER, Zone, ZonePeer
from sextet.sip.kemi.routing.forking import ZONE_MS
from tests.support.relay import Relay
from tests.support.sip_peers import CONFIG, Peers, answered, peers, phone, refused
from tests.support.tables import linked

pytestmark = pytest.mark.scenario
E, C, FRONT = 1, 2, 9  # C knows E by the address of a relay, which E does not know itself: as behind a firewall
PASSWORD = "in-the-vault"
SERVER = Zone(name="Inside", type=TRAVERSAL_SERVER, user_name="client")
CLIENT = Zone(name="Edge", type=TRAVERSAL_CLIENT, user_name="client", password=PASSWORD, retry_interval=2)
OPEN = Authentication(local_zone="Do not check credentials")
WAITED_S = ZONE_MS / 1000  # by a caller whose call is sent where nobody answers


def edge(zone: Zone = SERVER) -> Root:
    return _with_links(
        CONFIG,
        authentication=OPEN,
        zones=(zone,),
        search_rules=(SearchRule(name="Local", target="LocalZone", behavior="Leave", priority=50), _rule("Inside")),
        credentials=(*CONFIG.credentials, Credential(name="client", password=PASSWORD)),
    )


def inside(at: Peers, **changes: object) -> Root:
    zone = replace(CLIENT, peers=(ZonePeer(address=at.address(FRONT)),), **changes)  # type: ignore[arg-type]
    return _with_links(
        CONFIG,
        authentication=OPEN,
        domains=(Domain(name="inside.local"),),
        zones=(zone,),
        search_rules=(SearchRule(name="Local", target="LocalZone", behavior="Leave", priority=50), _rule("Edge")),
    )


def _with_links(config: Root, **changes: object) -> Root:
    return linked(replace(config, **changes))  # type: ignore[arg-type]


def _rule(zone: str) -> SearchRule:
    return SearchRule(name=f"To {zone}", target=zone, behavior="Leave")


@contextlib.asynccontextmanager
async def systems(**changes: object) -> AsyncIterator[tuple[Peers, Relay]]:
    async with peers("127.61.18") as at:
        await at.start(E, config=edge(), secret=b"of E")
        async with Relay((at.address(FRONT), 7001), (at.address(E), 7001)) as wire:
            await at.start(C, config=inside(at, **changes), secret=b"of C")
            yield at, wire


async def connected(at: Peers) -> None:
    for number, name in ((E, "Inside"), (C, "Edge")):
        await until(at, number, name, "Active")


async def until(at: Peers, number: int, name: str, state: str) -> None:
    host = at.hosts[number]
    await host.until(lambda: name in host.zone and host.zone[name].state == state, wait_s=25)


def test_calls_go_both_ways_over_the_one_connection_and_end_from_either_side() -> None:
    async def play() -> None:
        async with (
            systems() as (at, wire),
            phone(at, E, "alice") as alice,
            phone(at, C, "bob", "tcp", domain="inside.local") as bob,
        ):
            await connected(at)
            await alice.register()
            await bob.register()
            await at.registered(E, "alice@apolo.local")
            await at.registered(C, "bob@inside.local")
            out = answered(await bob.call("alice@apolo.local"))
            assert (await at.hosts[E].call(out)).route == "Local Zone"
            invite = await alice.rings()
            assert (await alice.hang_up(alice.dialogs[out.call_id])).status == 200  # E sends the BYE inside
            await at.hosts[C].until(lambda: not at.hosts[C].calls)
            back = answered(await alice.call("bob@inside.local"))
            shown = await at.hosts[E].call(back)
            assert (shown.route, shown.nodes) == ("Inside", "Default Subzone -> Traversal Subzone -> Inside")
            assert {"subzone/DefaultSubZone", "subzone/TraversalSubZone", "zone/Inside"} <= at.hosts[E].use.keys()
            assert (await alice.hang_up(back)).status == 200
            again = answered(await alice.call("bob@inside.local"))
            await bob.rings(after=1)
            assert (await bob.hang_up(bob.dialogs[again.call_id])).status == 200
            await at.hosts[E].until(lambda: not at.hosts[E].calls)
            assert not invite.get("x-sextet-peer")

    asyncio.run(play())


def test_a_wrong_password_opens_nothing_and_says_so() -> None:
    async def play() -> None:
        async with systems(password="wrong") as (at, _), phone(at, C, "bob", domain="inside.local") as bob:
            await until(at, C, "Edge", "Failed")
            reason = at.hosts[C].zone["Edge"].addresses[0].reason
            assert reason == "the server refuses this user name and password"
            assert at.hosts[E].zone["Inside"].addresses == ()
            assert refused(await bob.call("alice@apolo.local")).status == 480

    asyncio.run(play())


def test_who_has_not_proved_himself_is_not_heard_on_the_port() -> None:
    async def play() -> None:
        async with systems() as (at, _), phone(at, E, "alice") as alice:
            await alice.register()
            await at.registered(E, "alice@apolo.local")
            async with phone(at, E, "mallory", "tls", port=7001) as stranger:
                assert refused(await stranger.call("alice@apolo.local")).status == 403
                assert (await stranger.register()).status == 403
                stranger.password = ""
                assert (await stranger.request("OPTIONS", f"sip:{at.address(E)}")).status == 407
            assert alice.count() == 0

    asyncio.run(play())


def test_a_cut_is_seen_on_both_sides_and_mended_from_inside() -> None:
    async def play() -> None:
        async with (
            systems() as (at, wire),
            phone(at, C, "bob", domain="inside.local") as bob,
            phone(at, E, "alice") as alice,
        ):
            await connected(at)
            await at.engines[E].stop()
            await until(at, C, "Edge", "Failed")
            async with asyncio.timeout(WAITED_S):
                assert refused(await bob.call("alice@apolo.local")).status == 480
            await at.start(E, config=edge(), secret=b"of E")
            await connected(at)
            await alice.register()
            await at.registered(E, "alice@apolo.local")
            dialog = answered(await bob.call("alice@apolo.local"))
            await bob.hang_up(dialog)
            await at.engines[C].stop()
            await until(at, E, "Inside", "Failed")
            async with asyncio.timeout(WAITED_S):
                assert refused(await alice.call("bob@inside.local")).status == 480

    asyncio.run(play())


def test_a_call_survives_a_new_connection() -> None:
    """The client's address is another after it: the request within the call goes where its name is now."""

    async def play() -> None:
        async with (
            systems() as (at, wire),
            phone(at, C, "bob", "tcp", domain="inside.local") as bob,
            phone(at, E, "alice") as alice,
        ):
            await connected(at)
            await alice.register()
            await bob.register()
            await at.registered(E, "alice@apolo.local")
            await at.registered(C, "bob@inside.local")
            dialog = answered(await alice.call("bob@inside.local"))
            before = at.hosts[E].zone["Inside"].addresses[0].uri
            wire.cut()
            await at.hosts[E].until(
                lambda: any(
                    one.state == "active" and one.uri != before for one in at.hosts[E].zone["Inside"].addresses
                ),
                wait_s=25,
            )
            assert (await alice.hang_up(dialog)).status == 200

    asyncio.run(play())
