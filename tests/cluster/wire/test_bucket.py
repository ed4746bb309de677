"""Do the store in memory and the real one behave the same? Both are held to the same claims."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest

from sextet.cluster.wire.mirror import Delivery, StoreInfo
from sextet.cluster.wire.nats_server import Access, NatsServer
from sextet.cluster.wire.session import Gate, Session
from tests.support.link_lab import Lines, until
from tests.support.memory_bucket import MemoryBucket, MemoryConsumer


class Store(Protocol):
    """The store under test; `take` waits for that many rows and gives them."""

    async def info(self) -> StoreInfo: ...
    async def put(self, key: str, value: bytes | None) -> int: ...
    async def purge(self, sequence: int) -> None: ...
    async def lose(self) -> None: ...
    async def consume(self, start: int | None) -> int: ...
    async def take(self, count: int) -> list[Delivery]: ...


class InMemory:
    def __init__(self) -> None:
        self.bucket = MemoryBucket()
        self.consumer: MemoryConsumer

    async def info(self) -> StoreInfo:
        return self.bucket.info

    async def put(self, key: str, value: bytes | None) -> int:
        return self.bucket.drop(key) if value is None else self.bucket.put(key, value)

    async def purge(self, sequence: int) -> None:
        self.bucket.purge(sequence)

    async def lose(self) -> None:
        self.bucket.lose()

    async def consume(self, start: int | None) -> int:
        self.consumer = self.bucket.consume(start)
        return self.consumer.expected

    async def take(self, count: int) -> list[Delivery]:
        taken = self.consumer.next()
        assert len(taken) == count
        return taken


class InNATS:
    def __init__(self, directory: Path) -> None:
        self.access: list[Access] = []
        self.server = NatsServer(
            name="test", run_dir=directory, user="nobody" if os.getuid() == 0 else None, journal=Lines(),
            up=self.access.append, down=lambda sentence: None,
        )  # fmt: skip
        self.session: Session
        self.taken: list[Delivery] = []

    async def connect(self) -> None:
        access = self.access[-1]
        reader, writer = await asyncio.open_connection("127.0.0.1", access.port)
        self.session = await Session.open(
            reader, writer, user="own", password=access.own_password, name="t", lost=lambda reason: None, gate=Gate()
        )
        await self.session.make_store(1 << 20)

    async def info(self) -> StoreInfo:
        return await self.session.store()

    async def put(self, key: str, value: bytes | None) -> int:
        await self.session.publish(key, value, "")
        return (await self.session.store()).last_sequence

    async def purge(self, sequence: int) -> None:
        await self.session.purge(sequence)

    async def lose(self) -> None:
        os.kill(self.server.pid, signal.SIGKILL)
        self.session.abort()
        await until(lambda: len(self.access) > 1)
        await self.connect()

    async def consume(self, start: int | None) -> int:
        self.taken = taken = []
        return await self.session.follow(start, taken.append, lambda last: None, lambda: None)

    async def take(self, count: int) -> list[Delivery]:
        await until(lambda: len(self.taken) >= count)
        taken = list(self.taken)
        self.taken.clear()
        assert len(taken) == count
        return taken


@asynccontextmanager
async def real() -> AsyncIterator[Store]:
    directory = Path(tempfile.mkdtemp(prefix="bucket", dir="/tmp"))
    directory.chmod(0o711)
    store = InNATS(directory)
    try:
        await store.server.start()
        await store.connect()
        yield store
        store.session.abort()
    finally:
        await store.server.stop()
        shutil.rmtree(directory)


@asynccontextmanager
async def in_memory() -> AsyncIterator[Store]:
    yield InMemory()


@pytest.mark.parametrize("make", [in_memory, pytest.param(real, marks=pytest.mark.scenario)])
class TestBucket:
    def play(self, make: Callable[[], object], scenario: Callable[[Store], Awaitable[None]]) -> None:
        async def run() -> None:
            async with asyncio.timeout(20), make() as store:  # type: ignore[attr-defined]
                await scenario(store)

        asyncio.run(run())

    def test_a_snapshot_holds_the_last_row_of_every_key_in_the_order_of_writing(
        self, make: Callable[[], object]
    ) -> None:
        async def scenario(store: Store) -> None:
            for key, value in (("a", b"1"), ("b", b"2"), ("a", b"3"), ("c", None)):
                await store.put(key, value)
            assert await store.consume(None) == 3
            rows = await store.take(3)
            assert [(row.key, row.value, row.sequence, row.consumer_sequence, row.pending) for row in rows] == [
                ("b", b"2", 2, 1, 2),
                ("a", b"3", 3, 2, 1),
                ("c", None, 4, 3, 0),
            ]

        self.play(make, scenario)

    def test_a_resume_brings_what_came_later_and_then_goes_on(self, make: Callable[[], object]) -> None:
        async def scenario(store: Store) -> None:
            for n in range(5):
                await store.put(f"row.{n}", b"x")
            assert await store.consume(4) == 2
            assert [row.sequence for row in await store.take(2)] == [4, 5]
            await store.put("row.0", b"y")
            (row,) = await store.take(1)
            assert (row.key, row.sequence, row.consumer_sequence) == ("row.0", 6, 3)

        self.play(make, scenario)

    def test_a_purged_tombstone_is_gone_and_sequences_go_on(self, make: Callable[[], object]) -> None:
        async def scenario(store: Store) -> None:
            await store.put("a", b"1")
            tombstone = await store.put("a", None)
            await store.purge(tombstone)
            assert await store.put("b", b"2") == 3
            assert await store.consume(None) == 1
            assert [row.key for row in await store.take(1)] == ["b"]

        self.play(make, scenario)

    def test_a_lost_store_has_another_identity_and_begins_anew(self, make: Callable[[], object]) -> None:
        async def scenario(store: Store) -> None:
            await store.put("a", b"1")
            before = await store.info()
            await store.lose()
            after = await store.info()
            assert (before.identity != after.identity, before.epoch != after.epoch) == (True, True)
            assert (before.last_sequence, after.last_sequence) == (1, 0)
            assert await store.consume(None) == 0

        self.play(make, scenario)
