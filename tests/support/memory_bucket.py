"""How does a store of rows behave? As this one, in memory; test_bucket.py holds it and NATS to the same claims."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from sextet.cluster.wire.mirror import Delivery, StoreInfo

_identities = itertools.count(1)


class MemoryBucket:
    """A stream that keeps the last row of each key, with sequences that never come back."""

    def __init__(self) -> None:
        self.consumers: list[MemoryConsumer] = []
        self._begin()

    def _begin(self) -> None:
        number = next(_identities)
        self.info = StoreInfo(identity=f"created {number}|server {number}", epoch=f"created {number}", last_sequence=0)
        self._log: dict[int, tuple[str, bytes | None]] = {}  # in the order of the sequences
        self._place: dict[str, int] = {}

    def put(self, key: str, value: bytes) -> int:
        return self._write(key, value)

    def drop(self, key: str) -> int:
        """Leave a tombstone, so that mirrors hear of it."""
        return self._write(key, None)

    def purge(self, sequence: int) -> None:
        """Remove a tombstone; mirrors do not hear of that."""
        key, _ = self._log.pop(sequence)
        if self._place.get(key) == sequence:
            del self._place[key]

    def lose(self) -> None:
        """Lose everything, as a server with memory storage that is killed; consumers are gone with it."""
        self.consumers.clear()
        self._begin()

    def consume(self, start: int | None) -> MemoryConsumer:
        """From a sequence on, or (None) the last row of every key; in both cases everything that comes later, too."""
        consumer = MemoryConsumer(self, (start or 1) - 1)
        self.consumers.append(consumer)
        return consumer

    def after(self, sequence: int) -> list[tuple[int, str, bytes | None]]:
        return [(place, key, value) for place, (key, value) in self._log.items() if place > sequence]

    def _write(self, key: str, value: bytes | None) -> int:
        sequence = self.info.last_sequence + 1
        self.info = StoreInfo(identity=self.info.identity, epoch=self.info.epoch, last_sequence=sequence)
        old = self._place.pop(key, None)
        if old is not None:
            del self._log[old]
        self._place[key] = sequence
        self._log[sequence] = (key, value)
        return sequence


@dataclass
class MemoryConsumer:
    """What one mirror is sent, in order, once."""

    bucket: MemoryBucket
    sequence: int
    sent: int = 0
    expected: int = field(init=False)

    def __post_init__(self) -> None:
        self.expected = len(self.bucket.after(self.sequence))

    @property
    def alive(self) -> bool:
        return self in self.bucket.consumers

    def next(self, most: int = 1 << 30) -> list[Delivery]:
        """Take what is ready; rows that were overwritten meanwhile are not sent."""
        if not self.alive:
            return []
        ready = self.bucket.after(self.sequence)
        deliveries = []
        for n, (sequence, key, value) in enumerate(ready[:most], start=1):
            self.sent, self.sequence = self.sent + 1, sequence
            deliveries.append(
                Delivery(consumer_sequence=self.sent, sequence=sequence, key=key, value=value, pending=len(ready) - n)
            )
        return deliveries
