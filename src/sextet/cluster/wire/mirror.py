"""What a mirror does with a remote peer's rows: copy all, or go on where it was, and notice when one is missing.

How it works. A store is known by its identity: it changes when the store was lost. A mirror that knows the store
resumes behind the last sequence it applied; any other mirror takes a snapshot, and at its end removes the rows that
were not in it. The owner writes the row `_epoch` when it has published everything into a new store: until then a
mirror stays unsynchronised and removes nothing. The rows `_sum` tell count and checksum of all rows at a sequence; a
mirror that differs there starts over.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import blake2b

# Owners purge the tombstones of dropped rows after ten minutes: a mirror that was away longer would miss them.
RESUME_LIMIT_S = 300.0
# Rows of a peer that cannot be heard are shown, marked stale, this long; its calls are over by then.
STALE_KEPT_S = 900.0
EPOCH, SUM, BEAT = "_epoch", "_sum", "_beat"  # rows about the store itself; names of other rows begin with a letter
ROW_BYTES_MAX = 900_000  # nats-server takes payloads of 1 MiB, with headers
_MODULUS = 1 << 64


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreInfo:
    """What a store says of itself."""

    identity: str  # never the same again after a loss
    epoch: str  # what the owner writes into `_epoch` when the store is complete
    last_sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One row as it comes from a store."""

    consumer_sequence: int  # 1, 2, 3 ... without gaps
    sequence: int  # in the store
    key: str
    value: bytes | None  # None: dropped
    pending: int  # rows that are ready behind this one


@dataclass(frozen=True, slots=True)
class Changed:
    key: str
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Synchronised:
    """The copy is complete: what was not in it has been removed."""


@dataclass(frozen=True, slots=True)
class Beaten:
    """The owner's application wrote its `_beat` after this mirror attached."""


@dataclass(frozen=True, slots=True)
class Broken:
    """Abort the link and attach again."""

    reason: str
    differs: bool = False  # the copy was wrong although nothing was missing: worth an alarm


Effect = Changed | Synchronised | Beaten | Broken


class Checksum:
    """Count and checksum of a set of rows, whatever their order."""

    __slots__ = ("count", "value")

    def __init__(self) -> None:
        self.count = 0
        self.value = 0

    def change(self, key: str, old: bytes | None, new: bytes | None) -> None:
        if old is not None:
            self.count -= 1
            self.value = (self.value - _hash(key, old)) % _MODULUS
        if new is not None:
            self.count += 1
            self.value = (self.value + _hash(key, new)) % _MODULUS

    def row(self, sequence: int) -> bytes:
        """Write the row `_sum`; `sequence` is that of the newest row that is counted."""
        return json.dumps({"count": self.count, "hash": f"{self.value:016x}", "sequence": sequence}).encode()

    def agrees(self, row: bytes, newest: int) -> bool:
        """Compare with a row `_sum`; true as well when `newest`, our newest row, is one it does not count yet."""
        try:
            said = json.loads(row)
            sequence, count, value = said["sequence"], said["count"], said["hash"]
            return bool(newest > sequence) or (count, value) == (self.count, f"{self.value:016x}")
        except (ValueError, TypeError, KeyError):
            return False


class Mirror:
    """The copy of one remote peer's rows."""

    def __init__(self) -> None:
        self.stale = True
        self.synchronised = False
        self._rows: dict[str, bytes] = {}
        self._sum = Checksum()
        self._identity = ""
        self._epoch = ""
        self._position: int | None = None  # None: the copy is not complete, a snapshot is needed
        self._detached_at: float | None = None
        self._started_at_sequence = 0
        self._consumer_sequence = 0
        self._last = 0  # sequence of the last row that came
        self._newest = 0  # sequence of the newest row that counts in `_sum`
        self._expected: int | None = None
        self._received = 0
        self._seen: set[str] | None = None  # while a snapshot runs
        self._marked = False
        self._caught_up = False

    @property
    def rows(self) -> Mapping[str, bytes]:
        return self._rows

    def attach(self, store: StoreInfo, now: float) -> int | None:
        """Begin; returns the sequence to start from, or None for a snapshot (the last row of each key)."""
        away_s = now - self._detached_at if self._detached_at is not None else 0.0
        position = self._position
        known = (
            position is not None
            and store.identity == self._identity
            and position <= store.last_sequence
            and away_s <= RESUME_LIMIT_S
        )
        self._identity, self._epoch, self._detached_at = store.identity, store.epoch, None
        self._started_at_sequence = store.last_sequence
        self._consumer_sequence = self._received = 0
        self._last = store.last_sequence
        self._expected = None
        self._caught_up = self.synchronised = False
        self._marked = known
        if not known:
            self._position, self._seen, self._newest = None, set(), 0
            return None
        assert position is not None
        self._seen = None
        return position + 1

    def expect(self, count: int) -> list[Effect]:
        """Learn how many rows were ready when the store began to send."""
        self._expected = count
        return self._complete()

    def deliver(self, delivery: Delivery) -> list[Effect]:
        if delivery.consumer_sequence != self._consumer_sequence + 1:
            return [
                self._broken(f"sequence gap: row {delivery.consumer_sequence} came after {self._consumer_sequence}")
            ]
        self._consumer_sequence += 1
        self._received += 1
        self._last = max(self._last, delivery.sequence)
        effects: list[Effect] = []
        if delivery.key.startswith("_"):
            if delivery.key == EPOCH and delivery.value == self._epoch.encode():
                self._marked = True
            elif delivery.key == BEAT and delivery.sequence > self._started_at_sequence:
                effects = [Beaten()]
            elif (
                delivery.key == SUM
                and self.synchronised
                and not delivery.pending
                and not self._sum.agrees(delivery.value or b"", self._newest)
            ):
                return [
                    self._broken(f"the copy differs from the peer's rows: {self._sum.count} rows here", differs=True)
                ]
        else:
            effects = self._apply(delivery.key, delivery.value)
            self._newest = delivery.sequence
        if self._seen is None:
            self._position = delivery.sequence
        if self.synchronised:
            return effects
        self._caught_up = self._caught_up or delivery.pending == 0
        return [*effects, *self._complete()]

    def heartbeat(self, last_consumer_sequence: int) -> list[Effect]:
        """Compare what the store says it has sent with what came."""
        if last_consumer_sequence == self._consumer_sequence:
            return []
        return [self._broken(f"sequence gap: {last_consumer_sequence} rows were sent, {self._consumer_sequence} came")]

    def detach(self, now: float) -> None:
        """The link is gone: keep the rows, marked stale."""
        self.stale, self.synchronised = True, False
        if self._detached_at is None:
            self._detached_at = now

    def forget(self, now: float, keep: Collection[str] = ()) -> list[Effect]:
        """Drop the rows of a peer that was not heard for too long, but those whose key's first part is in `keep`."""
        if self._detached_at is None or now < self._detached_at + STALE_KEPT_S:
            return []
        gone = [key for key in self._rows if key.partition(".")[0] not in keep]
        self._position = None
        return [effect for key in gone for effect in self._apply(key, None)]

    def clear(self) -> list[Effect]:
        """Drop all rows: they were of a peer that is no longer in this place."""
        self._position, self.stale, self.synchronised = None, True, False
        return [effect for key in list(self._rows) for effect in self._apply(key, None)]

    def _apply(self, key: str, value: bytes | None) -> list[Effect]:
        old = self._rows.get(key)
        if self._seen is not None:
            (self._seen.discard if value is None else self._seen.add)(key)
        if value == old:
            return []
        self._sum.change(key, old, value)
        if value is None:
            del self._rows[key]
        else:
            self._rows[key] = value
        return [Changed(key, value)]

    def _complete(self) -> list[Effect]:
        if self._expected is not None and self._received >= self._expected:
            self._caught_up = True
        if not (self._caught_up and self._marked and self._expected is not None):
            return []
        effects: list[Effect] = []
        if self._seen is not None:
            unseen = [key for key in self._rows if key not in self._seen]
            self._seen = None
            for key in unseen:
                effects += self._apply(key, None)
            self._position = self._last
        self.stale, self.synchronised = False, True
        return [*effects, Synchronised()]

    def _broken(self, reason: str, *, differs: bool = False) -> Broken:
        if differs:
            self._position = None
        return Broken(reason, differs)


def _hash(key: str, value: bytes) -> int:
    return int.from_bytes(
        blake2b(value, digest_size=8, key=blake2b(key.encode(), digest_size=16).digest()).digest(), "big"
    )
