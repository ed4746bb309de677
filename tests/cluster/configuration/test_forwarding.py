"""A change goes to the primary of the same version and to no other, whoever is asked."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from sextet.cluster.configuration import forward
from sextet.cluster.configuration.editing import Editor
from sextet.cluster.configuration.forwarding import Forwarding
from sextet.cluster.face import NoPrimary
from sextet.cluster.wire.feed import CallFailed
from sextet.model.config import Change
from tests.support.two_editors import OnePeer

WRITE = forward.Write(
    changes=(Change("set", "protocols.standard_refresh_maximum", 77),),
    user="ann", source="web", expected=None, dry_run=False, name="q1", software="2.0.0",
)  # fmt: skip


def forwarding(apart: str = "", fails: bool = False) -> Forwarding:
    async def ask(number: int, name: str, question: bytes, limit_s: float) -> bytes:
        if fails:
            raise CallFailed("no answer in time")
        return b"answer of %d" % number

    return Forwarding(ask, lambda: (1, "expc01"), lambda: apart, "2.0.0")


async def answered(write: forward.Write, editor: Editor) -> bytes:
    return await forwarding().answering(editor)(forward.request(write))


def test_the_primary_is_asked_unless_it_runs_another_version() -> None:
    assert asyncio.run(forwarding().ask_primary(b"")) == b"answer of 1"
    with pytest.raises(NoPrimary, match="runs version 3"):
        asyncio.run(forwarding("it runs version 3").ask_primary(b""))
    with pytest.raises(NoPrimary, match="peer 1 expc01, and it cannot be reached: no answer"):
        asyncio.run(forwarding(fails=True).ask_primary(b""))


def test_a_primary_makes_changes_for_peers_of_its_own_version_only() -> None:
    async def play() -> None:
        one = await (await OnePeer("a").start()).lead()
        before = one.custody.head
        for other in ("1.0.0", ""):
            refused = await answered(replace(WRITE, software=other), one.editor)
            with pytest.raises(NoPrimary, match=r"it runs version 2\.0\.0"):
                forward.from_answer(refused, "expc01")
            assert one.custody.head is before
        done = forward.from_answer(await answered(WRITE, one.editor), "expc01")
        assert done.stamp == one.custody.head.stamp != before.stamp

    asyncio.run(play())
