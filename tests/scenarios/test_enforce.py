"""From Permissive to Enforce and back on a running cluster, with calls up."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.real_lab import Lab, answered, eventually

pytestmark = pytest.mark.scenario
MODE = "clustering.tls_verification_mode"
ALICE, BOB = ("alice@apolo.local", 1, False), ("bob@apolo.local", 3, False)
ONE = [("connected", False)]


def test_links_come_back_by_themselves_and_calls_and_registrations_are_untouched(lab: Lab) -> None:
    async def play() -> None:
        async with lab.phone(1, "alice", "tls") as alice, lab.phone(3, "bob", "tcp") as bob:
            for one in (alice, bob):
                assert (await one.register()).status == 200
            await eventually("peer 1 knows both", lambda: lab.registrations(1), wanted={ALICE, BOB})
            dialog = answered(await alice.call("bob@apolo.local"))
            for mode, permissive in (("Enforce", False), ("Permissive", True)):
                logged = {number: len(lab.lines(number)) for number in lab.numbers}
                await lab.set(2, MODE, mode)  # shared: forwarded to the primary
                second = answered(await alice.call("bob@apolo.local"))  # while links change
                assert (await alice.hang_up(second)).status == 200
                for number in lab.numbers:
                    await lab.alarm(number, 40049, standing=permissive)
                await lab.whole()
                for number in lab.numbers:
                    look = lambda number=number: lab.registrations(number)
                    await eventually("registrations are there", look, wanted={ALICE, BOB})
                    await eventually("so is the call", lambda number=number: lab.calls(number), wanted=ONE)
                    event = "Raised" if permissive else "Lowered"
                    new = lab.lines(number)[logged[number] :]
                    assert any(f'Event="Alarm {event}" Id="40049"' in line for line in new)
                    spoken = "from: Enforcing to: Permissive" if permissive else "from: Permissive to: Enforcing"
                    assert any("tls_verify" in line and spoken in line for line in new), new
                    assert {peer["certificate"] for peer in (await lab.cluster(number))["peers"]} == {"Valid"}
            assert (await bob.hang_up(bob.dialogs[dialog.call_id])).status == 200
            for one in (alice, bob):
                assert (await one.register(0)).status == 200

    asyncio.run(play())


def test_addresses_instead_of_names_are_refused_with_enforce(lab: Lab) -> None:
    async def play() -> None:
        await lab.set(1, MODE, "Enforce")
        await lab.whole()
        path = "clustering.peer_3_address"
        assert "Enforce needs FQDNs" in await lab.refusal(1, "config set", path=path, value=lab.peer(3).address)
        await lab.set(1, MODE, "Permissive")

    asyncio.run(play())
