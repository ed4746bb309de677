"""A cluster formed the guide's way: the same peer list is typed on one fresh system after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from sextet.lab.authority import issue, new_authority
from sextet.lab.documents import Secrets
from sextet.lab.plan import CLUSTER_NAME, Plan
from tests.support import real_lab
from tests.support.real_lab import Lab, edit_initial, eventually, stand_alone

pytestmark = pytest.mark.scenario
OTHER_NAME = "Invalid (Common Name in certificate does not match)"


@pytest.fixture
def fresh() -> Iterator[Lab]:
    """Three systems that are in no cluster yet."""
    with real_lab.lab(prepare=stand_alone) as lab:
        yield lab


def misnamed(made: Plan, drawn: Secrets) -> None:
    """Give peer 3 a certificate for another name, and every peer's certificate one authority."""
    now = datetime.now(UTC)  # certificates speak of moments
    authority = new_authority("scenario", now)
    made.authority.write_bytes(authority.pem)
    for peer in made.peers:
        names = ["elsewhere.apolo.local"] if peer.number == 3 else [peer.fqdn, CLUSTER_NAME]
        issued = issue(authority, names, now, common_name=names[-1])
        issued.write(peer.state_dir / "certificate.pem", peer.state_dir / "private_key.pem")


async def type_list(lab: Lab, number: int, **more: Any) -> None:
    """Type the whole list on one peer, setting by setting."""
    await lab.set(number, "clustering.cluster_name", CLUSTER_NAME)
    for peer in lab.plan.peers:
        await lab.set(number, f"clustering.peer_{peer.number}_address", peer.fqdn)
    for name, value in more.items():
        await lab.set(number, f"clustering.{name}", value)


async def zones(lab: Lab, number: int) -> set[str]:
    lines = await lab.ask(number, "config show", path="zones")
    return {line["value"] for line in lines if line["path"].endswith("].name")}


async def sees(lab: Lab, number: int, of: int) -> str:
    return str((await lab.member(number, of))["clustering"])


async def cause(lab: Lab, number: int, of: int, words: str) -> str | None:
    lines = str((await lab.raised(number)).get(20004, ""))
    return lines if (await sees(lab, number, of)) == "Failed" and words in lines else None


def test_lists_typed_on_one_peer_after_the_other_make_a_cluster(fresh: Lab) -> None:
    async def play() -> None:
        lab = fresh
        assert (await lab.cluster(1))["peers"] == []
        await type_list(lab, 1)
        assert await sees(lab, 1, 1) == "This system"
        assert await sees(lab, 1, 2) in ("Unknown", "Failed")
        await eventually("peer 2 is Failed, since it knows nothing yet", lambda: sees(lab, 1, 2), wanted="Failed")
        for number in (2, 3):
            await type_list(lab, number)
            active = f"Active as expc0{number} (Resolved '{lab.peer(number).fqdn}' as '{lab.peer(number).address}')"
            await eventually(f"peer {number} is Active", lambda n=number: sees(lab, 1, n), wanted=active)
        await lab.whole()
        for number in lab.numbers:
            assert await zones(lab, number) == {"Of expc01"}  # shared: the primary's
            assert await lab.value(number, "system.dns_host_name") == f"expc0{number}"  # †: its own
            assert (await lab.cluster(number))["database"] == "Active"
            assert 20011 not in await lab.raised(number)
        assert len({(await lab.cluster(number))["digest"] for number in lab.numbers}) == 1
        for number in (2, 3):
            (kept,) = await lab.ask(number, "config set-aside")
            assert any(f"zones[Of expc0{number}]" in one["path"] for one in kept["differences"])
        assert await lab.ask(1, "config set-aside") == []
        enrolled = {number: [line for line in lab.lines(number) if "Fingerprint=" in line] for number in lab.numbers}
        assert [len(enrolled[number]) for number in lab.numbers] == [2, 1, 1]
        assert lab.peer(1).fqdn in enrolled[2][0]
        async with lab.phone(3, "alice") as alice:
            assert (await alice.register()).status == 200
            assert (await alice.register(0)).status == 200

    asyncio.run(play())


def test_a_system_that_is_not_in_its_own_list_says_so(fresh: Lab) -> None:
    async def play() -> None:
        await fresh.set(2, "clustering.peer_1_address", fresh.peer(1).fqdn)
        await fresh.alarm(2, 20015, fresh.peer(1).fqdn)
        assert "not in its own peer list" in await fresh.refusal(2, "cluster promote")
        await fresh.set(2, "clustering.peer_2_address", fresh.peer(2).fqdn)
        await fresh.alarm(2, 20015, standing=False)
        await fresh.set(2, "clustering.peer_2_address", "")
        await fresh.set(2, "clustering.peer_1_address", "")
        await eventually("it is alone again", lambda: _alone(fresh, 2))
        await fresh.set(2, "protocols.standard_refresh_maximum", 70)

    asyncio.run(play())


async def _alone(lab: Lab, number: int) -> bool:
    status = await lab.cluster(number)
    return status["peers"] == [] and status["database"] == "Single peer" and status["writable"]


def test_a_cluster_with_another_key_is_refused_by_both_and_joins_when_it_names_the_right_primary(fresh: Lab) -> None:
    async def play() -> None:
        lab = fresh
        await type_list(lab, 1)
        await type_list(lab, 2)
        await eventually("1 and 2 are one cluster", lambda: sees(lab, 1, 2), wanted=_active(lab, 2))
        # Named as primary before it knows the others: it founds a cluster of its own.
        await lab.set(3, "clustering.peer_1_address", lab.peer(3).fqdn)
        await lab.set(3, "clustering.peer_2_address", lab.peer(1).fqdn)
        sentence = await eventually("peer 3 says why", lambda: cause(lab, 3, 2, "key"))
        assert "cluster key" in str(sentence), sentence
        assert await eventually("peer 1 says why", lambda: cause(lab, 1, 3, ""))
        assert await zones(lab, 1) == {"Of expc01"}
        assert await zones(lab, 3) == {"Of expc03"}
        for peer in (2, 1):
            await lab.set(3, f"clustering.peer_{peer}_address", "")
        await eventually("it is alone again", lambda: _alone(lab, 3))
        await type_list(lab, 3)
        await lab.whole()
        assert await zones(lab, 3) == {"Of expc01"}

    asyncio.run(play())


def _active(lab: Lab, number: int) -> str:
    peer = lab.peer(number)
    return f"Active as {peer.host_name} (Resolved '{peer.fqdn}' as '{peer.address}')"


def test_a_certificate_for_another_name_shows_and_keeps_out_only_its_peer_and_only_where_enforced() -> None:
    async def play(lab: Lab) -> None:
        await lab.whole()
        for number in (1, 2):
            line = (await lab.member(number, 3))["certificate"]
            assert line == OTHER_NAME
            assert (await lab.member(number, 3 - number))["certificate"] == "Valid"
        assert (await lab.member(3, 3))["certificate"] == OTHER_NAME
        await lab.set(1, "clustering.tls_verification_mode", "Enforce")
        for number in (1, 2):
            assert await eventually("3 is kept out", lambda number=number: cause(lab, number, 3, "expc03"))
            await eventually("the others go on", lambda n=number: sees(lab, n, 3 - n), wanted=_active(lab, 3 - number))
        await lab.set(1, "clustering.tls_verification_mode", "Permissive")
        await lab.whole((1, 2))

    with real_lab.lab(prepare=misnamed) as lab:
        asyncio.run(play(lab))


def test_a_name_that_does_not_resolve_is_named_and_the_others_go_on() -> None:
    def mistyped(made: Plan, drawn: Secrets) -> None:
        for peer in made.peers:
            edit_initial(peer, lambda document: document["clustering"].update(peer_3_address="expc30.apolo.local"))

    async def play(lab: Lab) -> None:
        for number in (1, 2):
            await lab.alarm(number, 20005, "expc30.apolo.local")
            await eventually("1 and 2 go on", lambda n=number: sees(lab, n, 3 - n), wanted=_active(lab, 3 - number))
            assert await sees(lab, number, 3) in ("Unknown", "Failed")
        await lab.alarm(3, 20015, "none of these is this system")
        for number in lab.numbers:
            await lab.set(number, "clustering.peer_3_address", lab.peer(3).fqdn)
        await lab.whole()
        assert {20005, 20015} & set(await lab.raised(1)) == set()

    with real_lab.lab(prepare=mistyped) as lab:
        asyncio.run(play(lab))
