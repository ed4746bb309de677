"""A store with the behaviour of cluster/revisions.py in memory: what it holds survives the peer that uses it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sextet.cluster.configuration.history import GENESIS, Version
from sextet.cluster.configuration.revisions import KEPT_MAX, Kept, Membership, OwnKept, Store, StoreLost
from sextet.model.config import Document
from sextet.model.status import Stamp


class PlainKey:
    """A system key that hides nothing."""

    current = "plain"

    def check(self) -> str:
        return ""

    def seal(self, document: Document) -> dict[str, Any]:
        return dict(document)

    open = seal


class MemoryStore:
    """One peer's disk; while `full` is set every write raises StoreLost and changes nothing."""

    def __init__(self, peer_id: str, clock: Callable[[], float]) -> None:
        self.peer_id = peer_id
        self.full = False
        self._clock = clock
        self._membership = Membership()
        self._pins: dict[str, str] = {}
        self._versions: list[Kept] = []  # age_s holds the moment until it is read
        self._own: list[OwnKept] = []
        self._highest_term = 0
        self.key = PlainKey()
        self.damage = ""
        self.path = Path()  # where a recovery puts a real one
        self._synced: tuple[Any, ...] | None = None  # what is really on the disk, while that is less than what is here

    def close(self) -> None: ...

    def synced(self) -> None:
        """What was written is on the disk."""
        self._synced = None

    def crash(self, keep: bool) -> None:
        """The machine stops in the middle of a write, which is there as a whole afterwards, or not at all."""
        if self._synced is not None and not keep:
            self._membership, pins, self._versions, self._own, self._highest_term = self._synced
            self._pins = dict(pins)
        self._synced = None

    def check(self, *, thorough: bool = False) -> str:
        return self.damage

    def take_over(
        self, *, peer_id: str, membership: Membership, pins: Mapping[str, str], highest_term: int, own: Document
    ) -> None:
        self._begin("identity")
        self.peer_id, self._membership, self._pins = peer_id, membership, dict(pins)
        self._highest_term = highest_term
        if own:
            self.put_own(own, user="", source="recovery", summary="Recovered")

    def membership(self) -> Membership:
        return self._membership

    def join(self, membership: Membership) -> None:
        self._begin("membership")
        self._membership = membership
        if not membership.cluster:
            self._pins.clear()

    def pins(self) -> dict[str, str]:
        return dict(self._pins)

    def pin(self, peer: str, fingerprint: str) -> None:
        self._begin("certificate fingerprint")
        self._pins[peer] = fingerprint

    def unpin(self, peer: str) -> None:
        self._begin("certificate fingerprint")
        self._pins.pop(peer, None)

    def head(self) -> Version:
        return self._versions[-1].version if self._versions else GENESIS

    def held(self) -> dict[Stamp, bool]:
        return {kept.version.stamp: kept.aside for kept in self._versions}

    def highest_term(self) -> int:
        return self._highest_term

    def add(self, version: Version, aside: frozenset[Stamp], membership: Membership | None = None) -> None:
        self._begin(f"configuration {version.stamp}")
        same = (version.stamp, version.digest)
        marked = {version.stamp, *aside}
        others = [kept for kept in self._versions if (kept.version.stamp, kept.version.digest) != same]
        others = [replace(kept, aside=kept.version.stamp in marked) for kept in others]
        ordinary = [kept for kept in others if not kept.aside][-(KEPT_MAX - 1) :]
        self._versions = [kept for kept in others if kept.aside or kept in ordinary]
        self._versions.append(Kept(version=version, age_s=self._clock(), aside=False))
        self._highest_term = max(self._highest_term, version.stamp.term)
        if membership is not None:
            self.join(membership)

    def history(self, most: int = 50) -> list[Kept]:
        return [self._aged(kept) for kept in reversed(self._versions)][:most]

    def reopen(self, path: Path | None = None) -> None:
        """Hold what a real database holds, which was written in the place of this one."""
        store = Store(path or self.path)
        try:
            self._membership, self._pins, self._highest_term = store.membership(), store.pins(), store.highest_term()
            kept = reversed(store.history(2 * KEPT_MAX))
            self._versions = [replace(one, age_s=self._clock() - one.age_s) for one in kept]
            made = {"user": "", "source": "recovery", "summary": "Recovered"}
            self._own = [OwnKept(document=store.own(), age_s=self._clock(), **made)]
            self.peer_id, self.damage, self._synced = store.peer_id, "", None
        finally:
            store.close()

    def everything(self) -> list[Kept]:
        """What is stored, without its age."""
        return self._versions

    def conflicts(self) -> list[Stamp]:
        """What is set aside of the cluster that this peer is in."""
        cluster = self._membership.cluster
        return [kept.version.stamp for kept in self._versions if kept.aside and kept.version.cluster == cluster]

    def headings(self, most: int = 50) -> list[Kept]:
        return self.history(most)

    def at(self, stamp: Stamp) -> Kept | None:
        return next((kept for kept in self.history(len(self._versions)) if kept.version.stamp == stamp), None)

    def before(self, stamp: Stamp) -> Kept | None:
        places = [place for place, kept in enumerate(self._versions) if kept.version.stamp == stamp]
        earlier = [kept for kept in self._versions[: max(places, default=0)] if not kept.aside]
        return self._aged(earlier[-1]) if earlier else None

    def dismiss(self, stamp: Stamp) -> None:
        self._begin(f"configuration {stamp}")
        self._versions = [replace(k, aside=k.aside and k.version.stamp != stamp) for k in self._versions]

    def own(self) -> Document:
        return self._own[-1].document if self._own else {}

    def put_own(self, document: Document, *, user: str, source: str, summary: str = "") -> None:
        self._begin("configuration of this peer")
        made = {"user": user, "source": source, "summary": summary}
        self._own = [*self._own, OwnKept(document=document, age_s=self._clock(), **made)][-KEPT_MAX:]

    def own_history(self, most: int = 50) -> list[OwnKept]:
        return [replace(kept, age_s=self._clock() - kept.age_s) for kept in reversed(self._own)][:most]

    def _aged(self, kept: Kept) -> Kept:
        return replace(kept, age_s=self._clock() - kept.age_s)

    def _begin(self, what: str) -> None:
        if self.damage:
            raise StoreLost(f"memory: {self.damage}; the {what} was not written")
        if self._synced is None:
            self._synced = (self._membership, dict(self._pins), self._versions, self._own, self._highest_term)
        if self.full:
            raise StoreLost(f"memory: the {what} could not be written, database or disk is full")
