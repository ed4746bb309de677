"""Changes of the configuration on a running cluster, as administrators make them and all peers see them."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.real_lab import START_S, Lab, eventually

pytestmark = pytest.mark.scenario
SHARED = "protocols.standard_refresh_maximum"


async def digests(lab: Lab) -> set[str]:
    return {(await lab.cluster(number))["digest"] for number in lab.numbers}


async def in_force(lab: Lab, stamp: object) -> bool:
    return all([(await lab.cluster(number))["in_force"] == stamp for number in lab.numbers])


def test_a_change_on_the_primary_is_in_force_everywhere(lab: Lab) -> None:
    async def play() -> None:
        for value in (61, 60):
            logged = {number: len(lab.lines(number)) for number in lab.numbers}
            stamp = (await lab.set(1, SHARED, value))["stamp"]
            await eventually("the change is in force", lambda stamp=stamp: in_force(lab, stamp))
            assert len(await digests(lab)) == 1
            for number in lab.numbers:
                assert await lab.value(number, SHARED) == str(value)
                assert f"changed from: {121 - value} to: {value}" in "\n".join(lab.lines(number)[logged[number] :])

    asyncio.run(play())


def test_a_change_on_a_subordinate_goes_to_the_primary_and_is_here_when_it_is_acknowledged(lab: Lab) -> None:
    async def play() -> None:
        before = (await lab.cluster(1))["held"]
        outcome = await lab.set(2, SHARED, 62)
        assert outcome["stored"] and outcome["stamp"]["revision"] == before["revision"] + 1
        assert await lab.value(2, SHARED) == "62"
        await eventually("it is in force everywhere", lambda: in_force(lab, outcome["stamp"]))
        newest = (await lab.ask(3, "config history"))[0]
        assert newest["summary"].startswith(SHARED)
        assert newest["user"] == "lab"
        await lab.set(3, SHARED, 60)

    asyncio.run(play())


def test_a_revision_is_undone_from_any_peer_unless_it_was_changed_since(lab: Lab) -> None:
    async def play() -> None:
        before = await digests(lab)
        first = await lab.set(1, SHARED, 77)
        other = await lab.set(2, "dial_plan.fallback_alias", "undone@apolo.local")
        await eventually("3 has both", lambda: in_force(lab, other["stamp"]))
        await lab.ask(3, "config undo", revision=first["revision"])
        assert await lab.value(3, SHARED) == "60"
        assert "was changed since" in await lab.refusal(3, "config undo", revision=first["revision"])
        undone = await lab.ask(3, "config undo", revision=other["revision"])
        await eventually("it is in force everywhere", lambda: in_force(lab, undone["stamp"]))
        assert await digests(lab) == before

    asyncio.run(play())


def test_of_two_writers_who_read_the_same_revision_one_is_told_to_read_again(lab: Lab) -> None:
    async def play() -> None:
        read = f"r{(await lab.cluster(1))['held']['revision']}"
        await lab.set(1, SHARED, 63, revision=read)
        for number in (1, 2):
            sentence = await lab.refusal(number, "config set", path=SHARED, value=64, revision=read)
            assert read in sentence, sentence
        await eventually("3 has it", lambda: lab.value(3, SHARED), wanted="63")
        await lab.set(1, SHARED, 60)
        await eventually("3 has it", lambda: lab.value(3, SHARED), wanted="60")

    asyncio.run(play())


def test_edits_at_the_same_time_on_all_peers_are_all_there(lab: Lab) -> None:
    async def play() -> None:
        async def add(number: int, index: int) -> None:
            await lab.ask(number, "config add", path="domains", value={"name": f"d{number}x{index}.example"})

        await asyncio.gather(*(add(number, index) for number in lab.numbers for index in range(4)))
        shown = [line["value"] for line in await lab.ask(1, "config show", path="domains")]
        assert {f"d{number}x{index}.example" for number in lab.numbers for index in range(4)} <= set(shown)
        for number in lab.numbers:
            for index in range(4):
                await lab.ask(1, "config remove", path=f"domains[d{number}x{index}.example]")

    asyncio.run(play())


@pytest.mark.parametrize("number", [1, 2])
def test_what_does_not_make_sense_changes_nothing(lab: Lab, number: int) -> None:
    async def play() -> None:
        before, own = (await lab.cluster(1))["held"], await lab.ask(number, "config show")
        rule = {
            "name": "Bad",
            "priority": 0,
            "mode": "Alias pattern match",
            "pattern_type": "Regex",
            "pattern": "(",
            "target": "Nowhere",
        }
        sentence = await lab.refusal(number, "config add", path="search_rules", value=rule)
        assert all(words in sentence for words in ("Nowhere", "Priority", "Pattern string")), sentence
        for path, value in (("protocols.sip_udp_port", 80), ("clustering.tls_verification_mode", "Sometimes")):
            assert await lab.refusal(number, "config set", path=path, value=value)
        assert "no.such" in await lab.refusal(number, "config set", path="no.such", value=1)
        assert (await lab.cluster(1))["held"] == before
        assert await lab.ask(number, "config show") == own

    asyncio.run(play())


def test_a_seventh_peer_a_duplicate_and_a_gap_are_refused_at_once_and_nothing_is_stored(lab: Lab) -> None:
    async def play() -> None:
        before = await lab.ask(2, "config show", path="clustering")
        assert await lab.refusal(2, "config set", path="clustering.peer_7_address", value="127.78.0.7")
        assert "move the later ones up" in await lab.refusal(
            2, "config set", path="clustering.peer_5_address", value="127.78.0.5"
        )
        everything = await lab.refusal(
            2, "config set", path="clustering.peer_6_address", value=lab.peer(1).fqdn.upper()
        )
        for words in ("Peer 4 address", "Peer 5 address", "is peer 1 already"):
            assert words in everything
        assert await lab.ask(2, "config show", path="clustering") == before

    asyncio.run(play())


def test_a_dry_run_shows_what_would_change_and_stores_nothing(lab: Lab) -> None:
    async def play() -> None:
        before = (await lab.cluster(1))["held"]
        outcome = await lab.set(3, SHARED, 99, dry_run=True)
        assert not outcome["stored"]
        assert outcome["differences"] == [{"path": SHARED, "old": "60", "new": "99"}]
        assert (await lab.cluster(1))["held"] == before

    asyncio.run(play())


def test_the_command_line_sets_shows_and_refuses_with_exit_codes(lab: Lab) -> None:
    async def play() -> None:
        code, out, errors = await lab.run(2, "config", "set", SHARED, "65")
        assert (code, errors) == (0, ""), errors
        code, out, _ = await lab.run(1, "-o", "json", "config", "show", SHARED)
        assert '"65"' in out
        code, out, errors = await lab.run(2, "config", "set", SHARED, "1000000")
        assert code != 0 and "Standard" in errors
        code, out, errors = await lab.run(1, "config", "set", SHARED, stdin=b"60\n")
        assert code == 0, errors
        for words in (("cluster", "status"), ("registration", "list"), ("call", "list"), ("alarm", "list")):
            code, out, errors = await lab.run(3, *words)
            assert code == 0 and (out or words[0] in ("registration", "call")), errors

    asyncio.run(play())


def test_a_sip_setting_that_needs_a_restart_says_so_until_it_had_one(lab: Lab) -> None:
    async def play() -> None:
        path = "protocols.sip_udp"
        assert path in (await lab.set(1, path, "Off"))["restart"]
        for number in lab.numbers:
            await lab.alarm(number, 25008, path)
        await lab.set(1, path, "On")
        for number in lab.numbers:
            await lab.alarm(number, 25008, standing=False)
        await lab.set(1, path, "Off")
        await lab.alarm(3, 25008)
        code, _, errors = await lab.run(3, "peer", "restart", "--yes")
        assert code == 0, errors
        await lab.alarm(3, 25008, standing=False, within_s=START_S)
        async with lab.phone(3, "alice", "tcp") as alice:
            assert (await alice.register()).status == 200
            assert (await alice.register(0)).status == 200
        await lab.alarm(1, 25008, "Saved but not in force")
        await lab.set(1, path, "On")
        await lab.alarm(3, 25008, path)
        await lab.do("restart", peer=3)

    asyncio.run(play())


def test_changes_at_restart_wait_for_it_and_say_so_on_every_peer(lab: Lab) -> None:
    async def play() -> None:
        await lab.set(1, "clustering.changes_take_effect", "At restart")
        outcome = await lab.set(1, "clustering.tls_verification_mode", "Enforce")
        assert "clustering.tls_verification_mode" in outcome["restart"]
        for number in lab.numbers:
            await lab.alarm(number, 20007, "tls_verification_mode")
            await lab.alarm(number, 20020, "Saved Enforce, running Permissive")
            assert 40049 in await lab.raised(number)
        for number in lab.numbers:
            code, _, errors = await lab.run(number, "peer", "restart", "--yes")
            assert code == 0, errors
            await lab.alarm(number, 20007, standing=False, within_s=START_S)
            await lab.alarm(number, 20020, standing=False)
            await lab.alarm(number, 40049, standing=False)
        await lab.whole()
        await lab.set(1, "clustering.changes_take_effect", "At once")
        await lab.set(1, "clustering.tls_verification_mode", "Permissive")
        for number in lab.numbers:
            await lab.alarm(number, 40049)

    asyncio.run(play())
