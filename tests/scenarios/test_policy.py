"""Call policy and FindMe with a real Kamailio, as phones meet them."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sextet.model.sections import Root
from sextet.model.settings.policy import (
    CallPolicy,
    FindMe,
    FindMeDevice,
    FindMeLocation,
    FindMePerson,
    PolicyRule,
)
from tests.support.sip_client import Phone
from tests.support.sip_peers import CONFIG, Peers, answered, peers, phone, refused

pytestmark = pytest.mark.scenario
NETWORK = "127.61.6"
ALICE, BOB, CAROL, SMITH = (f"{name}@apolo.local" for name in ("alice", "bob", "carol", "bob.smith"))
HEAD = '<cpl xmlns="urn:ietf:params:xml:ns:cpl" xmlns:taa="http://www.tandberg.net/cpl-extensions"><taa:routed>'
TAIL = "</taa:routed></cpl>"
RING_S = 5  # the shortest that a location can have


def _policy(**more: object) -> Root:
    return replace(CONFIG, call_policy=CallPolicy(mode="Local CPL", **more))  # type: ignore[arg-type]


def _findme(**location: object) -> Root:
    devices = tuple(FindMeDevice(name=alias.partition("@")[0], alias=alias) for alias in (BOB, CAROL))
    row = FindMeLocation(name="Office", at_once="bob", ring_s=RING_S, **location)  # type: ignore[arg-type]
    person = FindMePerson(findme_id=SMITH, active_location="Office", devices=devices, locations=(row,))
    return replace(CONFIG, findme=FindMe(mode="On", people=(person,)))


@contextlib.asynccontextmanager
async def _phones(config: Root) -> AsyncIterator[tuple[Peers, Phone, Phone, Phone]]:
    """Start one peer, at which alice, bob and carol are registered."""
    async with (
        peers(NETWORK, 1, config=config) as at,
        phone(at, 1, "alice") as alice,
        phone(at, 1, "bob") as bob,
        phone(at, 1, "carol") as carol,
    ):
        for each, alias in ((alice, ALICE), (bob, BOB), (carol, CAROL)):
            await each.register()
            await at.registered(1, alias)
        yield at, alice, bob, carol


def test_a_rule_rejects_with_its_number_and_the_others_may_call() -> None:
    async def play() -> None:
        rules = (PolicyRule(priority=7, source_pattern="alice@.*", destination_pattern="bob@.*"),)
        async with _phones(_policy(rules=rules)) as (_, alice, bob, carol):
            answer = refused(await alice.call(BOB))
            assert answer.status == 403
            assert "call policy rule 7" in answer.get("reason")
            assert bob.count() == 0
            dialog = answered(await carol.call(BOB))
            await carol.hang_up(dialog)

    asyncio.run(play())


def test_a_script_sends_the_call_on_when_the_first_is_busy() -> None:
    async def play() -> None:
        body = (
            f'<address-switch field="destination"><address is="{BOB}"><proxy><busy>'
            f'<taa:location url="{CAROL}"/></busy></proxy></address></address-switch>'
        )
        async with _phones(_policy(script=HEAD + body + TAIL)) as (at, alice, bob, carol):
            bob.status = 486
            dialog = answered(await alice.call(BOB))
            assert (bob.count(), carol.count()) == (1, 1)
            await at.hosts[1].until(lambda: [call.state for call in at.hosts[1].calls.values()] == ["connected"])
            await alice.hang_up(dialog)
            await at.hosts[1].until(lambda: not at.hosts[1].calls)

    asyncio.run(play())


def test_a_script_says_what_the_caller_hears_in_the_end() -> None:
    async def play() -> None:
        body = '<proxy><failure><reject status="603" reason="come back tomorrow"/></failure></proxy>'
        once = f'<address-switch field="destination"><address is="{BOB}">{body}</address></address-switch>'
        async with _phones(_policy(script=HEAD + once + TAIL)) as (at, alice, bob, _):
            bob.status = 480
            answer = refused(await alice.call(BOB))
            assert answer.status == 603 and "come back tomorrow" in answer.get("reason")
            await at.hosts[1].until(lambda: not at.hosts[1].calls)

    asyncio.run(play())


def test_a_person_is_reached_at_the_next_device_when_nobody_answers_the_first() -> None:
    async def play() -> None:
        async with _phones(_findme(no_answer="carol")) as (_, alice, bob, carol):
            bob.status = 0
            call = asyncio.create_task(alice.call(SMITH, wait_s=RING_S + 20))
            await bob.rings()
            await carol.rings(wait_s=RING_S + 15)
            dialog = answered(await call)
            await bob.rings("CANCEL")
            await alice.hang_up(dialog)

    asyncio.run(play())


def test_a_busy_device_of_a_person_gives_way_and_one_without_a_successor_is_busy() -> None:
    async def play() -> None:
        async with _phones(_findme(busy="carol")) as (_, alice, bob, carol):
            bob.status = 486
            dialog = answered(await alice.call(SMITH))
            assert carol.count() == 1
            await alice.hang_up(dialog)
        async with _phones(_findme()) as (_, alice, bob, carol):
            bob.status = 486
            assert refused(await alice.call(SMITH)).status == 486
            assert carol.count() == 0

    asyncio.run(play())


def test_who_is_called_from_a_device_of_a_person_sees_the_person_and_the_caller_sees_himself() -> None:
    async def play() -> None:
        config = _findme(busy="carol")
        person = replace(config.findme.people[0], display_name="Bob Smith")
        findme = replace(config.findme, caller_id="FindMe ID", people=(person,))
        async with _phones(replace(config, findme=findme)) as (at, alice, bob, _):
            dialog = answered(await bob.call(ALICE))
            invite = await alice.rings()
            assert re.fullmatch(rf'"Bob Smith" ?<sip:{SMITH}>;tag=\S+', invite.get("from"))
            assert f"sip:{BOB}" in dialog.answer.get("from"), "the answer names who called"
            await bob.hang_up(dialog)
            bye = await alice.rings("BYE")
            assert f"sip:{SMITH}" in bye.get("from"), "within the dialog as at its beginning"
            await at.hosts[1].until(lambda: not at.hosts[1].calls)

    asyncio.run(play())
