"""xStatus looks only at what is asked for, and writes beside the event loop what may be long."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from sextet.admin import xstatus
from sextet.admin.commands import Usage
from sextet.model.status import Registration
from tests.support.fake_peer import FakePeer


class Untouched(FakePeer):
    """A peer of whose registrations nobody may ask."""

    def registrations(self) -> Mapping[int, Mapping[str, Registration]]:
        raise AssertionError("nobody asked for registrations")


def test_an_element_that_is_not_asked_for_is_not_looked_at() -> None:
    peer = Untouched(2)
    for name in xstatus.ELEMENTS:
        if name != "Registrations":
            assert asyncio.run(xstatus.status(peer, name))[0].startswith(f"*s {name}:")
    with pytest.raises(Usage, match="There is no element 'Ethernet'"):
        asyncio.run(xstatus.status(peer, "Ethernet"))


def test_registrations_are_those_of_this_peer_by_alias_and_contact() -> None:
    peer = FakePeer(1)
    for alias, contact in (("zoe@a", "sip:1"), ("bob@a", "sip:2"), ("bob@a", "sip:1")):
        peer.register(alias, 1, contact)
    peer.register("eve@a", 2, "sip:1")
    lines = asyncio.run(xstatus.status(peer, "registrations"))
    shown = [line.strip() for line in lines if "Alias" in line or "Contact" in line]
    assert [line for line in shown if "Alias" in line][-1] == 'Alias: "zoe@a"' and "eve" not in " ".join(shown)
    assert [line for line in lines if line.startswith("  Registration ")][0] == "  Registration 1:"


def test_other_work_goes_on_while_it_is_written() -> None:
    async def turns() -> int:
        task, count = asyncio.create_task(xstatus.status(FakePeer.busy(), "")), 0
        while not task.done():
            await asyncio.sleep(0)
            count += 1
        return count

    assert asyncio.run(turns()) > 1
