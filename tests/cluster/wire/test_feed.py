"""How this peer's rows reach its store: at once while little changes, in batches while much does."""

from __future__ import annotations

import asyncio
import contextvars
import json
import random
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from sextet.cluster.wire.feed import BATCHES_AT_ONCE, BATCHES_PER_S, OwnRows
from sextet.cluster.wire.mirror import StoreInfo
from sextet.cluster.wire.nats_server import Access
from tests.support.link_lab import Lines
from tests.support.simulator.loop import Loop

MOMENT_S = 0.001  # until the store has taken a row


class Store:
    """Takes every row, and notes when."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.taken: list[tuple[float, str, bytes | None]] = []
        self._acknowledged: Callable[[Any], Awaitable[None]]

    async def make_store(self, most_bytes: int) -> StoreInfo:
        return StoreInfo(identity="one", epoch="one", last_sequence=0)

    def new_inbox(self) -> str:
        return "inbox"

    async def listen(self, subject: str, arrived: Callable[[Any], Awaitable[None]]) -> None:
        if subject == "inbox.*":
            self._acknowledged = arrived

    async def publish(self, key: str, value: bytes | None, reply: str) -> None:
        if not key.startswith("_"):
            self.taken.append((self._loop.now, key, value))
        answer = SimpleNamespace(subject=reply, data=json.dumps({"seq": len(self.taken)}).encode())
        await asyncio.sleep(0)
        self._loop.call_later(MOMENT_S, lambda: self._loop.create_task(self._acknowledged(answer)))  # type: ignore[arg-type]

    async def purge(self, sequence: int) -> None: ...

    def abort(self) -> None: ...


class Feed:
    """Rows, their store, and virtual time."""

    def __init__(self) -> None:
        self.loop = Loop(random.Random(1), lambda name: "")
        self.store = Store(self.loop)

        async def login(*_: object) -> Store:
            return self.store

        self.rows = OwnRows(name="one", journal=Lines(), trouble=lambda sentence: None, login=login)  # type: ignore[arg-type]
        self.loop.call_soon(self._begin, context=contextvars.Context())
        self.run(2.0)

    def _begin(self) -> None:
        self.rows.start()
        self.rows.store(Access(port=1, own_password="", peer_password=""))

    def run(self, until: float) -> None:
        self.loop.run(until, lambda: None)

    def change(self, at: float, key: str, value: bytes) -> None:
        self.loop.later(at - self.loop.now, lambda: self.rows.put(key, value))


@pytest.fixture
def feed() -> Feed:
    return Feed()


def test_a_change_after_a_quiet_time_is_written_at_once(feed: Feed) -> None:
    for number in range(BATCHES_AT_ONCE):
        feed.change(3.0 + number * 0.005, f"call.{number}", b"rings")
    feed.run(4.0)
    assert [(round(at, 6), key) for at, key, _ in feed.store.taken] == [
        (round(3.0 + number * 0.005, 6), f"call.{number}") for number in range(BATCHES_AT_ONCE)
    ]


def test_a_flood_is_written_in_batches_and_nothing_of_it_waits_longer_than_one(feed: Feed) -> None:
    made = {f"call.{number}": 3.0 + number * 0.001 for number in range(1000)}
    for key, at in made.items():
        feed.change(at, key, b"rings")
    feed.run(6.0)
    assert {key for _, key, _ in feed.store.taken} == made.keys()
    assert len({at for at, _, _ in feed.store.taken}) <= BATCHES_AT_ONCE + BATCHES_PER_S + 1
    assert max(at - made[key] for at, key, _ in feed.store.taken) <= 1 / BATCHES_PER_S + 2 * MOMENT_S


def test_of_a_row_that_changes_in_a_flood_the_last_state_is_written(feed: Feed) -> None:
    for number in range(1000):
        feed.change(3.0 + number * 0.001, "usage.all", str(number).encode())
    feed.run(6.0)
    values = [value for _, _, value in feed.store.taken]
    assert values[-1] == b"999" and len(values) <= BATCHES_AT_ONCE + BATCHES_PER_S + 1
