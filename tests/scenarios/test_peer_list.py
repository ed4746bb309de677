"""The jobs on the peer list on real peers, where changes take effect at once and at restart."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from sextet.lab.authority import issue, new_authority
from sextet.lab.documents import Secrets
from sextet.lab.plan import CLUSTER_NAME, PeerPlan, Plan
from tests.support import real_lab
from tests.support.guide_reader import AT_ONCE, AT_RESTART, cluster
from tests.support.real_lab import START_S, Lab, eventually

pytestmark = pytest.mark.scenario
MODES = pytest.mark.parametrize("own", [AT_RESTART, AT_ONCE], indirect=True)
IN_ONE = pytest.mark.parametrize("kept", [AT_RESTART, AT_ONCE], indirect=True, scope="module")
REFRESH = "protocols.standard_refresh_maximum"


NOW = datetime.now(UTC)  # certificates speak of moments
AUTHORITY = new_authority("scenario", NOW)
REPLACED = "enrolled before with another certificate"
LOST = ("config.db", "system.key", "recovery.json", "certificate.pem", "private_key.pem")  # with a disk


def certify(peer: PeerPlan) -> None:
    made = issue(AUTHORITY, [peer.fqdn, CLUSTER_NAME], NOW, common_name=CLUSTER_NAME)
    made.write(peer.state_dir / "certificate.pem", peer.state_dir / "private_key.pem")


@contextlib.contextmanager
def certified(mode: str) -> Iterator[Lab]:
    """A whole cluster with certificates of an authority that can make others for it."""

    def prepare(made: Plan, drawn: Secrets) -> None:
        cluster(mode)(made, drawn)
        made.authority.write_bytes(AUTHORITY.pem)
        for peer in made.peers:
            certify(peer)
            peer.trusted.write_bytes(AUTHORITY.pem)

    with real_lab.lab(3, prepare) as lab:
        asyncio.run(lab.whole())
        yield lab


@pytest.fixture
def own(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A cluster of this test's own, since it is not left as it was."""
    with certified(request.param) as lab:
        yield lab


@pytest.fixture(scope="module")
def kept(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A cluster for the tests that leave it whole, in their order."""
    with certified(request.param) as lab:
        yield lab


async def lists(lab: Lab, *numbers: int) -> set[tuple[str, ...]]:
    return {tuple([peer["address"] for peer in (await lab.cluster(number))["peers"]]) for number in numbers}


def names(lab: Lab, *numbers: int) -> tuple[str, ...]:
    return tuple(lab.peer(number).fqdn for number in numbers)


async def well(lab: Lab) -> bool:
    """Whether the primary has every peer of its list in the cluster."""
    return all(one["clustering_ok"] for one in (await lab.cluster(1))["peers"])


async def network(lab: Lab, number: int) -> list[str]:
    return list(await lab.ask(number, "log tail", log="network", lines=200))


async def seen_in_log(lab: Lab, number: int, *pieces: str) -> None:
    async def look() -> bool:
        return any(all(piece in line for piece in pieces) for line in await network(lab, number))

    await eventually(f"{number} logs {pieces}", look, wanted=True)


async def lost(lab: Lab, number: int) -> None:
    """A peer is lost with its disk and its certificate, and a new system has its address."""
    peer = lab.peer(number)
    await lab.do("kill", peer=number)
    await lab.alarm(1, 20004)
    for name in LOST:
        (peer.state_dir / name).unlink()
    certify(peer)
    await lab.do("start", peer=number)


@MODES
def test_a_living_peer_leaves_the_list_moves_up_and_the_primary_keeps_its_peer(own: Lab) -> None:
    lab = own

    async def play() -> None:
        await lab.ask(3, "cluster promote")
        for number in (1, 2):
            await lab.set(number, "clustering.configuration_primary", 3)
        await lab.whole()
        before = await lab.pids(3, "kamailio")
        async with lab.phone(2, "alice") as alice, lab.phone(3, "bob") as bob:
            for one in (alice, bob):
                assert (await one.register()).status == 200
            both = {("alice@apolo.local", 2, False), ("bob@apolo.local", 3, False)}
            await eventually("3 knows both", lambda: lab.registrations(3), wanted=both)
            assert "make another peer the primary first" in await lab.refusal(3, "cluster remove", peer=3)
            assert "is changed on the configuration primary" in await lab.refusal(1, "cluster remove", peer=2)
            preview = await lab.ask(3, "cluster remove", peer=2, dry_run=True)
            assert (
                preview["done"] is False and f"{lab.peer(2).fqdn} has 1 registration and 0 calls." in preview["steps"]
            )
            assert await lists(lab, 1, 2, 3) == {names(lab, 1, 2, 3)}
            code, out, errors = await lab.run(3, "cluster", "remove", "2", "--yes")
            assert code == 0, errors
            assert "clears its own peer list" in out and "stays expc03.apolo.local, which is peer 2 then" in out, out
            await lab.whole((1, 3))
            assert await lists(lab, 1, 3) == {names(lab, 1, 3)}
            assert (await lab.cluster(1))["primary"] == (await lab.cluster(3))["primary"] == 2
            # Nobody is restarted, nothing waits for one, and what was the removed peer's is listed no more.
            assert await lab.pids(3, "kamailio") == before
            await eventually("only bob", lambda: lab.registrations(1), wanted={("bob@apolo.local", 2, False)})
            alarmed = {peer["peer_name"] for one in await lab.ask(1, "alarm list") for peer in one["peers"]}
            assert lab.peer(2).host_name not in alarmed
        await lab.set(1, REFRESH, 61)
        await eventually("3 has it", lambda: lab.value(3, REFRESH), wanted="61")
        armed = await lab.ask(2, "factory-reset status")
        assert armed["armed"] and tuple(armed["disarmed_by"]) == names(lab, 1, 2, 3)

    asyncio.run(play())


@MODES
def test_a_dead_peer_is_removed_and_refused_with_the_reason_on_both_sides(own: Lab) -> None:
    lab = own

    async def play() -> None:
        await lab.do("kill", peer=2)
        await lab.alarm(1, 20004)
        done = await lab.ask(1, "cluster remove", peer=2)
        assert any("every peer refuses it" in step for step in done["steps"]), done
        await lab.whole((1, 3))
        assert await lists(lab, 1, 3) == {names(lab, 1, 3)}
        await lab.do("start", peer=2)
        for number in (1, 3):
            await seen_in_log(lab, number, lab.peer(2).address, "not a member")
        await lab.alarm(2, 20004, "this peer's address may be missing in the other one's list")
        await lab.whole((1, 3))
        await lab.set(1, REFRESH, 61)
        assert await lab.value(2, REFRESH) != "61"

    asyncio.run(play())


@IN_ONE
def test_a_new_system_takes_the_place_and_the_address_of_a_lost_one(kept: Lab) -> None:
    """Disk and certificate are lost with it: the key goes to the new one by this job only."""
    lab = kept

    async def play() -> None:
        await lost(lab, 3)
        await seen_in_log(lab, 1, REPLACED)
        done = await lab.ask(1, "cluster replace", peer=3, address=lab.peer(3).fqdn)
        assert any("certificate of the system that was" in step for step in done["steps"]), done
        await lab.whole()

    asyncio.run(play())


@IN_ONE
def test_kill_in_the_middle_of_a_replacement_leaves_a_list_that_takes_the_new_system(kept: Lab) -> None:
    """The primary or the new system ends; the job is done again, and the cluster is whole."""
    lab = kept

    async def refused() -> bool:
        return REPLACED in (await lab.member(3, 1))["cause"]

    async def play() -> None:
        peer = lab.peer(3)
        replace = lambda: lab.ask(1, "cluster replace", peer=3, address=peer.fqdn)
        for victim, moment_s in ((1, 0.0), (1, 0.015), (3, 0.004)):
            await lost(lab, 3)
            await eventually("the new system is refused", refused, wanted=True)
            await real_lab.killed(lab, victim, moment_s, replace)
            await eventually("the primary answers", lambda: lab.ask(1, "status"), START_S)
            if not await well(lab):
                await replace()
            await lab.whole()

    asyncio.run(play())


@MODES
def test_disbanding_ends_in_a_cluster_of_one_that_keeps_the_configuration(own: Lab) -> None:
    lab = own

    async def play() -> None:
        domains = await lab.ask(1, "config show", path="domains")
        for _ in range(2):
            await lab.ask(1, "cluster remove", peer=2)
            await eventually("the list is shorter", lambda: well(lab), START_S, wanted=True)
        assert await lists(lab, 1) == {names(lab, 1)}
        assert await lab.ask(1, "config show", path="domains") == domains
        assert "a cluster of one" in await lab.refusal(1, "cluster remove", peer=1)
        left = await lab.ask(1, "cluster leave")
        assert any("resets itself to factory settings" in warning for warning in left["warnings"]), left

    asyncio.run(play())


@IN_ONE
def test_an_address_becomes_another_one_in_every_list_and_only_its_peer_is_restarted(kept: Lab) -> None:
    lab = kept

    async def play() -> None:
        at_restart = await lab.value(1, "clustering.changes_take_effect") == AT_RESTART
        other_host = await lab.refusal(1, "cluster change-address", peer=2, address="127.0.0.99")
        assert "remove it, change the address of its host, and add it again" in other_host
        for peer in (2, 1):  # the primary's own as well: it is a name for the same address
            done = await lab.ask(1, "cluster change-address", peer=peer, address=lab.peer(peer).address)
            assert any(f"Restart peer {peer}" in step for step in done["then"]) == at_restart
            if at_restart:
                await lab.alarm(peer, 20007)
                await lab.ask(peer, "peer restart")
            await lab.whole()
        assert await lists(lab, 1, 2, 3) == {(lab.peer(1).address, lab.peer(2).address, lab.peer(3).fqdn)}

    asyncio.run(play())


@MODES
def test_a_peer_that_was_away_is_sent_the_list_when_it_is_back(own: Lab) -> None:
    lab = own

    async def play() -> None:
        for number in (2, 3):
            await lab.do("kill", peer=number)
        await lab.alarm(1, 20004)
        done = await lab.ask(1, "cluster remove", peer=3)
        assert any("keeps its old list" in warning for warning in done["warnings"]), done
        await lab.do("start", peer=2)
        await lab.alarm(2, 20012)

        async def heard() -> bool:
            return bool((await lab.member(1, 2))["clustering_ok"])

        await eventually("1 hears 2", heard, START_S, wanted=True)
        refused = await lab.refusal(1, "cluster change-address", peer=2, address=lab.peer(2).address)
        assert "send it this system's list first" in refused, refused
        await lab.ask(1, "cluster send-list")
        await lab.whole((1, 2))
        assert await lists(lab, 1, 2) == {names(lab, 1, 2)}

    asyncio.run(play())
