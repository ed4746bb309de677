"""Session timers in real Kamailios: who is to refresh a call, what is too short, and what is not refreshed ends."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from sextet.sip import rendering
from sextet.sip.rpc import command
from tests.support.sip_client import SDP, Phone
from tests.support.sip_peers import CONFIG, Peers, answered, peers, phone, refused

pytestmark = pytest.mark.scenario
NETWORK = "127.61.16"
ALICE, BOB = "alice@apolo.local", "bob@apolo.local"
TIMER = "Supported: timer"


async def known(at: Peers, *devices: tuple[Phone, int, str]) -> None:
    for one, number, alias in devices:
        assert (await one.register()).status == 200
        await at.registered(number, alias)


async def lifetimes(at: Peers, number: int) -> list[int]:
    """Say how long Kamailio lets its calls live that were answered."""
    return [one["lifetime"] for one in (await command(at.run_dir(number), "dlg.list")) or () if one["state"] in (3, 4)]


async def shown(at: Peers, *numbers: int) -> None:
    for number in numbers:
        host = at.hosts[number]
        await host.until(lambda host=host: [call.state for call in host.calls.values()] == ["connected"])


def test_a_call_between_phones_without_timers_gets_the_header_and_no_end() -> None:
    async def play() -> None:
        async with peers(NETWORK, 1, 2) as at, phone(at, 1, "alice") as alice, phone(at, 2, "bob") as bob:
            await known(at, (alice, 1, ALICE), (bob, 2, BOB))
            dialog = answered(await alice.call(BOB))
            invite = await bob.rings()
            assert (invite.all("session-expires"), invite.get("min-se")) == (["1800"], "500")
            assert not dialog.answer.get("session-expires") and not dialog.answer.get("require")
            await shown(at, 1, 2)
            assert await lifetimes(at, 1) == await lifetimes(at, 2) == [43200]
            assert (await alice.hang_up(dialog)).status == 200

    asyncio.run(play())


def test_a_caller_who_can_refresh_is_told_to_where_the_other_end_cannot() -> None:
    async def play() -> None:
        async with peers(NETWORK, 1, 2) as at, phone(at, 1, "alice") as alice, phone(at, 2, "bob") as bob:
            await known(at, (alice, 1, ALICE), (bob, 2, BOB))
            dialog = answered(await alice.call(BOB, extra=f"{TIMER}\r\nx: 7200;refresher=uac\r\nMin-SE: 2000"))
            invite = await bob.rings()
            assert invite.all("session-expires") == ["2000;refresher=uac"], "not below what the caller can do"
            assert (invite.all("x"), invite.get("min-se")) == ([], "2000")
            assert dialog.answer.all("session-expires") == ["2000;refresher=uac"]
            assert dialog.answer.all("require") == ["timer"]
            await shown(at, 1, 2)
            assert await lifetimes(at, 1) == await lifetimes(at, 2) == [2000]
            again = await alice.within(dialog, "UPDATE", extra=[TIMER, "Session-Expires: 600;refresher=uac"])
            assert (again.status, again.get("session-expires")) == (200, "600;refresher=uac")
            assert await lifetimes(at, 1) == await lifetimes(at, 2) == [600]
            assert (await alice.hang_up(dialog)).status == 200

    asyncio.run(play())


def test_what_the_called_end_answers_counts_on_both_peers_and_is_not_touched() -> None:
    async def play() -> None:
        async with peers(NETWORK, 1, 2) as at, phone(at, 1, "alice") as alice, phone(at, 2, "bob", "tcp") as bob:
            await known(at, (alice, 1, ALICE), (bob, 2, BOB))
            bob.headers = ["Session-Expires: 900;refresher=uas"]
            dialog = answered(await alice.call(BOB))
            assert dialog.answer.all("session-expires") == ["900;refresher=uas"]
            await shown(at, 1, 2)
            assert await lifetimes(at, 1) == await lifetimes(at, 2) == [900]
            bob.headers = ["Session-Expires: 1;refresher=uas"]
            assert (await alice.offer(dialog, SDP)).status == 200
            assert await lifetimes(at, 1) == await lifetimes(at, 2) == [90], "no shorter than RFC 4028 allows"
            assert (await alice.hang_up(dialog)).status == 200

    asyncio.run(play())


def test_too_short_a_timer_is_refused_with_the_minimum_and_the_call_goes_on_as_it_was() -> None:
    async def play() -> None:
        async with peers(NETWORK, 1) as at, phone(at, 1, "alice") as alice, phone(at, 1, "bob") as bob:
            await known(at, (alice, 1, ALICE), (bob, 1, BOB))
            no = refused(await alice.call(BOB, extra=f"{TIMER}\r\nSession-Expires: 499"))
            assert (no.status, no.get("min-se"), bob.count()) == (422, "500", 0)
            dialog = answered(await alice.call(BOB, extra="k: 100rel, timer\r\nSession-Expires: 500"))
            await shown(at, 1)
            for method in ("INVITE", "UPDATE"):
                no = await alice.within(dialog, method, SDP, extra=[TIMER, "Session-Expires: 90"])
                assert (no.status, no.get("min-se")) == (422, "500")
            assert (bob.count(), bob.count("UPDATE")) == (1, 0)
            await shown(at, 1)
            protocols = replace(CONFIG.protocols, session_refresh_minimum=90, session_refresh_value=120)
            await at.apply(1, config=replace(CONFIG, protocols=protocols))
            again = await alice.within(dialog, "UPDATE", extra=[TIMER, "Session-Expires: 90"])
            assert (again.status, again.get("session-expires")) == (200, "90;refresher=uac")
            assert await lifetimes(at, 1) == [90]
            assert (await alice.hang_up(dialog)).status == 200

    asyncio.run(play())


def test_a_call_that_is_not_refreshed_in_time_is_over_and_one_that_is_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "SESSION_LEAST_S", 2)  # else every run would take RFC 4028's 90 s

    async def play() -> None:
        async with (
            peers(NETWORK, 1, 2) as at,
            phone(at, 1, "alice") as alice,
            phone(at, 2, "bob") as bob,
            phone(at, 2, "carol") as carol,
        ):
            await known(at, (alice, 1, ALICE), (bob, 2, BOB), (carol, 2, "carol@apolo.local"))
            bob.headers = carol.headers = ["Session-Expires: 2;refresher=uac"]
            kept = answered(await alice.call("carol@apolo.local"))
            carol.headers = ["Session-Expires: 60;refresher=uac"]
            assert (await alice.within(kept, "UPDATE")).status == 200
            lost = answered(await alice.call(BOB))
            for number in (1, 2):
                host = at.hosts[number]
                await host.until(lambda host=host: lost.call_id in host.ended)
                await host.until(lambda host=host: set(host.calls) == {kept.call_id})
                assert await lifetimes(at, number) == [60]
            assert bob.count("BYE") == alice.count("BYE") == 0, "RFC 4028 8.3: a proxy sends none"
            assert (await alice.hang_up(lost)).status == 200
            assert (await alice.hang_up(kept)).status == 200
            for number in (1, 2):
                await at.hosts[number].until(lambda number=number: not at.hosts[number].calls)

    asyncio.run(play())
