"""Another peer becomes the primary by hand while the old one is dead or cut off; the old one returns and is fenced."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.support import real_lab
from tests.support.real_lab import Lab, answered, eventually

pytestmark = pytest.mark.scenario
SHARED = "protocols.standard_refresh_maximum"
NAMED = "clustering.configuration_primary"


@pytest.fixture
def own() -> Iterator[Lab]:
    """A cluster of this test's own, since it is not left as it was."""
    with real_lab.lab() as lab:
        asyncio.run(lab.whole())
        yield lab


async def in_force(lab: Lab, number: int) -> object:
    return (await lab.cluster(number))["in_force"]


async def says(lab: Lab, number: int, path: str) -> str:
    return await lab.value(number, path)


def test_with_the_primary_dead_edits_are_refused_with_its_name_until_another_one_is_named(own: Lab) -> None:
    async def play() -> None:
        lab = own
        async with lab.phone(2, "alice") as alice, lab.phone(3, "bob") as bob:
            for one in (alice, bob):
                assert (await one.register()).status == 200
            await eventually("2 knows bob", lambda: lab.registrations(2), wanted=_two())
            dialog = answered(await alice.call("bob@apolo.local"))
            before = (await lab.cluster(2))["held"]
            await lab.do("kill", peer=1)
            for number in (2, 3):
                await lab.alarm(number, 20016, "Peer 1, expc01.apolo.local")
                sentence = await lab.refusal(number, "config set", path=SHARED, value=61)
                for words in ("peer 1 expc01.apolo.local", "make another peer the primary"):
                    assert words in sentence, sentence
            assert (await lab.cluster(2))["held"] == before
            code, _, errors = await lab.run(2, "cluster", "promote", "--yes")
            assert code == 0, errors
            await lab.alarm(2, 20017, "peer 3 says 1")
            assert await lab.alarm(3, 20017)
            await lab.set(3, NAMED, 2)
            for number in (2, 3):
                await lab.alarm(number, 20017, standing=False)
                await lab.alarm(number, 20016, standing=False)
            assert (await lab.cluster(2))["held"]["term"] == before["term"] + 1
            stamp = (await lab.set(3, SHARED, 62))["stamp"]  # forwarded to the new primary
            for number in (2, 3):
                await eventually("it is in force", lambda n=number: in_force(lab, n), wanted=stamp)
            assert (await alice.hang_up(dialog)).status == 200
            # The old one returns: it follows, and accepts nothing while it still names itself.
            await lab.do("start", peer=1)
            await eventually("peer 1 follows", lambda: in_force(lab, 1), wanted=stamp)
            await lab.alarm(1, 20017, "peer 2 says 2")
            assert not (await lab.cluster(1))["writable"]
            assert await lab.refusal(1, "config set", path=SHARED, value=63)
            assert await lab.ask(1, "config set-aside") == []
            await lab.set(1, NAMED, 2)
            await lab.whole()
            await lab.set(1, SHARED, 60)
            await eventually("it is everywhere", lambda: says(lab, 3, SHARED), wanted="60")

    asyncio.run(play())


def _two() -> set[tuple[str, int, bool]]:
    return {("alice@apolo.local", 2, False), ("bob@apolo.local", 3, False)}


def test_what_an_old_primary_accepted_while_it_was_cut_off_is_kept_and_listed(own: Lab) -> None:
    async def play() -> None:
        lab = own
        for other in (2, 3):
            await lab.do("cut", peer=1, other=other)
        await lab.alarm(1, 20004)
        await lab.alarm(2, 20016)
        alone = await lab.set(1, SHARED, 71)  # it is the primary and may: it is replicated to nobody
        assert alone["stored"]
        await lab.ask(1, "config add", path="domains", value={"name": "alone.example"})
        await lab.ask(2, "cluster promote")
        await lab.set(3, NAMED, 2)
        stamp = (await lab.set(2, SHARED, 72))["stamp"]
        await eventually(
            "2 and 3 go on", lambda: in_force(lab, 3), wanted=stamp
        )  # 3 must not follow 1 before it hears 2
        await lab.do("heal")
        await eventually("peer 1 follows", lambda: in_force(lab, 1), wanted=stamp)
        await lab.alarm(1, 20011, "2 edits")
        assert await lab.alarm(1, 20017)
        assert (await lab.cluster(1))["database"] == "Conflict"
        proposals = await lab.ask(1, "config set-aside")
        assert len(proposals) == 2
        text = str([one["differences"] for one in proposals])
        assert "alone.example" in text and "'71'" in text
        assert proposals[0]["revision"]["user"] == "lab"
        code, out, _ = await lab.run(1, "config", "set-aside")
        assert code == 0 and "alone.example" in out
        await lab.set(1, NAMED, 2)
        await lab.alarm(1, 20017, standing=False)
        await lab.alarm(1, 20011)  # until somebody has looked at them
        # An edit that is wanted is made again where edits are made; the others are dismissed.
        await lab.ask(1, "config add", path="domains", value={"name": "alone.example"})
        for one in proposals:
            await lab.ask(1, "config dismiss", revision=one["revision"]["revision"])
        await lab.alarm(1, 20011, standing=False)
        assert await lab.ask(1, "config set-aside") == []
        await lab.whole()
        assert {(20011, "Raised"), (20011, "Lowered"), (20017, "Raised"), (20017, "Lowered")} <= lab.alarm_events()
        for number in lab.numbers:
            assert await lab.value(number, SHARED) == "72"
            assert "alone.example" in str(await lab.ask(number, "config show", path="domains"))

    asyncio.run(play())


def test_two_promotions_at_once_end_with_one_configuration_and_the_other_is_kept(own: Lab) -> None:
    async def play() -> None:
        lab = own
        for pair in ((1, 2), (1, 3), (2, 3)):
            await lab.do("cut", peer=pair[0], other=pair[1])
        for number in (2, 3):
            await lab.alarm(number, 20016)
            await lab.ask(number, "cluster promote")
            await lab.set(number, SHARED, 80 + number)
        await lab.do("heal")

        async def same() -> bool:
            return len({str(await in_force(lab, number)) for number in lab.numbers}) == 1

        await eventually("all are at one revision", same)
        winner = (await lab.value(1, SHARED)).removeprefix("8")
        loser = {"2": 3, "3": 2}[winner]
        assert await lab.alarm(loser, 20011)
        assert f"8{loser}" in str(await lab.ask(loser, "config set-aside"))
        assert await lab.refusal(loser, "config set", path=SHARED, value=90)
        for number in lab.numbers:
            await lab.set(number, NAMED, int(winner))
        await lab.set(loser, SHARED, 90)
        for number in lab.numbers:
            await eventually("it is everywhere", lambda n=number: lab.value(n, SHARED), wanted="90")

    asyncio.run(play())
