"""kill -9 in the middle of what one system does with its own disk: it can be done again, and then all is well.

What peers do together stands in test_killed_midway.py, packages in test_upgrade.py.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sextet import __version__
from sextet.lab.ask import Failed, Unanswered
from sextet.lab.authority import issue, new_authority
from sextet.lab.documents import Secrets
from sextet.lab.plan import CLUSTER_NAME, Plan
from tests.support import real_lab
from tests.support.guide_reader import AT_ONCE, typed
from tests.support.real_lab import START_S, Lab, eventually
from tests.support.release import small

pytestmark = pytest.mark.scenario
MOMENTS_S = (0.006, 0.03)  # a file takes 1 to 5 ms to be safe on the disk; some jobs write several
REFRESH = "protocols.standard_refresh_maximum"
PASSPHRASE = "a long passphrase"
NOW = datetime.now(UTC)  # certificates speak of moments
AUTHORITY = new_authority("killed", NOW)


@pytest.fixture
def lone() -> Iterator[Lab]:
    """A system in no cluster."""

    def prepare(made: Plan, drawn: Secrets) -> None:
        typed(AT_ONCE, {})(made, drawn)
        made.authority.write_bytes(made.authority.read_bytes() + AUTHORITY.pem)
        for peer in made.peers:
            peer.trusted.write_bytes(made.authority.read_bytes())

    with real_lab.lab(1, prepare) as lab:
        yield lab


async def killed(lab: Lab, after_s: float, command: str, **arguments: object) -> None:
    """Begin something, kill the system in the middle of it, and start it again."""
    await real_lab.killed(lab, 1, after_s, lambda: lab.ask(1, command, **arguments))


async def answer(lab: Lab, command: str, **arguments: object) -> Any:
    """Ask a system that may be restarting: None when it does not answer."""
    with contextlib.suppress(Failed, Unanswered):
        return await lab.ask(1, command, **arguments)
    return None


async def well(lab: Lab, database: str) -> None:
    """Wait for the state and a whole database; a system that is about to restart has a file that it did not open."""

    async def found() -> tuple[str, str]:
        status = await answer(lab, "cluster status") or {}
        checked = await answer(lab, "database check") or {}
        return str(status.get("database")), str(checked.get("database"))

    await eventually("the system is well", found, START_S, wanted=(database, ""))


def value(lab: Lab) -> Callable[[], Awaitable[str]]:
    async def read() -> str:
        shown = await answer(lab, "config show", path=REFRESH)
        return str(shown[0]["value"]) if shown else ""

    return read


async def changed(lab: Lab) -> None:
    """Change a setting, of a system that may still be about to restart."""

    async def done() -> str:
        await answer(lab, "config set", path=REFRESH, value=62)
        return await value(lab)()

    await eventually("it is changed", done, START_S, wanted="62")


def test_a_cluster_of_one(lone: Lab) -> None:
    enter = {"addresses": lone.peer(1).fqdn, "primary": 1, "name": CLUSTER_NAME}

    async def play() -> None:
        for moment_s in MOMENTS_S:
            await killed(lone, moment_s, "cluster set-list", **enter)
            await lone.ask(1, "cluster set-list", **enter)
            await well(lone, "Active")
            assert [one["this_system"] for one in (await lone.cluster(1))["peers"]] == [True]
            await killed(lone, moment_s, "cluster leave")
            if (await lone.cluster(1))["peers"]:
                await lone.ask(1, "cluster leave")
            armed = await lone.ask(1, "factory-reset status")
            assert armed["armed"] and armed["disarmed_by"] == [lone.peer(1).fqdn]

    asyncio.run(play())


def test_restoring_a_backup(lone: Lab) -> None:
    async def play() -> None:
        await lone.set(1, REFRESH, 61)
        made = (await lone.ask(1, "backup create", passphrase=PASSPHRASE))["file"]
        for moment_s in (*MOMENTS_S, 0.2):
            await changed(lone)
            await killed(lone, moment_s, "backup restore", file=made, passphrase=PASSPHRASE)
            await well(lone, "Single peer")
            assert await value(lone)() in ("61", "62"), "it is the one or the other, and whole"
            await lone.ask(1, "backup restore", file=made, passphrase=PASSPHRASE)
            await eventually("the backup is in force", value(lone), START_S, wanted="61")
            await well(lone, "Single peer")

    asyncio.run(play())


def test_making_a_backup_and_a_snapshot(lone: Lab) -> None:
    async def play() -> None:
        for moment_s in (*MOMENTS_S, 0.2):
            await killed(lone, moment_s, "backup create", passphrase=PASSPHRASE)
            await killed(lone, moment_s, "snapshot create", kind="full")
            await lone.ask(1, "backup create", passphrase=PASSPHRASE)
            await lone.ask(1, "snapshot create", kind="full")
            for backup in await lone.ask(1, "backup list"):  # what is listed is whole
                read = await lone.ask(1, "backup verify", file=backup["name"], passphrase=PASSPHRASE)
                assert read["refusal"] == ""

    asyncio.run(play())


def test_the_purge(lone: Lab) -> None:
    host = lone.peer(1).host_name

    async def play() -> None:
        for moment_s in (*MOMENTS_S, 0.2):
            await changed(lone)
            await killed(lone, moment_s, "clusterdb-destroy-and-purge-data", system=host)
            await eventually("it answers", value(lone), START_S)
            await answer(lone, "clusterdb-destroy-and-purge-data", system=lone.peer(1).host_name)
            await eventually("it is as new", value(lone), START_S, wanted="60")
            await well(lone, "Single peer")

    asyncio.run(play())


def test_an_upload_of_a_certificate_with_its_key(lone: Lab, tmp_path: Path) -> None:
    peer = lone.peer(1)

    def fresh() -> dict[str, str]:
        made = issue(AUTHORITY, [peer.fqdn], NOW)
        made.write(tmp_path / "certificate.pem", tmp_path / "key.pem")
        texts = [(tmp_path / name).read_text() for name in ("certificate.pem", "key.pem")]
        return {"certificate": texts[0], "private_key": texts[1]}

    async def play() -> None:
        for moment_s in MOMENTS_S:
            uploaded = fresh()
            await killed(lone, moment_s, "cert upload", **uploaded)
            assert (await lone.ask(1, "cert show"))["certificate"]["subject"], (
                "certificate and key fit, whichever they are"
            )
            await lone.ask(1, "cert upload", **uploaded)
            assert (peer.state_dir / "certificate.pem").read_text() == uploaded["certificate"]
            await killed(lone, moment_s, "cert csr create")
            await answer(lone, "cert csr create")
            assert "BEGIN CERTIFICATE REQUEST" in (await lone.ask(1, "cert csr show"))["pem"]
            await lone.ask(1, "cert csr discard")

    asyncio.run(play())


@pytest.mark.parametrize("moment_s", [0.06, 0.3, 1.0])
def test_the_factory_reset(lone: Lab, moment_s: float) -> None:
    peer = lone.peer(1)

    async def accounts() -> bool:
        return bool(await answer(lone, "config show", path="zones"))

    async def play() -> None:
        await lone.ask(1, "cluster set-list", addresses=peer.fqdn, primary=1, name=CLUSTER_NAME)
        await lone.ask(1, "cluster leave")
        image = small(peer.state_dir.parent / "release.tar.gz", __version__)
        await lone.ask(1, "factory-reset image", file=str(image))
        certificate = (peer.state_dir / "certificate.pem").read_bytes()
        await killed(lone, moment_s, "factory-reset run")
        await eventually("it is reset, by the start at the latest", accounts, START_S, wanted=False)
        await well(lone, "Single peer")
        assert (peer.state_dir / "certificate.pem").read_bytes() != certificate
        assert await lone.ask(1, "config show", path="administrators"), "accounts are kept"
        assert not (await lone.ask(1, "factory-reset status"))["armed"]

    asyncio.run(play())


def test_maintenance_mode_and_diagnostic_logging(lone: Lab) -> None:
    async def play() -> None:
        for moment_s in MOMENTS_S:
            await killed(lone, moment_s, "peer maintenance", mode="on")
            assert 15015 not in await lone.raised(1), "a restart ends it, however it came"
            await killed(lone, moment_s, "diagnostics start")
            assert 25019 not in await lone.raised(1)
            assert (await lone.ask(1, "diagnostics start"))[0]["ok"]
            await lone.ask(1, "diagnostics stop")

    asyncio.run(play())
