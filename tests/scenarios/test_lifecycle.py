"""A peer's life: its configuration forced, emptied of calls, reset."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from sextet import __version__
from tests.support import real_lab
from tests.support.real_lab import START_S, Lab, answered, eventually, refused
from tests.support.release import small

pytestmark = pytest.mark.scenario


def test_force_config_update_takes_the_primarys_configuration_and_is_refused_on_the_primary(lab: Lab) -> None:
    async def play() -> None:
        said = await lab.refusal(1, "cluster force-config-update")
        assert "This peer names itself" in said
        for peer, words, why in (
            (1, "cluster force-config-update", "This peer names itself"),
            (1, "cluster promote", "the configuration primary already"),
            (2, "database recover", "The database is sound"),
        ):  # refused, not asked about
            code, _, errors = await lab.run(peer, *words.split())
            assert code == 1 and why in errors and "[y/N]" not in errors, errors
        before = (await lab.cluster(2))["in_force"]
        code, out, errors = await lab.run(2, "cluster", "force-config-update", "--yes")
        assert code == 0, errors
        assert "The shared configuration is the primary's now" in out
        assert (await lab.cluster(2))["in_force"] == before == (await lab.cluster(1))["in_force"]
        await lab.whole()

    asyncio.run(play())


def test_force_config_update_ends_a_conflict_and_keeps_the_edits_in_the_history(lab: Lab) -> None:
    """An old primary that was cut off accepted an edit; the cluster went on without it."""
    path, named = "protocols.standard_refresh_maximum", "clustering.configuration_primary"

    async def play() -> None:
        was = await lab.value(1, path)
        for other in (2, 3):
            await lab.do("cut", peer=1, other=other)
        await lab.alarm(2, 20016)
        edit = await lab.set(1, path, 71)
        await lab.ask(2, "cluster promote")
        await lab.set(3, named, 2)
        for other in (2, 3):
            await lab.do("heal", peer=1, other=other)
        await lab.alarm(1, 20011)
        assert "names itself" in await lab.refusal(1, "cluster force-config-update")  # it names itself still
        await lab.set(1, named, 2)

        async def heard() -> bool:
            return all([(await lab.member(1, other))["clustering_ok"] for other in (2, 3)])

        await eventually("1 hears 2 and 3", heard, wanted=True)
        done = (await lab.ask(1, "cluster force-config-update"))["sentence"]
        assert f"no conflict any more: {edit['revision'].partition(' ')[0]}" in done, done
        await lab.alarm(1, 20011, standing=False)
        history = await lab.ask(1, "config history")
        assert any(one["revision"] == edit["revision"] for one in history)
        await lab.whole()
        await lab.ask(1, "cluster promote")
        for other in (2, 3):
            await lab.set(other, named, 1)
        await lab.set(1, path, int(was))
        await lab.whole()

    asyncio.run(play())


def test_in_maintenance_mode_calls_go_on_nothing_new_is_taken_and_a_restart_ends_it(lab: Lab) -> None:
    async def play() -> None:
        async with lab.phone(2, "alice") as alice, lab.phone(3, "bob") as bob, lab.phone(2, "carol") as carol:
            for one in (alice, bob):
                assert (await one.register()).status == 200
            both = {("alice@apolo.local", 2, False), ("bob@apolo.local", 3, False)}
            await eventually("2 knows both", lambda: lab.registrations(2), wanted=both)
            dialog = answered(await alice.call("bob@apolo.local"))
            await eventually("2 has the call", lambda: lab.calls(2), wanted=[("connected", False)])
            code, out, errors = await lab.run(2, "peer", "maintenance", "on")
            assert code == 0, errors
            assert "no new calls and registrations; 1 call still running, 1 registration " in out
            await lab.alarm(2, 15015, "takes no new calls")
            assert (await carol.register()).status == 503
            assert (await alice.register()).status == 503
            assert refused(await alice.call("bob@apolo.local")).status == 503
            no = refused(await bob.call("alice@apolo.local"))
            assert (no.status, "expc02.apolo.local: this peer is in maintenance" in no.get("reason")) == (503, True)
            await eventually("only that call goes on", lambda: lab.calls(2), wanted=[("connected", False)])
            assert (await alice.hang_up(dialog)).status == 200
        async with lab.phone(3, "carol") as carol:
            assert (await carol.register()).status == 200
            assert (await carol.register(expires=0)).status == 200
        await lab.ask(2, "peer restart")
        await lab.alarm(2, 15015, standing=False, within_s=START_S)
        async with lab.phone(2, "alice") as alice, lab.phone(3, "bob") as bob:
            for one in (alice, bob):
                assert (await one.register()).status == 200
                assert (await one.register(expires=0)).status == 200

    asyncio.run(play())


PEER = "clustering.peer_{}_address"


@pytest.fixture
def own() -> Iterator[Lab]:
    """A cluster of this test's own, since it is not left as it was."""
    with real_lab.lab() as lab:
        asyncio.run(lab.whole())
        yield lab


async def clear(lab: Lab, number: int) -> list[str]:
    """Clear the list, last row first since it must have no gap; gives what the last change warned of."""
    for row in (3, 2, 1):
        done = await lab.set(number, PEER.format(row), "")
    return list(done["warnings"])


def test_clearing_the_list_arms_a_reset_that_fails_without_its_image_and_works_with_it(own: Lab) -> None:
    lab = own

    async def play() -> None:
        await lab.set(1, "clustering.changes_take_effect", "At restart")
        await eventually("3 follows", lambda: lab.value(3, "clustering.changes_take_effect"), wanted="At restart")
        assert (await lab.ask(3, "factory-reset status"))["armed"] is False
        assert "No factory reset is armed" in await lab.refusal(3, "factory-reset run")
        warned = await clear(lab, 3)
        first = lab.peer(1).host_name
        assert any("resets itself to factory settings" in one and first in one for one in warned), warned
        armed = (await lab.ask(3, "factory-reset status"))["disarmed_by"]
        for row, address in enumerate(armed, 1):  # the same list in the same order
            await lab.set(3, PEER.format(row), address)
        assert (await lab.ask(3, "factory-reset status"))["armed"] is False
        await clear(lab, 3)
        assert "sextet-image.tar.gz is missing" in await lab.refusal(3, "factory-reset run")
        await lab.ask(3, "peer restart")
        await lab.alarm(3, 15013, "sextet-image.tar.gz is missing", within_s=START_S)
        assert await lab.ask(3, "config show", path="domains")  # nothing was reset
        image = small(lab.peer(3).state_dir.parent / "release.tar.gz", __version__)
        await lab.ask(3, "factory-reset image", file=str(image))
        certificate = (lab.peer(3).state_dir / "certificate.pem").read_bytes()
        code, _, errors = await lab.run(3, "factory-reset", "run", "--yes")
        assert code == 0, errors

        async def fresh() -> object:
            return await lab.ask(3, "config show", path="domains")

        await eventually("3 is as new", fresh, START_S, wanted=[])
        assert (lab.peer(3).state_dir / "certificate.pem").read_bytes() != certificate
        assert await lab.ask(3, "config show", path="administrators")  # accounts are kept
        assert 15013 not in await lab.raised(3)
        assert {(15009, "Raised"), (15009, "Lowered")} <= lab.alarm_events()
        assert (await lab.cluster(3))["factory_reset"] == []

    asyncio.run(play())


def test_a_dead_peer_is_removed_and_refused_with_the_reason_on_both_sides_when_it_returns(own: Lab) -> None:
    lab = own

    async def play() -> None:
        await lab.do("kill", peer=3)
        await lab.alarm(1, 20004)
        for number in (1, 2):
            await lab.set(number, PEER.format(3), "")
        await lab.whole((1, 2))
        await lab.do("start", peer=3)
        address, name = lab.peer(3).address, lab.peer(3).host_name
        for number in (1, 2):

            async def told(number: int = number) -> bool:
                return any(address in line and "not a member" in line for line in await network(lab, number))

            await eventually(f"{number} says why {name} is refused", told, wanted=True)
        await lab.alarm(3, 20004, "this peer's address may be missing in the other one's list")
        await lab.whole((1, 2))
        await lab.set(1, "protocols.standard_refresh_maximum", 61)  # replicated to nobody who was removed
        assert await lab.value(3, "protocols.standard_refresh_maximum") != "61"

    asyncio.run(play())


async def network(lab: Lab, number: int) -> list[str]:
    return list(await lab.ask(number, "log tail", log="network", lines=200))


def test_suggested_mappings_come_from_every_peer_and_are_saved_for_all(lab: Lab) -> None:
    path = "clustering.address_mappings"

    async def play() -> None:
        wanted = {(lab.peer(n).host_name, lab.peer(n).address) for n in lab.numbers}

        async def suggested() -> set[tuple[str, str]]:
            return {(row["fqdn"], row["ip"]) for row in await lab.ask(2, "cluster suggest-mappings")}

        assert {(name.partition(".")[0], ip) for name, ip in wanted} == {
            (name.partition(".")[0], ip) for name, ip in await suggested()
        }
        code, out, errors = await lab.run(2, "cluster", "suggest-mappings", "--save")
        assert code == 0 and "New." in out, errors
        rows = {(row["fqdn"], row["ip"]) for row in await lab.ask(2, "cluster suggest-mappings")}
        assert rows == await suggested()
        assert all(row["sentence"] == "As it is." for row in await lab.ask(2, "cluster suggest-mappings"))
        assert len([one for one in await lab.ask(3, "config show", path=path) if one["path"].endswith(".ip")]) == 3
        for fqdn, _ in sorted(rows):
            await lab.ask(2, "config remove", path=f"{path}[{fqdn}]")

    asyncio.run(play())


def test_the_originals_verbs_work_on_the_command_line(lab: Lab) -> None:
    async def play() -> None:
        code, out, errors = await lab.run(2, "xcommand", "forceconfigupdate")
        assert code == 0 and out.startswith("*r Result (status=OK):") and out.rstrip().endswith("OK"), errors
        code, _, errors = await lab.run(1, "xcommand", "Force", "Config", "Update")
        assert code == 1 and "names itself as the configuration primary" in errors
        code, out, _ = await lab.run(2, "xstatus", "Alternates")
        assert code == 0 and '    Status: "This system"' in out
        code, out, _ = await lab.run(2, "xConfiguration".lower(), "SystemUnit")
        assert '*c xConfiguration SystemUnit Maintenance Mode: "Off"' in out

    asyncio.run(play())


def test_a_peer_killed_with_an_armed_reset_still_resets_and_one_that_returns_to_its_list_does_not(own: Lab) -> None:
    lab = own

    async def play() -> None:
        await lab.set(1, "clustering.changes_take_effect", "At restart")
        await eventually("3 follows", lambda: lab.value(3, "clustering.changes_take_effect"), wanted="At restart")
        rows = [await lab.value(2, PEER.format(row)) for row in (1, 2, 3)]
        await clear(lab, 3)
        await lab.do("kill", peer=3)
        image = small(lab.peer(3).state_dir / "factory-reset" / "sextet-image.tar.gz", __version__)
        assert image.exists()
        await lab.do("start", peer=3)

        async def fresh() -> object:
            return await lab.ask(3, "config show", path="domains")

        await eventually("3 is as new", fresh, START_S, wanted=[])
        await clear(lab, 2)
        for row, address in enumerate(rows, 1):
            await lab.set(2, PEER.format(row), address)
        await lab.ask(2, "peer restart")

        async def back() -> bool:
            return bool((await lab.member(2, 1))["clustering_ok"])

        await eventually("2 is a member again", back, START_S, wanted=True)
        assert await lab.ask(2, "config show", path="domains")

    asyncio.run(play())
