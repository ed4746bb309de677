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

from sextet.cluster.wire.feed import BATCHES_AT_ONCE, BATCHES_PER_S, SHOWN_AT_ONCE, SHOWN_PER_S, WINDOW_ROWS, OwnRows
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
        self.identity = "one"
        self.silent = False  # takes rows and does not say so
        self.logged_in: Callable[[], None] = lambda: None
        self._acknowledged: Callable[[Any], Awaitable[None]]

    async def make_store(self, most_bytes: int) -> StoreInfo:
        return StoreInfo(identity=self.identity, epoch=self.identity, last_sequence=0)

    def new_inbox(self) -> str:
        return "inbox"

    async def listen(self, subject: str, arrived: Callable[[Any], Awaitable[None]]) -> None:
        self.logged_in()
        if subject == "inbox.*":
            self._acknowledged = arrived

    async def publish(self, key: str, value: bytes | None, reply: str) -> None:
        if not key.startswith("_"):
            self.taken.append((self._loop.now, key, value))
        if self.silent:
            return
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

    def change(self, at: float, key: str, value: bytes | None) -> None:
        shown = key.startswith("call.")
        act = (
            (lambda: self.rows.drop(key, shown=shown))
            if value is None
            else (lambda: self.rows.put(key, value, shown=shown))
        )
        self.loop.later(at - self.loop.now, act)


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
    made = {f"reg.{number}": 3.0 + number * 0.001 for number in range(1000)}
    for key, at in made.items():
        feed.change(at, key, b"is there")
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


def test_calls_are_gathered_for_longer_while_there_are_many_and_other_rows_do_not_wait_for_them(feed: Feed) -> None:
    made = {f"call.{number}": 3.0 + number * 0.001 for number in range(1000)} | {"usage.all": 3.9}
    for key, at in made.items():
        feed.change(at, key, b"rings")
    feed.run(6.0)
    assert {key for _, key, _ in feed.store.taken} == made.keys()
    batches = {at for at, key, _ in feed.store.taken if key.startswith("call.")}
    assert len(batches) <= SHOWN_AT_ONCE + SHOWN_PER_S + 1
    late = {key: at - made[key] for at, key, _ in feed.store.taken}
    assert late.pop("usage.all") <= 2 * MOMENT_S
    assert max(late.values()) <= 1 / SHOWN_PER_S + 2 * MOMENT_S


def test_a_call_that_came_and_went_meanwhile_is_told_to_nobody_and_one_that_was_told_is_dropped(feed: Feed) -> None:
    for number in range(100):
        feed.change(3.0 + number * 0.01, f"call.{number}", b"rings")
        feed.change(3.005 + number * 0.01, f"call.{number}", None)
    feed.change(4.5, "call.long", b"rings")
    feed.change(4.6, "call.long", None)
    feed.run(6.0)
    told = [(key, value) for _, key, value in feed.store.taken]
    assert ("call.0", None) in told
    assert len({key for key, _ in told}) <= SHOWN_AT_ONCE + SHOWN_PER_S + 2  # one of each batch, and the last
    assert told[-2:] == [("call.long", b"rings"), ("call.long", None)]
    assert {key for key, value in told if value is not None} == {key for key, value in told if value is None}
    assert not feed.rows.rows


def test_a_row_that_the_store_may_hold_without_having_said_so_is_dropped_there(feed: Feed) -> None:
    feed.loop.later(1.2, lambda: setattr(feed.store, "silent", True))
    feed.change(3.3, "call.1", b"rings")
    feed.change(3.5, "call.1", None)
    feed.loop.later(10.0, lambda: setattr(feed.store, "silent", False))
    feed.run(20.0)
    assert [(key, value) for _, key, value in feed.store.taken if key == "call.1"][-1] == ("call.1", None)


def test_a_call_that_ends_before_a_new_store_is_filled_is_not_put_into_it(feed: Feed) -> None:
    feed.change(3.0, "call.1", b"rings")
    feed.run(4.0)
    feed.store.identity, feed.store.silent = "two", True  # the old one says nothing any more
    feed.store.logged_in = lambda: feed.rows.drop("call.1", shown=True)
    feed.loop.later(8.0, lambda: setattr(feed.store, "silent", False))
    feed.run(20.0)
    assert feed.rows.ready.is_set()
    assert [(key, value) for _, key, value in feed.store.taken if key == "call.1"][1:] in ([], [("call.1", None)])


def test_calls_that_end_while_their_rows_wait_for_the_store_are_dropped_there(feed: Feed) -> None:
    keys = {f"call.{number}" for number in range(WINDOW_ROWS + 500)}

    def ring() -> None:
        for key in keys:
            feed.rows.put(key, b"rings", shown=True)

    def end() -> None:
        for key in keys:
            feed.rows.drop(key, shown=True)

    feed.loop.later(1.0, ring)
    feed.loop.later(1.0 + MOMENT_S / 2, end)
    feed.run(6.0)
    assert {key: value for _, key, value in feed.store.taken} == dict.fromkeys(keys)


def test_a_row_that_something_rests_on_from_now_on_waits_no_longer(feed: Feed) -> None:
    for number in range(300):
        feed.change(3.0 + number * 0.001, f"call.{number}", b"rings")
    feed.loop.later(1.2955, lambda: feed.rows.put("usage.all", b"1", shown=True))
    feed.loop.later(1.2957, lambda: feed.rows.put("usage.all", b"2"))
    feed.run(6.0)
    [(at, _, value)] = [row for row in feed.store.taken if row[1] == "usage.all"]
    assert value == b"2" and at <= 3.2957 + 2 * MOMENT_S
