"""The SIP engine with a real Kamailio, as phones and a host see it."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace

import pytest

from sextet.engine import Neighbour
from sextet.model.settings.dialplan import SearchRule
from sextet.model.settings.protocols import Protocols
from sextet.model.settings.registration import Authentication, Credential, PolicyPattern, Registration
from sextet.model.settings.zones import Zone, ZonePeer
from sextet.sip import process
from sextet.sip.kemi.registration.answering import USER_MAX
from sextet.sip.kemi.routing.forking import PEER_MS
from sextet.sip.rpc import command
from tests.support.sip_client import SDP, Phone
from tests.support.sip_peers import CONFIG, answered, peers, phone, refused
from tests.support.tables import linked

pytestmark = pytest.mark.scenario
ALICE, BOB, CAROL = "alice@apolo.local", "bob@apolo.local", "carol@apolo.local"


def test_a_phone_registers_is_called_from_another_peer_and_hangs_up() -> None:
    async def play() -> None:
        async with peers("127.61.1", 1, 2) as at, phone(at, 1, "alice", "tls") as alice, phone(at, 2, "bob") as bob:
            assert (await alice.register()).status == 200
            assert (await bob.register()).status == 200
            await at.registered(1, ALICE)
            await at.registered(2, BOB)
            assert at.hosts[2].registrations[BOB][0].granted_s == 60  # standard refresh maximum
            dialog = answered(await alice.call(BOB))
            for number in (1, 2):
                host = at.hosts[number]
                await host.until(lambda host=host: [c.state for c in host.calls.values()] == ["connected"])
            one, two = (next(iter(at.hosts[number].calls.values())) for number in (1, 2))
            assert (one.tag, one.source, one.destination) == (two.tag, ALICE, BOB)
            assert (one.route, one.rule, two.route) == ("peer2", "LocalZoneMatch", "Local Zone")
            invite = await bob.rings()
            assert not invite.get("x-sextet-peer")
            assert (await bob.hang_up(bob.dialogs[dialog.call_id])).status == 200
            for number in (1, 2):
                await at.hosts[number].until(lambda number=number: not at.hosts[number].calls)

    asyncio.run(play())


def test_wrong_and_missing_passwords_are_refused_and_a_changed_one_counts_at_once() -> None:
    async def play() -> None:
        async with peers("127.61.1", 1) as at, phone(at, 1, "alice") as alice:
            alice.password = "wrong"
            assert (await alice.register()).status == 401
            alice.user = "mallory"
            assert (await alice.register()).status == 401
            alice.user, alice.password = "alice", "new"
            await at.apply(1, config=replace(CONFIG, credentials=(Credential(name="alice", password="new"),)))
            assert (await alice.register()).status == 200
            alice.password = "alice-secret"
            assert (await alice.register()).status == 401

    asyncio.run(play())


def test_an_alias_that_is_too_long_to_be_stored_is_refused_with_its_length_and_the_limit() -> None:
    async def play() -> None:
        config = replace(CONFIG, authentication=Authentication(local_zone="Do not check credentials"))
        async with (
            peers("127.61.1", 1, config=config) as at,
            phone(at, 1, "u" * USER_MAX) as fits,
            phone(at, 1, "u" * (USER_MAX + 1)) as longer,
        ):
            assert (await fits.register()).status == 200
            assert "before the @ has 65 characters, a registration may have 64" in (await longer.register()).first
            await at.registered(1, f"{fits.user}@apolo.local")
            answered(await longer.call(f"{fits.user}@apolo.local"))

    asyncio.run(play())


def test_a_challenge_of_one_peer_can_be_answered_to_another() -> None:
    async def play() -> None:
        async with peers("127.61.1", 1, 2) as at, phone(at, 1, "alice") as alice:
            alice.password = ""
            challenge = await alice.register()
            assert challenge.status == 401
            alice.server = (at.address(2), 5060)
            credentials = Phone._digest(_with_password(alice), challenge, "REGISTER", "sip:apolo.local")
            assert (await alice.register(extra=credentials)).status == 200

    asyncio.run(play())


def _with_password(phone: Phone) -> Phone:
    phone.password = "alice-secret"
    return phone


@pytest.mark.parametrize(
    ("asked", "status", "granted"), [(44, 423, 0), (45, 200, 45), (None, 200, 60), (7200, 200, 60)]
)
def test_refresh_limits_are_kept(asked: int | None, status: int, granted: int) -> None:
    async def play() -> None:
        async with peers("127.61.1", 1) as at, phone(at, 1, "alice") as alice:
            answer = await alice.register(asked)
            assert answer.status == status
            if status == 423:
                assert answer.get("min-expires") == "45"
            else:
                assert f"expires={granted}" in answer.get("contact")

    asyncio.run(play())


def test_an_unchanged_refresh_is_not_told_again_and_a_removed_binding_is() -> None:
    """What the native fast path must never do is to outlive the binding that it refreshes."""

    async def play() -> None:
        async with peers("127.61.1", 1) as at, phone(at, 1, "alice") as alice:
            host = at.hosts[1]
            for _ in range(5):
                assert (await alice.register()).status == 200
            await at.registered(1, ALICE)
            assert host.told == [ALICE]
            at.engines[1].release(ALICE, host.registrations[ALICE][0].device)
            await host.until(lambda: ALICE not in host.registrations)
            assert (await alice.register()).status == 200
            await host.until(lambda: ALICE in host.registrations)
            assert (await alice.register(0)).status == 200
            await host.until(lambda: ALICE not in host.registrations)
            assert (await alice.register()).status == 200
            await host.until(lambda: ALICE in host.registrations)
            assert host.pictures == 1

    asyncio.run(play())


def test_a_binding_that_vanished_behind_the_fast_path_is_told_when_it_comes_back() -> None:
    async def play() -> None:
        async with peers("127.61.1", 1) as at, phone(at, 1, "alice") as alice:
            host = at.hosts[1]
            assert (await alice.register()).status == 200
            assert (await alice.register()).status == 200
            await at.registered(1, ALICE)
            await command(at.run_dir(1), "ul.rm", "location", ALICE)  # nobody is told of this one
            before = len(host.told)
            await command(at.run_dir(1), "htable.delete", "reg", ALICE)
            assert (await alice.register()).status == 200
            await host.until(lambda: len(host.told) > before)
            assert host.registrations[ALICE][0].contact == alice.contact.strip("<>")

    asyncio.run(play())


def test_several_devices_ring_together_here_and_on_another_peer() -> None:
    async def play() -> None:
        async with (
            peers("127.61.1", 1, 2) as at,
            phone(at, 1, "alice") as alice,
            phone(at, 1, "bob") as desk,
            phone(at, 2, "bob", "tcp") as room,
            phone(at, 1, "bob", "tls") as softphone,
        ):
            for device in (alice, desk, room, softphone):
                assert (await device.register()).status == 200
            await at.registered(1, BOB, bindings=2)
            await at.registered(2, BOB)
            desk.status = room.status = 0
            ringing = [asyncio.create_task(device.rings()) for device in (desk, room)]
            softphone.status = 0
            call = asyncio.create_task(alice.call(BOB))
            await asyncio.gather(*ringing, softphone.rings())
            invite = await room.rings()
            room.reply(invite, 200, body="v=0\r\n")
            dialog = answered(await call)
            await asyncio.gather(desk.rings("CANCEL"), softphone.rings("CANCEL"))
            assert (await alice.hang_up(dialog)).status == 200

    asyncio.run(play())


def test_a_connection_that_is_lost_takes_its_registration_along() -> None:
    async def play() -> None:
        async with peers("127.61.1", 1) as at, phone(at, 1, "alice", "tcp") as alice:
            assert (await alice.register()).status == 200
            await at.registered(1, ALICE)
            await alice.close()
            await at.hosts[1].until(lambda: ALICE not in at.hosts[1].registrations)

    asyncio.run(play())


def test_the_port_of_a_lost_connection_is_never_dialled() -> None:
    async def play() -> None:
        async with peers("127.61.1", 1) as at, phone(at, 1, "bob") as bob, phone(at, 1, "alice", "tcp") as alice:
            assert (await alice.register()).status == 200
            await at.registered(1, ALICE)
            await alice.close()
            dialled = asyncio.Event()
            stranger = await asyncio.start_server(lambda *_: dialled.set(), *alice.address, reuse_address=True)
            async with stranger:
                assert refused(await bob.call(ALICE)).status in (404, 408, 477, 480)
                assert not dialled.is_set()

    asyncio.run(play())


@pytest.mark.parametrize(("outbound", "reg_id"), [(False, ""), (True, "1")])
def test_one_device_has_one_binding_when_its_address_changes(outbound: bool, reg_id: str) -> None:
    async def play() -> None:
        more = {"instance": "00000000-0000-1000-8000-aabbccddeeff", "reg_id": reg_id, "outbound": outbound}
        async with peers("127.61.1", 1) as at, phone(at, 1, "bob", "tcp", **more) as old:
            assert (await old.register()).status == 200
            await at.registered(1, BOB)
            async with phone(at, 1, "bob", "tcp", **more) as new:
                answer = await new.register()
                assert answer.status == 200
                assert ("outbound" in answer.get("require")) == outbound
                port, host = f":{new.address[1]}", at.hosts[1]
                await host.until(lambda: port in host.registrations[BOB][0].contact)
                assert len(host.registrations[BOB]) == 1

    asyncio.run(play())


def test_a_star_removes_all_devices_and_a_new_address_that_comes_as_the_old_one_leaves_lasts_as_long_as_any() -> None:
    async def play() -> None:
        async with peers("127.61.1", 1) as at, phone(at, 1, "bob") as one, phone(at, 1, "bob") as two:
            await one.register()
            moved = await two.register(contact=f"{one.contact};expires=0, {two.contact}")
            assert [line.rpartition(";")[0] for line in moved.all("contact")] == [two.contact]
            assert "expires=60" in moved.get("contact") and at.hosts[1].registrations[BOB][0].granted_s == 60
            await one.register()
            await at.registered(1, BOB, bindings=2)
            assert (await one.register(0, contact=f"*, {one.contact}")).status == 400
            assert len(at.hosts[1].registrations[BOB]) == 2
            assert (await one.register(0, contact="*")).status == 200
            await at.hosts[1].until(lambda: BOB not in at.hosts[1].registrations)

    asyncio.run(play())


def test_policy_rules_and_limits_change_while_a_call_is_up() -> None:
    async def play() -> None:
        async with (
            peers("127.61.1", 1) as at,
            phone(at, 1, "alice") as alice,
            phone(at, 1, "bob") as bob,
            phone(at, 1, "carol") as carol,
        ):
            await alice.register()
            await bob.register()
            await carol.register()
            await at.registered(1, BOB)
            await at.registered(1, CAROL)
            dialog = answered(await alice.call(BOB))
            denied = Registration(
                restriction_policy="Deny List", deny_list=(PolicyPattern(pattern="carol", pattern_type="Prefix"),)
            )
            rules = (
                SearchRule(
                    name="OnlyCarol", mode="Alias pattern match", pattern="carol", behavior="Leave", target="LocalZone"
                ),
            )
            config = replace(CONFIG, registration=denied, search_rules=rules)
            assert await at.apply(1, config=config) == ()
            async with phone(at, 1, "carol") as another:
                assert (await another.register()).status == 403
            await at.hosts[1].until(lambda: bool(at.hosts[1].rejections))
            assert (await carol.register()).status == 403, "a refresh is judged as well"
            assert (await alice.hang_up(answered(await alice.call(CAROL)))).status == 200, "and changes nothing else"
            missed = refused(await alice.call(BOB))
            assert (missed.status, "no search rule matched" in missed.get("reason")) == (404, True)
            assert (await bob.register()).status == 200
            assert (await alice.hang_up(dialog)).status == 200
            assert await at.apply(1, config=replace(config, protocols=Protocols(sip_udp=True))) == (
                "protocols.sip_tcp",
            )

    asyncio.run(play())


def test_unknown_people_servers_and_strangers_get_their_answers() -> None:
    async def play() -> None:
        strict = replace(CONFIG, authentication=Authentication(default_zone="Check credentials"))
        async with peers("127.61.1", 1, config=strict) as at, phone(at, 1, "alice") as alice:
            assert (await alice.request("OPTIONS", f"sip:{at.address(1)}")).status == 200
            missing = refused(await alice.call("nobody@apolo.local"))
            assert missing.status == 404
            assert "rule LocalZoneMatch: nobody@apolo.local is not registered" in missing.get("reason")
            for password in ("", "wrong"):
                alice.password = password
                assert refused(await alice.call("nobody@apolo.local")).status == 407

    asyncio.run(play())


def test_what_grows_too_long_for_a_connection_is_refused_before_it_costs_one() -> None:
    async def play() -> None:
        async with peers("127.61.1", 1) as at, phone(at, 1, "alice", "tcp") as alice, phone(at, 1, "bob") as bob:
            await alice.register()
            await bob.register()
            await at.registered(1, BOB)
            assert refused(await alice.call(BOB, body=SDP + f"a=x:{'y' * 62_000}\r\n")).status == 513
            assert bob.count() == 0
            dialog = answered(await alice.call(BOB, body=SDP + f"a=x:{'y' * 50_000}\r\n"))
            assert (await alice.hang_up(dialog)).status == 200

    asyncio.run(play())


def test_the_header_between_peers_is_worth_nothing_from_a_stranger() -> None:
    async def play() -> None:
        async with peers("127.61.1", 1, 2) as at, phone(at, 1, "alice") as alice, phone(at, 1, "bob") as bob:
            await alice.register()
            await bob.register()
            await at.registered(1, BOB)
            forged = f"X-Sextet-Peer: n=2;tag={'0' * 32};mac={'0' * 64}"
            dialog = answered(await alice.call(BOB, extra=forged))
            invite = await bob.rings()
            assert not invite.get("x-sextet-peer")
            assert (await at.hosts[1].call(dialog)).rule == "LocalZoneMatch"  # not taken for a peer's
            assert (await alice.hang_up(dialog)).status == 200

    asyncio.run(play())


def test_a_phone_that_writes_its_ipv4_address_as_ipv6_is_reached_and_reaches_others() -> None:
    async def play() -> None:
        async with peers("127.61.1", 1) as at, phone(at, 1, "alice") as alice, phone(at, 1, "bob") as bob:
            alice.gruu, bob_uri = (f"sip:{one.user}@[::FFFF:127.0.0.1]:{one.address[1]}" for one in (alice, bob))
            assert (await bob.register(contact=f"<{bob_uri}>")).status == 200
            await at.registered(1, BOB)
            dialog = answered(await alice.call(BOB))
            assert (await bob.hang_up(bob.dialogs[dialog.call_id])).status == 200
            dialog = answered(await alice.call(BOB))
            assert (await alice.hang_up(dialog)).status == 200
            await at.hosts[1].until(lambda: not at.hosts[1].calls)

    asyncio.run(play())


def test_a_call_to_a_sips_uri_goes_over_tls_only_or_is_refused_with_a_warning() -> None:
    async def play() -> None:
        async with (
            peers("127.61.1", 1, 2) as at,
            phone(at, 1, "alice", "tls") as alice,
            phone(at, 2, "bob") as plain,
            phone(at, 2, "bob", "tls") as safe,
            phone(at, 2, "carol", "tcp") as carol,
        ):
            for count, one in ((1, plain), (2, safe), (1, carol)):
                assert (await one.register()).status == 200
                await at.registered(2, f"{one.user}@apolo.local", count)
            alice.scheme = "sips"
            dialog = answered(await alice.call(BOB))
            assert (plain.count(), safe.count()) == (0, 1)
            assert (await alice.hang_up(dialog)).status == 200
            no = refused(await alice.call("carol@apolo.local"))
            assert (no.status, no.get("warning")) == (480, '380 sextet "SIPS Not Allowed"')
            assert "carol@apolo.local is not registered at this peer over TLS" in no.get("reason")
            assert carol.count() == 0
            alice.scheme = "sip"
            dialog = answered(await alice.call("carol@apolo.local"))
            assert (await carol.hang_up(carol.dialogs[dialog.call_id])).status == 200

    asyncio.run(play())


def test_nobody_is_relayed_with_a_route_he_made_up() -> None:
    async def play() -> None:
        async with peers("127.61.1", 1) as at, phone(at, 1, "alice") as alice, phone(at, 1, "victim") as victim:
            routes = [f"<sip:{at.address(1)};lr>", f"<sip:{victim.address[0]}:{victim.address[1]};lr>"]
            headers = [f"Route: {','.join(routes)}"]
            answer = await alice.request(
                "MESSAGE", "sip:x@apolo.local", to="sip:x@apolo.local>;tag=1;x=<", extra=headers
            )
            assert answer.status in (400, 404, 481)
            assert victim.count("MESSAGE") == 0

    asyncio.run(play())


def test_a_peer_that_is_down_is_skipped_and_one_that_died_costs_no_more_than_its_timer() -> None:
    async def play() -> None:
        async with peers("127.61.1", 1, 2) as at, phone(at, 1, "alice") as alice:
            await at.located(1, BOB, 2)
            await at.engines[2].stop()
            missed = refused(await alice.call(BOB))
            assert missed.status in (408, 480, 500, 503)
            down = (Neighbour(number=2, name="peer2", ip=at.address(2), up=False),)
            await at.apply(1, neighbours=down)
            missed = refused(await alice.call(BOB))
            assert (missed.status, "cannot be reached" in missed.get("reason")) == (480, True)

    asyncio.run(play())


def test_a_peer_that_is_frozen_costs_a_caller_little_more_than_its_timer() -> None:
    async def play() -> None:
        async with peers("127.61.1", 1, 2) as at, phone(at, 1, "alice") as alice:
            await at.located(1, BOB, 2)
            frozen = process.processes_of(at.engines[2]._process.record.pid)
            for pid in frozen:
                os.kill(pid, signal.SIGSTOP)
            try:
                async with asyncio.timeout(PEER_MS / 1000 + 3):
                    missed = refused(await alice.call(BOB))
                assert missed.status in (408, 480)
            finally:
                for pid in frozen:
                    os.kill(pid, signal.SIGCONT)
            await at.hosts[1].until(lambda: not at.hosts[1].calls)

    asyncio.run(play())


def test_a_caller_who_gives_up_stops_the_ringing_on_the_other_peer() -> None:
    async def play() -> None:
        async with peers("127.61.1", 1, 2) as at, phone(at, 1, "alice") as alice, phone(at, 2, "bob", "tcp") as bob:
            await bob.register()
            await at.registered(2, BOB)
            bob.status = 0
            call = asyncio.create_task(alice.call(BOB))
            await bob.rings()
            alice.give_up()
            await bob.rings("CANCEL")
            assert refused(await call).status == 487
            for number in (1, 2):
                await at.hosts[number].until(lambda number=number: bool(at.hosts[number].ended))
                assert not at.hosts[number].calls
                assert "487" in next(iter(at.hosts[number].ended.values()))

    asyncio.run(play())


def _zone(name: str, *addresses: str, port: int = 5060, transport: str = "UDP") -> Zone:
    return Zone(name=name, sip_port=port, sip_transport=transport, peers=tuple(ZonePeer(address=a) for a in addresses))


def test_a_zone_is_asked_address_by_address_and_its_calls_count_as_its_own() -> None:
    async def play() -> None:
        rules = (
            *CONFIG.search_rules,
            SearchRule(
                name="Out", priority=90, mode="Alias pattern match", pattern="@other.local", pattern_type="Suffix",
                behavior="Leave", target="Other",
            ),
        )  # fmt: skip
        async with Phone("server", "127.61.1.1", local_ip="127.61.1.77") as server:
            zone = _zone("Other", "127.61.1.66", "127.61.1.77", port=server.address[1])
            config = linked(replace(CONFIG, zones=(zone,), search_rules=rules))
            async with peers("127.61.1", 1, config=config) as at, phone(at, 1, "alice") as alice:
                await alice.register()
                await at.registered(1, ALICE)
                dialog = answered(await alice.call("someone@other.local"))
                invite = await server.rings()
                assert invite.first.startswith("INVITE sip:someone@other.local")
                assert int(invite.get("max-forwards")) == 15
                assert (await at.hosts[1].call(dialog)).route == "Other"
                assert (await alice.hang_up(dialog)).status == 200
                inbound = answered(await server.call(ALICE))
                assert (await server.hang_up(inbound)).status == 200

    asyncio.run(play())


def test_three_systems_that_point_at_each_other_end_the_loop() -> None:
    async def play() -> None:
        async with peers("127.61.1", config=CONFIG) as at:
            for number, following in ((1, 2), (2, 3), (3, 1)):
                rule = SearchRule(name="Over", mode="Any alias", target="Over")
                # Not monitored: the next system may start so late that this one takes it for dead at the first call.
                zone = replace(_zone("Over", at.address(following)), monitor=False)
                config = linked(replace(CONFIG, zones=(zone,), search_rules=(rule,)))
                await at.start(number, config=config, secret=b"own secret %d" % number)
            async with phone(at, 1, "alice") as alice:
                assert refused(await alice.call("x@other.local")).status == 482
            for number in (1, 2, 3):
                await at.hosts[number].until(lambda number=number: not at.hosts[number].calls)

    asyncio.run(play())
