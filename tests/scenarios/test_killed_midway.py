"""kill -9 in the middle of each procedure leaves a state from which it can be repeated: then all is well.

The moments are delays after the command was sent; what they hit differs from run to run, what must follow does not.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sextet.lab.ask import Failed, Unanswered
from sextet.lab.plan import CLUSTER_NAME
from tests.support import real_lab
from tests.support.guide_reader import AT_ONCE, typed
from tests.support.real_lab import START_S, Lab, eventually, killed

pytestmark = pytest.mark.scenario
MOMENTS_S = (0.004, 0.015)  # storing takes 2 to 10 ms, another peer hears of it 1 ms later
OF = {1: (0.0, 0.015), 2: (0.004,)}  # where both are killed: the primary before and after it, the other one amid it
MODE, PRIMARY = "clustering.tls_verification_mode", "clustering.configuration_primary"
MAPPING = "clustering.address_mapping_enabled"
FLIPPED = b"\xff" * 8192  # a page at least
ONE = {"cluster_name": CLUSTER_NAME, "configuration_primary": 1, "peer_1_address": "expc01.apolo.local"}


@pytest.fixture(scope="module")
def own() -> Iterator[Lab]:
    """A cluster that every test leaves whole."""
    with real_lab.lab() as lab:
        asyncio.run(lab.whole())
        yield lab


async def again(claim: str, doing: Callable[[], Awaitable[Any]]) -> None:
    """Do it again, as soon as what it needs is there."""

    async def done() -> bool:
        try:
            await doing()
        except Failed as refused:
            done_already = "no peer" in str(refused) or "already" in str(refused)
            return done_already
        return True

    await eventually(claim, done, START_S, wanted=True)


async def send_list(lab: Lab, *numbers: int) -> None:
    """Bring peers that may have been away when the list changed to the same list, once they are heard again."""

    async def heard() -> bool:
        return all([(await lab.member(1, number))["clustering_ok"] for number in numbers])

    await eventually(f"1 hears {numbers}", heard, START_S, wanted=True)
    await lab.ask(1, "cluster send-list")


@pytest.mark.parametrize("victim", [1, 2])
def test_enforcing(own: Lab, victim: int) -> None:
    lab = own

    async def play() -> None:
        for moment_s in OF[victim]:
            for mode in ("Enforce", "Permissive"):
                await killed(lab, victim, moment_s, lambda mode=mode: lab.set(1, MODE, mode))
                await again(f"{mode} is saved", lambda mode=mode: lab.set(1, MODE, mode))
                for number in lab.numbers:
                    await eventually("all have it", lambda number=number: lab.value(number, MODE), wanted=mode)
        await lab.whole()

    asyncio.run(play())


@pytest.mark.parametrize("moment_s", MOMENTS_S)
def test_promoting(own: Lab, moment_s: float) -> None:
    lab = own

    async def play() -> None:
        await killed(lab, 2, moment_s, lambda: lab.ask(2, "cluster promote"))
        await again("2 is made the primary", lambda: lab.ask(2, "cluster promote"))
        for other in (1, 3):
            await lab.set(other, PRIMARY, 2)
        await lab.whole()
        await lab.set(3, "protocols.standard_refresh_maximum", 62)  # and it is one
        await lab.ask(1, "cluster promote")
        for other in (2, 3):
            await lab.set(other, PRIMARY, 1)
        await lab.whole()

    asyncio.run(play())


@pytest.mark.parametrize(("victim", "moment_s"), [(1, 0.0), (1, 0.015), (2, 0.004), (3, 0.004)])
def test_removing_and_adding(own: Lab, victim: int, moment_s: float) -> None:
    """The primary, another peer or the one that goes is killed."""
    lab = own
    name = lab.peer(3).fqdn

    async def listed(number: int) -> list[str]:
        return [peer["address"] for peer in (await lab.cluster(number))["peers"]]

    async def removed() -> None:
        if name in await listed(1):
            await lab.ask(1, "cluster remove", peer=3)

    async def play() -> None:
        await killed(lab, victim, moment_s, lambda: lab.ask(1, "cluster remove", peer=3))
        await again("3 is removed", removed)
        await send_list(lab, 2)
        await lab.whole((1, 2))
        if await listed(3):  # it was killed before it heard of it: refused, until its list is cleared by hand
            await lab.alarm(3, 20004)
            await lab.ask(3, "cluster leave")
        await killed(lab, victim, moment_s, lambda: lab.ask(1, "cluster add", address=name))
        await again("3 is added", lambda: lab.ask(1, "cluster add", address=name))
        await send_list(lab, 2)
        addresses = " ".join(peer.fqdn for peer in lab.plan.peers)
        enter = {"addresses": addresses, "primary": 1, "name": CLUSTER_NAME}
        await killed(lab, victim, moment_s, lambda: lab.ask(3, "cluster set-list", **enter))
        await again("3 enters the list", lambda: lab.ask(3, "cluster set-list", **enter))
        await lab.whole()

    asyncio.run(play())


@pytest.mark.parametrize("victim", [1, 2])
def test_changing_an_address(own: Lab, victim: int) -> None:
    lab = own

    async def play() -> None:
        for moment_s in OF[victim]:
            for address in (lab.peer(2).address, lab.peer(2).fqdn):
                change = {"peer": 2, "address": address}
                job = lambda change=change: lab.ask(1, "cluster change-address", **change)
                await killed(lab, victim, moment_s, job)
                await again(f"2 is {address}", job)
                await send_list(lab, 2, 3)
                await lab.whole()

    asyncio.run(play())


@pytest.mark.parametrize("victim", [1, 2])
def test_address_mapping(own: Lab, victim: int) -> None:
    lab = own

    async def mapped() -> None:
        await lab.ask(1, "cluster suggest-mappings", save=True)
        await lab.set(1, MAPPING, "On")

    async def play() -> None:
        for moment_s in OF[victim]:
            await killed(lab, victim, moment_s, mapped)
            await again("all peers are mapped", mapped)
            await lab.whole()
            for number in lab.numbers:
                await eventually("all have it", lambda number=number: lab.value(number, MAPPING), wanted="On")
            await killed(lab, victim, moment_s, lambda: lab.set(1, MAPPING, "Off"))
            await again("DNS is asked again", lambda: lab.set(1, MAPPING, "Off"))
            await lab.whole()

    asyncio.run(play())


def test_force_config_update(own: Lab) -> None:
    lab = own

    async def play() -> None:
        for moment_s in MOMENTS_S:
            job = lambda: lab.ask(2, "cluster force-config-update")
            await killed(lab, 2, moment_s, job)
            await again("2 takes the primary's", job)
            await lab.whole()

    asyncio.run(play())


@pytest.mark.parametrize("victim", [1, 2])
def test_system_key_update(own: Lab, victim: int) -> None:
    lab = own

    async def play() -> None:
        for moment_s in OF[victim]:
            job = lambda: lab.ask(1, "cluster force-system-key-update")
            await killed(lab, victim, moment_s, job)
            await again("the keys are new", job)
            await lab.whole()
            assert await lab.ask(victim, "config show", path="credentials"), "and secrets can be read"

    asyncio.run(play())


def test_recovering_a_damaged_database(own: Lab) -> None:
    lab = own
    database = lab.peer(3).state_dir / "config.db"

    async def degraded() -> bool:
        return str((await lab.ask(3, "status"))["role"]) == "Without configuration"

    async def play() -> None:
        for moment_s in MOMENTS_S:
            flip(database)
            await lab.alarm(3, 15005)
            recovering = asyncio.ensure_future(lab.ask(3, "database recover"))
            await asyncio.sleep(moment_s)  # the moment of the fault
            await lab.do("kill", peer=3)
            with contextlib.suppress(Failed, Unanswered):
                await recovering
            starting = asyncio.create_task(lab.do("start", peer=3))
            answers = lambda: lab.ask(3, "status")
            await eventually("3 answers", answers, START_S)
            if await degraded():
                await lab.ask(3, "database recover")
            await starting
            await lab.whole()

    asyncio.run(play())


def flip(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(FLIPPED)


@contextlib.contextmanager
def full(lab: Lab, number: int) -> Iterator[None]:
    """Let a peer store nothing: somebody else holds its database."""
    database = sqlite3.connect(lab.peer(number).state_dir / "config.db", isolation_level=None, timeout=5.0)
    database.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        database.close()


def test_a_newcomer_that_ends_between_taking_the_key_and_storing_it_joins_by_itself() -> None:
    with real_lab.lab(2, typed(AT_ONCE, {1: ONE})) as lab:

        async def told(piece: str) -> bool:
            return any(piece in line for line in await lab.ask(2, "log tail", log="network", lines=200))

        async def play() -> None:
            names = [peer.fqdn for peer in lab.plan.peers]
            await lab.ask(2, "cluster set-list", addresses=" ".join(names), primary=1, name=CLUSTER_NAME)
            with full(lab, 2):
                await lab.ask(1, "cluster add", address=names[1])
                await eventually("2 was given the key", lambda: told("the cluster key was received"), 20.0, wanted=True)
                await lab.do("kill", peer=2)
            await lab.do("start", peer=2)
            await lab.whole()

        asyncio.run(play())
