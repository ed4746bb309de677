"""What becomes of registrations on a running cluster, and why: what administrators find about it on whichever peer."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from tests.support.real_lab import Lab, eventually, refused

pytestmark = pytest.mark.scenario
INSTANCE = "00000000-0000-1000-8000-aabbccddee03"


async def told(lab: Lab, number: int, alias: str) -> list[tuple[str, str, str]]:
    """(event, reason, peer) of a device, the oldest first."""
    answer = await lab.ask(number, "registration history", containing=alias)
    assert answer["silent"] == []
    lines = [line for line in answer["lines"] if line["registration"]["alias"] == alias]
    return [(one["registration"]["event"], one["registration"]["reason"], one["peer_name"]) for one in lines][::-1]


def test_why_a_device_is_gone_is_known_on_all_peers(lab: Lab) -> None:
    async def play() -> None:
        alias = "alice@apolo.local"
        async with lab.phone(1, "alice") as one:
            assert (await one.register()).status == 200
            assert (await one.register()).status == 200, "a refresh is not told"
            assert (await one.register(0)).status == 200
        async with lab.phone(1, "alice", instance=INSTANCE) as one, lab.phone(2, "alice", instance=INSTANCE) as other:
            assert (await one.register()).status == 200
            # Which of two was later is known by who had heard of the other one.
            await eventually("2 has heard of it", lambda: lab.registrations(2), wanted={(alias, 1, False)})
            assert (await other.register()).status == 200
            one.leaves = False
            await eventually("it moved", lambda: lab.registrations(1), wanted={(alias, 2, False)})
        lost = lab.phone(3, "alice", "tcp")
        await lost.open()
        assert (await lost.register()).status == 200
        await lost.close()
        first, second, third = (lab.peer(number).host_name for number in (1, 2, 3))
        came, left = ("Registered", ""), ("Removed", "Unregistered by the device")
        wanted = {
            first: [came, left, came, ("Removed", "Registered with another peer")],
            second: [came, left],
            third: [came, ("Removed", "Connection lost")],
        }

        async def newest() -> dict[str, list[tuple[str, str]]]:
            lines = await told(lab, 2, alias)  # each peer notes when it heard of it: only its own have an order
            return {
                peer: [(event, reason) for event, reason, name in lines if name == peer][-len(wanted[peer]) :]
                for peer in wanted
            }

        await eventually("everything is told", newest, wanted=wanted)
        await eventually("nobody is registered", lambda: lab.registrations(1), wanted=set())

    asyncio.run(play())


def test_a_device_is_unregistered_from_any_peer_and_comes_again_unless_it_is_blocked(lab: Lab) -> None:
    async def play() -> None:
        alias, reason = "bob@apolo.local", f"Removed by the administrator lab at {lab.peer(1).host_name}"
        async with lab.phone(2, "bob", "tcp") as bob, lab.phone(3, "alice") as alice:
            assert (await alice.register()).status == 200
            await lab.set(1, "registration.restriction_policy", "Deny List")
            for _ in range(3):  # the last refresh stays inside Kamailio
                assert (await bob.register()).status == 200
            await eventually("bob is known", lambda: _known(lab, alias), wanted=[2, 2, 2])
            said = await lab.ask(1, "registration remove", alias=alias)
            assert said["sentence"].endswith(f"was unregistered from {lab.peer(2).host_name}.")
            await eventually("bob is gone everywhere", lambda: _known(lab, alias), wanted=[0, 0, 0])
            assert refused(await alice.call(alias)).status == 404
            assert (await bob.register()).status == 200, "the very request that was refreshed before"
            await eventually("bob is back", lambda: _known(lab, alias), wanted=[2, 2, 2])
            assert (await told(lab, 3, alias))[-2:] == [
                ("Removed", reason, lab.peer(2).host_name), ("Registered", "", lab.peer(2).host_name)
            ]  # fmt: skip
            said = await lab.ask(3, "registration remove", alias=alias, block=True)
            assert said["sentence"].endswith(f"{alias} is on the deny list.")
            assert (await bob.register()).status == 403
            await eventually("bob is gone everywhere", lambda: _known(lab, alias), wanted=[0, 0, 0])
            assert "Nothing is registered as" in await lab.refusal(2, "registration remove", alias=alias)
            bob.leaves = False
        await lab.ask(1, "config remove", path=f"registration.deny_list[{alias}]")
        await lab.set(1, "registration.restriction_policy", "None")

    asyncio.run(play())


@pytest.mark.parametrize(
    ("user", "more", "reason"),
    [
        ("alice", {"domain": "elsewhere.example"}, "403 elsewhere.example is not a domain of this system"),
        ("alice", {"password": "wrong"}, "401 wrong user name or password of alice"),
        ("nobody", {"password": "x"}, "401 wrong user name or password of nobody"),
    ],
)
def test_who_is_turned_away_is_listed_with_the_reason(lab: Lab, user: str, more: dict[str, str], reason: str) -> None:
    async def play() -> None:
        name = f"x{uuid.uuid4().hex[:6]}"
        async with lab.phone(2, user, **more) as one:
            to = f"sip:{name}@{one.domain}"
            assert (await one.request("REGISTER", f"sip:{one.domain}", to=to)).status == int(reason[:3])

        async def listed() -> list[tuple[str, str, str]]:
            return await told(lab, 1, f"{name}@{one.domain}")

        await eventually("it is listed", listed, wanted=[("Rejected", reason, lab.peer(2).host_name)])

    asyncio.run(play())


async def _known(lab: Lab, alias: str) -> list[int]:
    """Which peer has the alias, as each peer knows it; 0 for none."""
    rows = [await lab.registrations(number) for number in lab.numbers]
    return [next((owner for name, owner, _ in found if name == alias), 0) for found in rows]
