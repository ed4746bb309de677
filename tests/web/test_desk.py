"""What is done after the answer was sent, and what is not."""

from __future__ import annotations

import asyncio
import gc
import warnings
from typing import Any, cast

import pytest

from sextet.web import desk
from sextet.web.desk import Desk


def empty() -> Desk:
    nothing = cast(Any, None)
    return Desk(face=nothing, door=nothing, access=nothing, certificates=nothing)


def test_it_is_done_after_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "ANSWER_S", 0)

    async def play() -> None:
        done = asyncio.Event()

        async def act() -> None:
            done.set()

        empty().later(act)
        assert not done.is_set()
        await asyncio.wait_for(done.wait(), 5)

    asyncio.run(play())


def test_where_the_peer_ends_first_it_is_not_even_begun() -> None:
    begun: list[int] = []

    async def act() -> None:
        begun.append(1)

    async def play() -> None:
        empty().later(lambda: act())

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        asyncio.run(play())
        gc.collect()
    assert (begun, said) == ([], [])
