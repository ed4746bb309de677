"""The histories of a peer have the size that is saved, from the moment that it is."""

from __future__ import annotations

import asyncio

from sextet.admin.dialplan.kept import Kept
from sextet.model.config import Change
from tests.support.fake_peer import FakePeer


class Limits:
    def __init__(self) -> None:
        self.megabytes: asyncio.Queue[int] = asyncio.Queue()

    def limit(self, size_bytes: int) -> None:
        self.megabytes.put_nowait(size_bytes >> 20)


def test_every_history_follows_the_setting() -> None:
    async def play() -> None:
        face, one, other = FakePeer.busy(), Limits(), Limits()
        following = asyncio.create_task(Kept(face, one, other).follow())
        assert (await one.megabytes.get(), await other.megabytes.get()) == (16, 16)
        await face.change([Change("set", "dial_plan.history_size", 3)], user="admin", source="cli")
        while await one.megabytes.get() != 3 or await other.megabytes.get() != 3:
            pass  # other changes were told before
        following.cancel()

    asyncio.run(asyncio.wait_for(play(), 5))
