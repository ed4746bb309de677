"""背景資訊, 容量: what a cluster of one to five peers carries; endpoints are served when their peer is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from sextet.lab.plan import DOMAIN
from tests.support.guide_reader import AT_ONCE, AT_RESTART, Reader, cluster
from tests.support.real_lab import Lab, answered, eventually

pytestmark = pytest.mark.scenario
OPTIONS, USAGE = "/maintenance/options", "/status/system/resource-usage"
TABLE = {  # the guide's: registrations, video calls, rich media sessions of a cluster of four
    "Large VM": (20_000, 2000, 2000),
    "Medium VM": (10_000, 400, 400),
    "Small VM": (2000, 40, 75),
    "CE1200": (20_000, 2000, 2000),
}
PEERS = 5


def limits(reader: Reader, number: int) -> tuple[int | None, ...]:
    lines = json.loads(reader.type_in(number, "-o", "json", "resource-usage"))["lines"]
    found = {line["label"]: line["limit"] for line in lines}
    return tuple(found[name] for name in ("Registrations", "Calls, in video calls", "Rich media sessions"))


def test_four_peers_carry_what_the_table_says_a_fifth_adds_nothing_and_serves_when_another_is_lost(
    systems: Callable[..., Reader],
) -> None:
    reader = systems(PEERS, cluster(AT_RESTART))
    for take_effect in (AT_RESTART, AT_ONCE):
        reader.takes_effect(take_effect)
        reader.well()
        carry(reader)
        asyncio.run(survive(reader))


def carry(reader: Reader) -> None:
    """Whatever the platform, the table says the limits of all peers together."""
    for platform, whole in TABLE.items():
        for number in reader.lab.numbers:
            assert "Saved" in reader.save(number, OPTIONS, platform=platform)
        for number in (1, PEERS):
            look = lambda number=number: str(limits(reader, number))
            reader.until(f"{platform} on peer {number}", look, (str(whole),))
    assert "20000" in reader.words(3, USAGE), "an administrator reads it on the page too"


async def knows(lab: Lab, peer: int) -> bool:
    return (f"bob@{DOMAIN}", peer, False) in await lab.registrations(1)


async def survive(reader: Reader) -> None:
    """An endpoint may register with any peer; when that is lost, with another, and is found there."""
    lab = reader.lab
    async with lab.phone(1, "alice") as alice:
        assert (await alice.register()).status == 200
        async with lab.phone(PEERS, "bob") as bob:
            assert (await bob.register()).status == 200
            await eventually("1 knows bob", lambda: knows(lab, PEERS), wanted=True)
            dialog = answered(await alice.call(f"bob@{DOMAIN}"))
            assert (await alice.hang_up(dialog)).status == 200
        await lab.do("kill", peer=PEERS, part="all")
        async with lab.phone(4, "bob") as bob:
            assert (await bob.register()).status == 200
            await eventually("1 knows where bob is now", lambda: knows(lab, 4), wanted=True)
            dialog = answered(await alice.call(f"bob@{DOMAIN}"))
            assert (await alice.hang_up(dialog)).status == 200
    await lab.do("start", peer=PEERS)
    await lab.whole()
