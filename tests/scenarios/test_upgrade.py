"""A cluster is upgraded with a package, primary first, while it carries calls; and every way back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sextet import __version__
from tests.support import real_lab
from tests.support.guide_reader import Reader
from tests.support.real_lab import Lab, answered, eventually, unchanged
from tests.support.release import real

pytestmark = pytest.mark.scenario
NEW, NEWER = "7.0.0", "7.1.0"
EDIT = "protocols.standard_refresh_maximum"
START_S = 60.0  # a start of a version that is tried, on a busy machine
DIFFER, MISMATCH = 20008, 15018
ALICE, BOB, CAROL = (f"{user}@apolo.local" for user in ("alice", "bob", "carol"))


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("releases")
    return {version: real(folder / f"sextet-{version}.tar.gz", version) for version in (NEW, NEWER)}


@pytest.fixture(scope="module")
def own() -> Iterator[Lab]:
    """A lab that is not shared: its peers end with other versions than they began with."""
    with real_lab.lab() as lab:
        asyncio.run(lab.whole())
        yield lab


async def version(lab: Lab, number: int) -> str:
    places = (await lab.ask(number, "upgrade status"))["places"]
    return str(next(place["version"] for place in places if place["runs"]))


async def uploaded(lab: Lab, number: int, package: Path) -> dict[str, Any]:
    """Take a package in, as an administrator does; gives what was found about it."""
    code, out, errors = await lab.run(number, "upgrade", "upload", str(package))
    assert code == 0 and "SHA-256" in out, errors
    return dict((await lab.ask(number, "upgrade status"))["package"])


async def installed(lab: Lab, number: int, package: Path) -> None:
    found = await uploaded(lab, number, package)
    code, out, errors = await lab.run(number, "upgrade", "install", found["sha256"], "--yes")
    assert code == 0 and "The new software will be used on the next restart" in out, errors


async def restarted(lab: Lab, number: int, wanted: str) -> None:
    """Restart a peer; it answers for a moment more, and may run the same version afterwards as before."""
    store = await lab.pids(number, "nats")  # each start has its own
    await lab.ask(number, "peer restart")

    async def anew() -> str | None:
        runs = await version(lab, number)
        return runs if not set(store) & set(await lab.pids(number, "nats")) else None

    await eventually(f"peer {number} runs {wanted}", anew, START_S, wanted=wanted)


async def upgraded(lab: Lab, number: int, package: Path, wanted: str) -> None:
    await installed(lab, number, package)
    await restarted(lab, number, wanted)


@asynccontextmanager
async def call_between(lab: Lab, one: int, other: int) -> AsyncIterator[None]:
    """Keep a call up. It is hung up in the end, by a request within it that is answered."""
    async with lab.phone(one, "alice", local_ip=f"{lab.plan.network}.151") as alice, lab.phone(other, "bob") as bob:
        for phone in (alice, bob):
            assert (await phone.register()).status == 200

        async def known() -> bool:
            return {(ALICE, one, False), (BOB, other, False)} <= await lab.registrations(one)

        await eventually("both are registered", known, wanted=True)
        dialog = answered(await alice.call(BOB))
        yield
        assert (await alice.hang_up(dialog)).status == 200


async def carried(lab: Lab, number: int) -> bool:
    """Whether a peer lists the call, as one that is carried by somebody who can be heard."""
    calls = [(call["source"], call["destination"], call["stale"]) for call in await lab.ask(number, "call list")]
    return (ALICE, BOB, False) in calls


async def edited_while_versions_differ(lab: Lab) -> str:
    """An edit on the primary is kept; one on a peer of another version is refused with the reason."""
    before = await lab.value(2, EDIT)
    await lab.set(1, EDIT, 77)
    why = await lab.refusal(2, "config set", path=EDIT, value=78)
    assert f"runs version {NEW}; this system runs {__version__}" in why, why
    assert f"runs version {NEW}" in await lab.refusal(2, "cluster force-config-update")
    assert await unchanged("2 goes on with its own", lambda: lab.value(2, EDIT), 1.5) == before
    return before


def test_a_cluster_is_upgraded_primary_first_while_a_call_is_up(own: Lab, packages: dict[str, Path]) -> None:
    lab = own

    async def play() -> None:
        async with call_between(lab, 2, 3):
            await eventually("the call is shown", lambda: carried(lab, 2), wanted=True)
            await upgraded(lab, 1, packages[NEW], NEW)
            # 20008 on everybody who sees another version, with both versions and the way out.
            for number, theirs in ((1, f"expc02.apolo.local {__version__}"), (2, f"expc01.apolo.local {NEW}")):
                await lab.alarm(number, DIFFER, theirs, "Upgrade the primary first")
            assert (await lab.cluster(2))["database"] == "Suspended"
            assert (await lab.ask(2, "status"))["ready"], "it takes calls"
            # What hangs on the links goes on between the versions: rows, calls that are up, calls that begin.
            for number in lab.numbers:
                await eventually("the call is still shown", lambda number=number: carried(lab, number), wanted=True)
            async with lab.phone(1, "carol", local_ip=f"{lab.plan.network}.152") as carol:
                assert (await carol.register()).status == 200
                new, old = (CAROL, 1, False), (BOB, 3, False)

                async def shown() -> bool:
                    known = [await lab.registrations(number) for number in lab.numbers]
                    return new in known[1] and new in known[2] and old in known[0]

                await eventually("each version knows who is registered with the other", shown, wanted=True)
                dialog = answered(await carol.call(BOB))
                assert (await carol.hang_up(dialog)).status == 200
                assert (await carol.register(0)).status == 200
            before = await edited_while_versions_differ(lab)
        # The others, one at a time; the first of them is in step again before the last one.
        await upgraded(lab, 2, packages[NEW], NEW)
        await eventually("the edit has come", lambda: lab.value(2, EDIT), wanted="77")
        assert await lab.value(3, EDIT) == before
        order = {one["id"]: one for one in (await uploaded(lab, 3, packages[NEW]))["findings"]}["order"]
        assert order["verdict"] == "ok" and f"runs {NEW} already" in order["sentence"]
        await upgraded(lab, 3, packages[NEW], NEW)
        await lab.whole()
        assert await lab.value(3, EDIT) == "77"
        for number in lab.numbers:

            async def seen(number: int = number) -> list[tuple[str, str, bool]]:
                peers = (await lab.ask(number, "upgrade status"))["peers"]
                return [(one["version"], one["before"], one["heard"]) for one in peers]

            await eventually("every peer shows the versions of all", seen, wanted=[(NEW, __version__, True)] * 3)

    asyncio.run(play())


def test_a_subordinate_is_warned_that_the_primary_comes_first_and_is_helped_by_the_same_package(
    own: Lab, packages: dict[str, Path]
) -> None:
    lab = own

    async def play() -> None:
        found = {one["id"]: one for one in (await uploaded(lab, 3, packages[NEWER]))["findings"]}
        assert found["order"]["verdict"] == "warn", found
        assert f"expc01 runs {NEW}. Upgrade it first" in found["order"]["sentence"]
        await upgraded(lab, 3, packages[NEWER], NEWER)
        await lab.alarm(3, DIFFER, f"expc01.apolo.local {NEW}")
        await lab.set(1, EDIT, 71)
        why = await lab.refusal(3, "cluster force-config-update")
        assert "again with the same package" in why, why
        await upgraded(lab, 1, packages[NEWER], NEWER)
        await eventually("3 follows the primary again", lambda: lab.value(3, EDIT), wanted="71")
        await upgraded(lab, 2, packages[NEWER], NEWER)
        await lab.whole()

    asyncio.run(play())


def test_the_version_before_gets_its_database_and_what_is_lost_is_said(own: Lab, packages: dict[str, Path]) -> None:
    lab = own

    async def play() -> None:
        places = {one["number"]: one for one in (await lab.ask(3, "upgrade status"))["places"]}
        before = next(number for number, one in places.items() if one["version"] == NEW)
        await lab.set(1, EDIT, 66)
        await eventually("3 follows", lambda: lab.value(3, EDIT), wanted="66")
        code, out, errors = await lab.run(3, "upgrade", "lost", str(before))
        assert code == 0 and EDIT in out and "lost on this peer" in out, errors
        code, out, errors = await lab.run(3, "upgrade", "select", str(before), "--yes")
        assert code == 0 and "the database from before" in out, errors
        await restarted(lab, 3, NEW)
        assert await lab.value(3, EDIT) == "77", "as it was when this version was left"
        await lab.alarm(3, DIFFER)
        newer = next(number for number, one in places.items() if one["version"] == NEWER)
        await lab.ask(3, "upgrade select", place=newer)
        await restarted(lab, 3, NEWER)
        await eventually("3 catches up", lambda: lab.value(3, EDIT), wanted="66")
        await lab.whole()

    asyncio.run(play())


def test_a_version_that_does_not_come_up_gives_way_to_the_one_before(own: Lab, tmp_path: Path) -> None:
    lab = own

    def fails(files: dict[str, bytes]) -> None:
        call = b"            running = starting.become_chosen(start.state_dir)\n"
        assert call in files["sextet/main.py"]
        broken = call + b'            raise EngineError("this release has a fault")\n'
        files["sextet/main.py"] = files["sextet/main.py"].replace(call, broken)

    async def play() -> None:
        was = await version(lab, 2)
        package = real(tmp_path / "sextet-8.0.0.tar.gz", "8.0.0", fails)
        await installed(lab, 2, package)
        await lab.ask(2, "peer restart")
        words = ("version 8.0.0", "this release has a fault", "runs instead")
        await lab.alarm(2, MISMATCH, *words, within_s=START_S)
        assert await version(lab, 2) == was
        assert (MISMATCH, "Raised") in lab.alarm_events()
        runs = next(one["number"] for one in (await lab.ask(2, "upgrade status"))["places"] if one["runs"])
        await lab.ask(2, "upgrade select", place=runs)
        await lab.alarm(2, MISMATCH, standing=False)
        await lab.whole()

    asyncio.run(play())


def test_a_peer_killed_in_the_middle_of_an_install_goes_on_as_before_and_installs_again(
    own: Lab, packages: dict[str, Path]
) -> None:
    lab = own

    async def play() -> None:
        was = await version(lab, 3)
        folder = lab.peer(3).state_dir / "versions"
        found = await uploaded(lab, 3, packages[NEWER])
        installing = asyncio.create_task(lab.run(3, "upgrade", "install", found["sha256"], "--yes"))

        async def unpacking() -> bool:
            return any(one.is_dir() and len(list(one.rglob("*"))) > 100 for one in folder.glob("*.new"))

        await eventually("it is being unpacked", unpacking, wanted=True)
        await lab.do("kill", peer=3)
        assert (await installing)[0] != 0
        await lab.do("start", peer=3)
        await eventually("it runs what it ran", lambda: version(lab, 3), START_S, wanted=was)
        assert not list(folder.glob("*.new")), "what was begun is tidied up"
        assert (await lab.ask(3, "upgrade status"))["package"]["sha256"] == found["sha256"]
        await installed(lab, 3, packages[NEWER])
        await restarted(lab, 3, NEWER)
        await lab.whole()

    asyncio.run(play())


@pytest.mark.parametrize("moment_s", [0.004, 0.05])
def test_a_peer_killed_while_the_version_before_is_selected_runs_one_of_both_and_selects_again(
    own: Lab, moment_s: float
) -> None:
    lab = own

    async def places() -> dict[bool, dict[str, Any]]:
        found = {place["runs"]: place for place in (await lab.ask(3, "upgrade status"))["places"] if place["version"]}
        assert set(found) == {True, False}, found
        return found

    async def play() -> None:
        before = await places()
        select = lambda: lab.ask(3, "upgrade select", place=before[False]["number"])
        await real_lab.killed(lab, 3, moment_s, select)
        await eventually("3 answers", lambda: lab.ask(3, "upgrade status"), START_S)
        after = await places()
        assert {place["version"] for place in after.values()} == {place["version"] for place in before.values()}
        await lab.ask(3, "upgrade select", place=before[True]["number"])
        await restarted(lab, 3, before[True]["version"])
        await lab.whole()

    asyncio.run(play())


def test_a_peer_killed_in_the_middle_of_an_upload_keeps_nothing_of_it(own: Lab, packages: dict[str, Path]) -> None:
    lab, path = own, "/maintenance/upgrade"
    asyncio.run(lab.ask(2, "upgrade discard"))
    reader = Reader(lab)
    try:
        data = packages[NEWER].read_bytes()
        begun = reader.send(2, path, f"{path}/piece", {"at": "0"}, ("release.tar.gz", data[: 1 << 19]))
        assert begun == {"received": 1 << 19}
        asyncio.run(lab.do("kill", peer=2))
        asyncio.run(lab.do("start", peer=2))
        state = asyncio.run(eventually("2 answers", lambda: lab.ask(2, "upgrade status"), START_S))
        assert (state["received_bytes"], state["package"]) == (0, None)
        more = reader.send(2, path, f"{path}/piece", {"at": str(1 << 19)}, ("release.tar.gz", data[1 << 19 : 1 << 20]))
        assert "another upload has begun" in more["problem"] and more["received"] == 0
        asyncio.run(uploaded(lab, 2, packages[NEWER]))
    finally:
        reader.close()
    asyncio.run(lab.whole())


@pytest.mark.parametrize("size", [0, 10, 5_000_000])
def test_a_package_that_is_cut_off_is_refused_and_nothing_is_kept(
    own: Lab, packages: dict[str, Path], tmp_path: Path, size: int
) -> None:
    lab = own

    async def play() -> None:
        cut = tmp_path / "cut.tar.gz"
        cut.write_bytes(packages[NEW].read_bytes()[:size])
        await lab.ask(3, "upgrade discard")
        assert "Nothing was kept of the package: it is" in await lab.refusal(3, "upgrade upload", file=str(cut))
        assert (await lab.ask(3, "upgrade status"))["package"] is None
        assert "No package was uploaded" in await lab.refusal(3, "upgrade install", sha256="0" * 64)
        wrong = {"file": str(packages[NEW]), "sha256": "0" * 64}
        assert "the SHA-256 of the package is" in await lab.refusal(3, "upgrade upload", **wrong)

    asyncio.run(play())
