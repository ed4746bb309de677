"""The search history, IP addresses and Locate on a running cluster, as administrators and phones see them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.scenarios.test_calls import ALICE, BOB, applied, known, registered
from tests.support.real_lab import Lab, answered, eventually, refused

pytestmark = pytest.mark.scenario


async def history(lab: Lab, number: int, containing: str) -> list[dict[str, Any]]:
    found = await lab.ask(number, "search history", containing=containing)
    assert found["silent"] == []
    return list(found["lines"])


def test_a_call_over_two_peers_is_two_searches_of_one_tag_that_every_peer_can_explain(lab: Lab) -> None:
    async def play() -> None:
        alice, bob = lab.phone(1, "alice", "tls"), lab.phone(2, "bob")
        async with registered(alice, bob):
            await known(lab, (ALICE, 1), (BOB, 2))
            dialog = answered(await alice.call(BOB))

            async def both() -> list[tuple[int, str]]:
                lines = await history(lab, 3, dialog.call_id)
                return sorted((line["peer"], line["outcome"]) for line in lines)

            await eventually("both searches are over", both, wanted=[(1, "Found"), (2, "Found")])
            lines = await history(lab, 3, dialog.call_id)
            assert len({line["search"]["tag"] for line in lines}) == 1
            first = next(line["search"] for line in lines if line["peer"] == 1)
            shown = (await lab.ask(3, "search show", id=first["id"]))["search"]
            assert [(one["target"], one["status"]) for one in shown["asked"]] == [("Local Zone", 200)]
            rules = [(step["name"], step["finding"]) for step in shown["steps"] if step["kind"] == "rule"]
            assert [name for name, _ in rules] == ["LocalZoneMatch"]
            assert rules[0][1].startswith("registered at peer 2 (")
            assert (await alice.hang_up(dialog)).status == 200

    asyncio.run(play())


def test_a_caller_who_gives_up_a_busy_device_and_a_wrong_number_are_in_the_history_with_who_said_so(lab: Lab) -> None:
    async def play() -> None:
        alice, bob = lab.phone(1, "alice"), lab.phone(1, "bob")
        async with registered(alice, bob):
            await known(lab, (ALICE, 1), (BOB, 1))
            bob.status = 0
            call = asyncio.create_task(alice.call(BOB))
            invite = await bob.rings()
            alice.give_up()
            assert refused(await call).status == 487

            async def ended(containing: str) -> list[tuple[str, str]]:
                lines = await history(lab, 2, containing)
                return [(line["outcome"], line["search"]["reason"]) for line in lines]

            one = invite.get("call-id")
            await eventually(
                "the search is cancelled", lambda: ended(one), wanted=[("Cancelled", "the caller gave up")]
            )
            bob.status = 486
            busy = refused(await alice.call(BOB)).get("call-id")
            told = ("Busy", "answered by Local Zone: 486 Test")
            await eventually("the busy device is named", lambda: ended(busy), wanted=[told])
            assert refused(await alice.call("wrong-number@apolo.local")).status == 404

            async def missed() -> list[str]:
                return [line["outcome"] for line in await history(lab, 2, "wrong-number")]

            await eventually("the wrong number is there", missed, wanted=["Not found"])

    asyncio.run(play())


def test_where_a_device_elsewhere_was_quicker_nobody_gave_up(lab: Lab) -> None:
    async def play() -> None:
        alice, quick, slow = lab.phone(1, "alice"), lab.phone(1, "bob"), lab.phone(2, "bob")
        slow.status = 0
        async with registered(alice, quick, slow):
            await known(lab, (ALICE, 1), (BOB, 1), (BOB, 2))
            dialog = answered(await alice.call(BOB))

            async def both() -> list[tuple[int, str, str]]:
                lines = await history(lab, 3, dialog.call_id)
                return sorted((line["peer"], line["outcome"], line["search"]["reason"]) for line in lines)

            wanted = [(1, "Found", ""), (2, "Cancelled", "another device answered")]
            await eventually("both searches are over", both, wanted=wanted)
            assert (await alice.hang_up(dialog)).status == 200

    asyncio.run(play())


def test_a_call_to_an_address_reaches_the_device_on_another_peer(lab: Lab) -> None:
    async def play() -> None:
        rule = {"name": "Addresses", "priority": 40, "mode": "Any IP address", "target": "LocalZone"}
        alice, bob = lab.phone(1, "alice"), lab.phone(2, "bob", local_ip=f"{lab.plan.network}.99")
        async with registered(alice, bob):
            await known(lab, (ALICE, 1), (BOB, 2))
            await applied(lab, await lab.ask(1, "config add", path="search_rules", value=rule))

            async def rings() -> bool:
                dialog = await alice.call(f"{lab.plan.network}.99")
                return not isinstance(dialog, type(None)) and hasattr(dialog, "call_id") and await hung_up(dialog)

            async def hung_up(dialog: Any) -> bool:
                return (await alice.hang_up(dialog)).status == 200

            await eventually("the device at that address rings", rings)
            assert bob.count() >= 1
            await lab.ask(1, "config remove", path="search_rules[Addresses]")

    asyncio.run(play())


def test_locate_and_the_tests_of_the_dial_plan_answer_on_a_draft_and_keep_a_bad_change_out(lab: Lab) -> None:
    async def play() -> None:
        zone = {"name": "Elsewhere", "peers": [{"address": "192.0.2.77"}], "sip_transport": "UDP", "sip_port": 5060}
        rule = {"name": "Out", "mode": "Alias pattern match", "pattern": "@else.test", "pattern_type": "Suffix"}
        await lab.ask(1, "config add", path="zones", value=zone)
        out = {**rule, "behavior": "Leave", "target": "Elsewhere"}
        await applied(lab, await lab.ask(1, "config add", path="search_rules", value=out))
        test = {"name": "else", "alias": "x@else.test", "target": "Elsewhere"}
        outcome = await lab.ask(2, "config add", path="dial_plan_tests", value=test)
        await applied(lab, outcome)
        assert (await lab.ask(3, "locate", alias="x@else.test"))["rounds"] == [["Elsewhere: x@else.test"]]
        off = json.dumps([{"verb": "set", "path": "search_rules[Out].state", "value": "Disabled"}])
        assert (await lab.ask(3, "locate", alias="x@else.test", draft=off))["rounds"] == []
        assert [one["passed"] for one in await lab.ask(3, "dialplan test", draft=off)] == [False]
        words = await lab.refusal(3, "config set", path="search_rules[Out].state", value="Disabled")
        assert "Dial plan test else: x@else.test from LocalZone should be found at Elsewhere" in words
        for path in ("dial_plan_tests[else]", "search_rules[Out]", "zones[Elsewhere]"):
            await lab.ask(1, "config remove", path=path)

    asyncio.run(play())
