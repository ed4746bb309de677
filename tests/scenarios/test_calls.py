"""SIP on a running cluster, as phones and another SIP server see it, while administrators change settings."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.real_lab import Lab, answered, eventually, refused
from tests.support.sip_client import Message, Phone

pytestmark = pytest.mark.scenario
DOMAIN = "apolo.local"
ALICE, BOB, CAROL = (f"{user}@{DOMAIN}" for user in ("alice", "bob", "carol"))


@asynccontextmanager
async def registered(*phones: Phone) -> AsyncIterator[None]:
    """Phones that are registered, and unregistered in the end."""
    for one in phones:
        await one.open()
        answer = await one.register()
        assert answer.status == 200, answer.first
    try:
        yield
        for one in phones:
            assert (await one.register(0)).status == 200
    finally:
        for one in phones:
            await one.close()


async def known(lab: Lab, *wanted: tuple[str, int]) -> None:
    """Wait until all peers know exactly these devices."""
    devices = {(alias, owner, False) for alias, owner in wanted}
    for number in lab.numbers:
        look = lambda number=number: lab.registrations(number)
        await eventually(f"peer {number} knows {devices}", look, wanted=devices)


async def applied(lab: Lab, outcome: dict[str, Any]) -> None:
    """Wait until a change is in force everywhere."""
    assert outcome["restart"] == []
    for number in lab.numbers:

        async def there(number: int = number) -> bool:
            return bool((await lab.cluster(number))["in_force"] == outcome["stamp"])

        await eventually("the change is in force", there)


async def missed(phone: Phone, alias: str, words: str, status: int = 404) -> Message:
    """Call what must not be found, until the refusal has the words: workers take a setting over one after the other."""

    async def reason() -> Message | None:
        answer = refused(await phone.call(alias))
        return answer if answer.status == status and words in answer.get("reason") else None

    return await eventually(f"{alias} is refused with {words!r}", reason)


def test_all_devices_of_an_alias_ring_wherever_they_registered(lab: Lab) -> None:
    async def play() -> None:
        desk, room = lab.phone(1, "bob"), lab.phone(2, "bob", "tcp")
        mobile, alice = lab.phone(3, "bob", "tls"), lab.phone(1, "alice", "tls")
        async with registered(desk, room, mobile, alice):
            await known(lab, (ALICE, 1), (BOB, 1), (BOB, 2), (BOB, 3))
            desk.status = room.status = mobile.status = 0
            call = asyncio.create_task(alice.call(BOB))
            invites = await asyncio.gather(desk.rings(), room.rings(), mobile.rings())
            mobile.reply(invites[2], 200, body="v=0\r\n")
            dialog = answered(await call)
            await asyncio.gather(desk.rings("CANCEL"), room.rings("CANCEL"))
            assert (await alice.hang_up(dialog)).status == 200

    asyncio.run(play())


def test_a_device_that_registers_with_another_peer_is_called_there_at_once_and_only_there(lab: Lab) -> None:
    async def play() -> None:
        same = {"instance": "00000000-0000-1000-8000-aabbccddee01"}
        old, new, alice = lab.phone(1, "bob", **same), lab.phone(2, "bob", **same), lab.phone(3, "alice")
        async with registered(old, alice):
            await known(lab, (ALICE, 3), (BOB, 1))
            async with registered(new):
                await known(lab, (ALICE, 3), (BOB, 2))
                dialog = answered(await alice.call(BOB))
                assert (old.count(), new.count()) == (0, 1)
                assert (await alice.hang_up(dialog)).status == 200

    asyncio.run(play())


def test_an_interval_below_the_minimum_is_answered_with_it_and_the_limits_change_live(lab: Lab) -> None:
    async def play() -> None:
        async with lab.phone(3, "alice") as alice:
            answer = await alice.register(44)
            assert (answer.status, answer.get("min-expires")) == (423, "45")
            path = "protocols.standard_refresh_minimum"
            await applied(lab, await lab.set(1, path, 30))

            async def accepted() -> bool:
                return (await alice.register(44)).status == 200

            await eventually("44 s are enough now", accepted)
            assert (await alice.register(0)).status == 200
            await lab.set(1, path, 45)

    asyncio.run(play())


def test_credentials_change_live_without_dropping_a_call(lab: Lab) -> None:
    async def play() -> None:
        alice, bob = lab.phone(1, "alice", "tcp"), lab.phone(2, "bob")
        async with registered(alice, bob):
            await known(lab, (ALICE, 1), (BOB, 2))
            dialog = answered(await alice.call(BOB))
            await applied(lab, await lab.set(3, "credentials[bob].password", "another"))

            async def status() -> int:
                return (await bob.register()).status

            await eventually("the old password is refused", status, wanted=401)
            old, bob.password = bob.password, "another"
            assert (await bob.register()).status == 200
            await applied(lab, await lab.set(1, "credentials[bob].password", old))
            bob.password = old
            await eventually("the old one is right again", status, wanted=200)
            assert (await bob.hang_up(bob.dialogs[dialog.call_id])).status == 200

    asyncio.run(play())


def test_search_rules_and_transforms_change_live_and_refusals_name_the_rule(lab: Lab) -> None:
    async def play() -> None:
        alice, bob = lab.phone(1, "alice"), lab.phone(3, "bob", "tls")
        async with registered(alice, bob):
            await known(lab, (ALICE, 1), (BOB, 3))
            await missed(alice, f"nobody@{DOMAIN}", "rule LocalZoneMatch: nobody@apolo.local is not registered")
            dialog = answered(await alice.call(BOB))
            transform = {"priority": 1, "pattern": "77", "behavior": "Replace", "replace": "bob"}
            await applied(lab, await lab.ask(2, "config add", path="transforms", value=transform))

            async def reached() -> bool:
                second = await alice.call(f"77@{DOMAIN}")
                if isinstance(second, Message):
                    return False
                return (await alice.hang_up(second)).status == 200

            await eventually("77 is bob now", reached)
            rule = {
                "name": "NotBob", "priority": 10, "mode": "Alias pattern match", "pattern": "bob", "on_match": "Stop",
                "behavior": "Replace", "replace": "nobody", "target": "LocalZone",
            }  # fmt: skip
            await applied(lab, await lab.ask(2, "config add", path="search_rules", value=rule))
            answer = await missed(alice, BOB, "rule NotBob")
            assert "ended the search" in answer.get("reason")
            await applied(lab, await lab.ask(1, "config remove", path="search_rules[NotBob]"))
            await applied(lab, await lab.ask(1, "config remove", path="transforms[1]"))
            await missed(alice, f"77@{DOMAIN}", "LocalZoneMatch")
            assert (await bob.hang_up(bob.dialogs[dialog.call_id])).status == 200

    asyncio.run(play())


def test_calls_go_to_and_come_from_a_neighbour_zone_that_is_added_and_removed_live(lab: Lab) -> None:
    async def play() -> None:
        address = f"{lab.plan.network}.160"
        alice = lab.phone(2, "alice", "tls")
        other = Phone("x", lab.peer(2).address, local_ip=address, domain="london.example")
        async with registered(alice), other:
            await known(lab, (ALICE, 2))
            zone = {
                "name": "London", "sip_transport": "UDP", "sip_port": other.address[1], "peers": [{"address": address}],
            }  # fmt: skip
            rule = {
                "name": "ToLondon", "priority": 60, "mode": "Alias pattern match", "pattern": "@london.example",
                "pattern_type": "Suffix", "behavior": "Leave", "target": "London",
            }  # fmt: skip
            await applied(lab, await lab.ask(1, "config add", path="zones", value=zone))
            await applied(lab, await lab.ask(1, "config add", path="search_rules", value=rule))

            async def reached() -> Any:
                result = await alice.call("reception@london.example")
                return None if isinstance(result, Message) else result

            dialog = await eventually("London answers", reached)
            invite = await other.rings()
            assert invite.first.startswith("INVITE sip:reception@london.example")
            for number in lab.numbers:

                async def listed(number: int = number) -> list[tuple[str, str, list[str]]]:
                    calls = await lab.ask(number, "call list")
                    return [(call["route"], call["rule"], call["peer_names"]) for call in calls]

                await eventually("the call is listed", listed, wanted=[("London", "ToLondon", ["expc02"])])
            assert (await alice.hang_up(dialog)).status == 200
            back = answered(await other.call(ALICE))
            assert (await other.hang_up(back)).status == 200
            await applied(lab, await lab.ask(1, "config remove", path="search_rules[ToLondon]"))
            await missed(alice, "reception@london.example", "")
            await applied(lab, await lab.ask(1, "config remove", path="zones[London]"))

    asyncio.run(play())


def test_a_zone_that_a_rule_still_names_cannot_be_removed(lab: Lab) -> None:
    async def play() -> None:
        zone = {"name": "Paris", "monitor": False, "peers": [{"address": "192.0.2.9"}]}
        rule = {"name": "ToParis", "priority": 900, "target": "Paris", "source": "Named", "source_name": "Paris"}
        await lab.ask(1, "config add", path="zones", value=zone)
        await applied(lab, await lab.ask(1, "config add", path="search_rules", value=rule))
        code, _, errors = await lab.run(2, "config", "remove", "zones[Paris]")
        assert code != 0
        assert "search_rules[ToParis]" in errors and "there is no zone or policy service 'Paris'" in errors, errors
        await lab.ask(1, "config remove", path="search_rules[ToParis]")
        await lab.ask(1, "config remove", path="zones[Paris]")

    asyncio.run(play())


def test_requests_without_hops_and_options_are_answered(lab: Lab) -> None:
    async def play() -> None:
        alice, bob = lab.phone(1, "alice"), lab.phone(2, "bob")
        async with registered(alice, bob):
            await known(lab, (ALICE, 1), (BOB, 2))
            about = ("accept", "accept-encoding", "accept-language", "supported", "allow")
            for host in (lab.peer(1).address, DOMAIN):
                answer = await alice.request("OPTIONS", f"sip:{host}")
                assert answer.status == 200, answer.first
                told = [answer.get(name) for name in about]
                assert told == ["*/*", "identity", "en", "gruu, outbound, path", ""], "RFC 3261 11.2"
            answer = await alice.request("OPTIONS", f"sip:{DOMAIN}", extra=["Require: path, chess"])
            assert (answer.status, answer.get("unsupported")) == (420, "chess")
            for hops in (0, 1):
                answer = await _with_hops(alice, hops)
                assert answer.status == 483, answer.first
            assert bob.count() == 0

    asyncio.run(play())


async def _with_hops(phone: Phone, hops: int) -> Message:
    """Call bob with so many hops left; digest is done where it is asked for."""
    proof: list[str] = []
    while True:
        call_id, branch = uuid.uuid4().hex, f"z9hG4bK{uuid.uuid4().hex}"
        queue = phone._queue(call_id, "1 INVITE")
        head = [
            f"INVITE sip:{BOB} SIP/2.0", phone._via(branch), f"Max-Forwards: {hops}",
            f"From: <{phone.uri}>;tag=h{hops}", f"To: <sip:{BOB}>",
            f"Call-ID: {call_id}", "CSeq: 1 INVITE", f"Contact: {phone.contact}", *proof,
            "Content-Length: 0",
        ]  # fmt: skip
        phone.send(("\r\n".join(head) + "\r\n\r\n").encode())
        answer = await phone._final(queue, 5)
        if answer.status != 407 or proof:
            return answer
        proof = [phone._digest(answer, "INVITE", f"sip:{BOB}")]


def test_a_registration_that_policy_forbids_is_refused_on_every_peer_at_once(lab: Lab) -> None:
    async def play() -> None:
        await applied(lab, await lab.ask(1, "config add", path="registration.deny_list", value={"pattern": CAROL}))
        await applied(lab, await lab.set(1, "registration.restriction_policy", "Deny List"))
        for number in lab.numbers:
            async with lab.phone(number, "carol") as carol:

                async def status(carol: Phone = carol) -> int:
                    return (await carol.register()).status

                await eventually("carol is refused", status, wanted=403)
        await applied(lab, await lab.set(1, "registration.restriction_policy", "None"))
        await lab.ask(1, "config remove", path=f"registration.deny_list[{CAROL}]")

    asyncio.run(play())
