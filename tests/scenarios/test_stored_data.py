"""Stored data on a real cluster: damage, recovery, system key, purge, backup and restore, as people meet them."""

from __future__ import annotations

import asyncio
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import real_lab
from tests.support.real_lab import START_S, Lab, eventually

pytestmark = pytest.mark.scenario
PASSPHRASE = "a long passphrase"
FAILURE, NOT_LOADED, KEY = 15005, 15008, 40055


@pytest.fixture(scope="module")
def own() -> Iterator[Lab]:
    """A lab of its own: a purged peer is no member any more."""
    with real_lab.lab() as running:
        asyncio.run(running.whole())
        yield running


def flip(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * 8192)  # a page at least: a single byte may hit what holds nothing (test_soundness.py)


async def degraded(lab: Lab, number: int) -> dict[str, object] | None:
    said = await lab.ask(number, "status")
    return dict(said) if said["role"] == "Without configuration" else None


async def start_degraded(lab: Lab, number: int) -> asyncio.Task[object]:
    """Start a peer that will not be ready; the task ends when it is."""
    starting = asyncio.create_task(lab.do("start", peer=number))
    await eventually("it comes up without configuration", lambda: degraded(lab, number), START_S)
    return starting


def test_damage_while_running_raises_15005_and_recovery_lowers_it(own: Lab) -> None:
    async def play() -> None:
        flip(own.peer(3).state_dir / "config.db")
        await own.alarm(3, FAILURE, "damaged")
        assert (await own.cluster(3))["in_force"] == (await own.cluster(1))["in_force"]
        assert "made anew" in (await own.ask(3, "database recover"))["sentence"]
        await own.alarm(3, FAILURE, standing=False)
        assert "nothing to recover" in await own.refusal(3, "database recover")
        await own.whole()

    asyncio.run(play())


@pytest.mark.parametrize("fault", ["flip", "cut", "delete"])
def test_a_damaged_database_at_start_is_fetched_from_the_primary_over_4371(own: Lab, fault: str) -> None:
    async def play() -> None:
        database = own.peer(2).state_dir / "config.db"
        kamailio = await own.pids(2, "kamailio")
        await own.do("kill", peer=2)
        if fault == "flip":
            flip(database)
        elif fault == "cut":
            with database.open("r+b") as file:
                file.truncate(database.stat().st_size // 3)
        else:
            database.unlink()
        starting = await start_degraded(own, 2)
        assert [one["number"] for one in await own.ask(2, "alarm list")] == [NOT_LOADED]
        assert await own.pids(2, "kamailio") == kamailio
        assert "fetched from peer 1" in (await own.ask(2, "database recover"))["sentence"]
        await starting
        await own.whole()
        assert await own.pids(2, "kamailio") == kamailio

    asyncio.run(play())


def test_a_lost_system_key_is_repaired_by_the_command_on_a_peer_without_the_alarm(own: Lab) -> None:
    async def play() -> None:
        key = own.peer(3).state_dir / "system.key"
        key.unlink()
        await own.alarm(3, KEY, "is gone")
        await own.ask(1, "cluster force-system-key-update")
        await own.alarm(3, KEY, standing=False)
        await own.do("kill", peer=3)
        key.write_text("garbage")
        starting = await start_degraded(own, 3)
        assert [one["number"] for one in await own.ask(3, "alarm list")] == [KEY]
        await own.ask(1, "cluster force-system-key-update")
        await starting
        await own.whole()

    asyncio.run(play())


def test_a_backup_is_refused_on_a_member_and_restored_on_a_system_that_was_purged(own: Lab) -> None:
    async def play() -> None:
        backup = (await own.ask(2, "backup create", passphrase=PASSPHRASE))["file"]
        assert "too short" in await own.refusal(2, "backup create", passphrase="short")
        refusal = await own.refusal(2, "backup restore", file=backup, passphrase=PASSPHRASE)
        assert "Remove this peer from the cluster first" in refusal
        host = own.peer(3).host_name
        assert host in await own.refusal(3, "clusterdb-destroy-and-purge-data", system="other")
        await own.ask(3, "clusterdb-destroy-and-purge-data", system=host)

        async def alone() -> bool:
            return str((await own.cluster(3))["database"]) == "Single peer"

        await eventually("it stands alone", alone, START_S)
        assert not await own.ask(3, "config show", path="credentials")
        copy = own.peer(3).state_dir / "copy.enc"
        shutil.copy(backup, copy)
        wrong = await own.refusal(3, "backup verify", file=str(copy), passphrase="another passphrase")
        assert "not the one" in wrong
        preview = await own.ask(3, "backup verify", file=str(copy), passphrase=PASSPHRASE)
        assert preview["refusal"] == "" and any("credentials" in one["path"] for one in preview["differences"])
        await own.ask(3, "backup restore", file=str(copy), passphrase=PASSPHRASE)

        async def restored() -> bool:
            return bool(await own.ask(3, "config show", path="credentials"))

        await eventually("the accounts are back", restored, START_S)
        assert (await own.cluster(3))["database"] == "Single peer"

    asyncio.run(play())


def test_a_snapshot_holds_no_password(own: Lab) -> None:
    async def play() -> None:
        path = (await own.ask(1, "snapshot create", kind="full"))["file"]
        with tarfile.open(path) as archive:
            names = archive.getnames()
            texts = [found.read().decode() for name in names if (found := archive.extractfile(name))]
        assert any(name.startswith("xconf_dump") for name in names) and any("event.log" in name for name in names)
        assert not any(password in text for text in texts for password in own.passwords.values())
        assert "one of status, logs, full" in await own.refusal(1, "snapshot create", kind="else")

    asyncio.run(play())
