"""One pipe for the whole cluster: what one peer uses is not there for the others, and comes back when it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.real_lab import Lab, answered, eventually, refused, save, standard
from tests.support.sip_client import Dialog, Phone

pytestmark = pytest.mark.scenario
BOB, CAROL, PERSON = "bob@apolo.local", "carol@apolo.local", "somebody@apolo.local"
LIMIT = 1000
SETTINGS = (
    ("subzones", {"name": "Site"}),
    ("membership_rules", {"name": "site", "type": "Alias pattern match", "pattern": "alice@", "subzone": "Site"}),
    ("pipes", {"name": "Line", "total_mode": "Limited", "total_limit": LIMIT}),
)


def sdp(kbps: int) -> str:
    head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
    return f"{head}b=AS:{kbps}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\nm=video 40002 RTP/AVP 97\r\n"


@asynccontextmanager
async def narrow(lab: Lab) -> AsyncIterator[tuple[Phone, Phone, Phone]]:
    """Alice at peer 3, whose calls to bob (peer 1) and carol (peer 2) all lead through one pipe."""
    async with (
        lab.phone(3, "alice") as alice,
        lab.phone(1, "bob") as bob,
        lab.phone(2, "carol") as carol,
    ):
        for phone in (alice, bob, carol):
            phone.sdp = sdp(384)
            assert (await phone.register()).status == 200
        for path, value in SETTINGS:
            await lab.ask(1, "config add", path=path, value=value)
        outcome = await lab.set(1, "links[SubZone001ToDefaultSZ].pipe1", "Line")
        for number in lab.numbers:
            await eventually("it is in force", lambda n=number: _in_force(lab, n, outcome))
            await eventually("everybody is known", lambda n=number: _known(lab, n), wanted=3)
        try:
            yield alice, bob, carol
        finally:
            for path, value in reversed(SETTINGS):
                if path == "pipes":
                    await lab.set(1, "links[SubZone001ToDefaultSZ].pipe1", "")
                await lab.ask(1, "config remove", path=f"{path}[{value['name']}]")
            for phone in (alice, bob, carol):
                await phone.register(0)


async def _in_force(lab: Lab, number: int, outcome: dict[str, Any]) -> bool:
    return bool((await lab.cluster(number))["in_force"] == outcome["stamp"])


async def _known(lab: Lab, number: int) -> int:
    return len(await lab.registrations(number))


async def uses(lab: Lab, number: int, local: int, cluster: int, within_s: float = 10.0) -> None:
    """Wait until a peer shows so much use of the pipe, and its workers reckon with it."""

    async def look() -> tuple[int, int, int]:
        (line,) = await lab.ask(number, "bandwidth pipes")
        return line["local_kbps"], line["cluster_kbps"], await lab.reckoned(number, "pipe/Line")

    wanted = (local, cluster, cluster - local)
    await eventually(f"peer {number} shows {local} and {cluster}", look, within_s, wanted=wanted)


async def call(alice: Phone, alias: str, kbps: int) -> Dialog:
    return answered(await alice.call(alias, body=sdp(kbps)))


def granted(phone: Phone) -> int:
    """Say how much the newest call to a phone was let through with, in kbit/s."""
    newest = [message for message in phone.received if message.method == "INVITE"][-1]
    return int(newest.body.partition("b=AS:")[2].split()[0])


def test_calls_at_two_peers_fill_one_pipe_and_hanging_up_gives_it_back(lab: Lab) -> None:
    async def play() -> None:
        async with narrow(lab) as (alice, bob, carol):
            first = await call(alice, BOB, 384)
            for number, local in ((1, 384), (2, 0), (3, 0)):
                await uses(lab, number, local, 384)
            second = await call(alice, CAROL, 384)
            for number, local in ((1, 384), (2, 384), (3, 0)):
                await uses(lab, number, local, 768)

            async def shown() -> list[tuple[str, int]]:
                return [(one["nodes"], one["kbps"]) for one in await lab.ask(3, "call list", containing="carol")]

            await eventually("the call is shown", shown, wanted=[("Site -> Default Subzone", 384)])
            third = await call(alice, BOB, 384)
            assert "b=AS:232\r\n" in (await bob.rings(after=1)).body
            await uses(lab, 2, 384, 1000)
            no = refused(await alice.call(CAROL, body=sdp(384)))
            assert no.status == 488
            assert "Gatekeeper Resources Unavailable" in no.get("reason")
            assert carol.count() == 1
            for dialog in (first, second, third):
                assert (await alice.hang_up(dialog)).status == 200
            for number in lab.numbers:
                await uses(lab, number, 0, 0)

    asyncio.run(play())


def test_two_peers_that_admit_at_once_stay_within_the_bound(lab: Lab) -> None:
    async def play() -> None:
        async with narrow(lab) as (alice, bob, carol):
            for _ in range(4):
                base = await call(alice, BOB, 616)
                for number in lab.numbers:
                    await uses(lab, number, 616 if number == 1 else 0, 616)
                both = await asyncio.gather(*(alice.call(one, body=sdp(384)) for one in (BOB, CAROL)))
                made = [one for one in both if isinstance(one, Dialog)]
                assert made, "there was room for one of them"

                async def shown() -> set[int]:
                    return {(await lab.ask(number, "bandwidth pipes"))[0]["cluster_kbps"] for number in lab.numbers}

                used = 616 + sum(granted(to) for to, one in zip((bob, carol), both, strict=True) if one in made)
                await eventually("all show the same", shown, wanted={used})
                assert used <= LIMIT + 384, "one largest call beyond the limit for each peer but one"
                for dialog in (base, *made):
                    await alice.hang_up(dialog)
                for number in lab.numbers:
                    await uses(lab, number, 0, 0)

    asyncio.run(play())


@pytest.mark.parametrize("winner", [0, 1])
def test_a_person_with_two_devices_at_one_peer_is_charged_until_the_call_ends(lab: Lab, winner: int) -> None:
    async def play() -> None:
        devices = [{"name": "desk", "alias": BOB}, {"name": "room", "alias": "dave@apolo.local"}]
        office = {"name": "Office", "at_once": "desk, room"}
        person = {"findme_id": PERSON, "active_location": "Office", "devices": devices, "locations": [office]}
        async with narrow(lab) as (alice, bob, _), lab.phone(1, "dave") as dave:
            assert (await dave.register()).status == 200
            await lab.ask(1, "config add", path="findme.people", value=person)
            await save(lab, {"findme.mode": "On"})
            for number in lab.numbers:
                await eventually("everybody is known", lambda n=number: _known(lab, n), wanted=4)
            try:
                bob.status = dave.status = 0
                calling = asyncio.create_task(alice.call(PERSON, body=sdp(384)))
                rung = [await phone.rings() for phone in (bob, dave)]
                await uses(lab, 3, 0, 384)
                (bob, dave)[winner].reply(rung[winner], 200, body=sdp(384))
                dialog = answered(await calling)
                await (bob, dave)[1 - winner].rings("CANCEL")
                await uses(lab, 1, 384, 384)

                async def shown() -> list[tuple[str, str]]:
                    return [(one["state"], one["nodes"]) for one in await lab.ask(2, "call list")]

                await eventually("it is up", shown, wanted=[("connected", "Site -> Default Subzone")])
                assert (await alice.hang_up(dialog)).status == 200
                for number in lab.numbers:
                    await uses(lab, number, 0, 0)
            finally:
                await lab.ask(1, "config remove", path=f"findme.people[{PERSON}]")
                await save(lab, {"findme.mode": standard("findme.mode")})

    asyncio.run(play())


def test_what_a_lost_peer_used_is_given_back_and_the_licences_that_it_brought_stay(lab: Lab) -> None:
    async def play() -> None:
        async with narrow(lab) as (alice, bob, _), lab.phone(1, "dave") as dave:
            await lab.set(2, "capacity.room_licences", 4)
            await save(lab, {"capacity.licences_counted": True})
            lost = await call(alice, CAROL, 700)
            for number, local in ((1, 0), (2, 700), (3, 0)):
                await uses(lab, number, local, 700)
            await lab.do("kill", peer=2, part="all")
            try:
                await uses(lab, 1, 0, 700, within_s=1.0)
                await uses(lab, 1, 0, 0, within_s=40.0)
                dialog = await call(alice, BOB, 900)
                await uses(lab, 1, 900, 900)
                assert "b=AS:900\r\n" in (await bob.rings()).body
                await alice.hang_up(dialog)
                assert (await dave.register()).status == 200
                assert (await dave.register(0)).status == 200
            finally:
                await lab.do("start", peer=2)
                await lab.whole(within_s=40.0)
                await alice.hang_up(lost)  # peer 3, which it passes too, still carries its part
                await save(lab, {"capacity.licences_counted": False})
                await lab.set(2, "capacity.room_licences", 0)
            for number in lab.numbers:
                await uses(lab, number, 0, 0)

    asyncio.run(play())


def test_sextetd_that_ends_and_returns_loses_no_use(lab: Lab) -> None:
    async def play() -> None:
        async with narrow(lab) as (alice, _, carol):
            dialog = await call(alice, CAROL, 700)
            await uses(lab, 1, 0, 700)
            await lab.do("kill", peer=2, part="sextetd")
            await lab.do("start", peer=2)
            await lab.whole(within_s=40.0)
            for number, local in ((1, 0), (2, 700), (3, 0)):
                await uses(lab, number, local, 700)
            await alice.hang_up(dialog)
            for number in lab.numbers:
                await uses(lab, number, 0, 0)

    asyncio.run(play())
