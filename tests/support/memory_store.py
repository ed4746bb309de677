"""A store with the behaviour of cluster/revisions.py in memory: what it holds survives the peer that uses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sextet.cluster.configuration.history import GENESIS, Version
from sextet.cluster.configuration.revisions import KEPT_MAX, Kept, Membership, OwnKept, StoreLost
from sextet.model.config import Document
from sextet.model.status import Stamp


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

    def close(self) -> None: ...

    def membership(self) -> Membership:
        return self._membership

    def join(self, membership: Membership) -> None:
        self._must_have_space("membership")
        self._membership = membership
        if not membership.cluster:
            self._pins.clear()

    def pins(self) -> dict[str, str]:
        return dict(self._pins)

    def pin(self, peer: str, fingerprint: str) -> None:
        self._must_have_space("certificate fingerprint")
        self._pins[peer] = fingerprint

    def unpin(self, peer: str) -> None:
        self._must_have_space("certificate fingerprint")
        self._pins.pop(peer, None)

    def head(self) -> Version:
        return self._versions[-1].version if self._versions else GENESIS

    def held(self) -> dict[Stamp, bool]:
        return {kept.version.stamp: kept.aside for kept in self._versions}

    def highest_term(self) -> int:
        return self._highest_term

    def add(self, version: Version, aside: frozenset[Stamp], membership: Membership | None = None) -> None:
        self._must_have_space(f"configuration {version.stamp}")
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

    def at(self, stamp: Stamp) -> Kept | None:
        return next((kept for kept in self.history(len(self._versions)) if kept.version.stamp == stamp), None)

    def before(self, stamp: Stamp) -> Kept | None:
        places = [place for place, kept in enumerate(self._versions) if kept.version.stamp == stamp]
        earlier = [kept for kept in self._versions[: max(places, default=0)] if not kept.aside]
        return self._aged(earlier[-1]) if earlier else None

    def dismiss(self, stamp: Stamp) -> None:
        self._must_have_space(f"configuration {stamp}")
        self._versions = [replace(k, aside=k.aside and k.version.stamp != stamp) for k in self._versions]

    def own(self) -> Document:
        return self._own[-1].document if self._own else {}

    def put_own(self, document: Document, *, user: str, source: str, summary: str = "") -> None:
        self._must_have_space("configuration of this peer")
        made = {"user": user, "source": source, "summary": summary}
        self._own = [*self._own, OwnKept(document=document, age_s=self._clock(), **made)][-KEPT_MAX:]

    def own_history(self, most: int = 50) -> list[OwnKept]:
        return [replace(kept, age_s=self._clock() - kept.age_s) for kept in reversed(self._own)][:most]

    def _aged(self, kept: Kept) -> Kept:
        return replace(kept, age_s=self._clock() - kept.age_s)

    def _must_have_space(self, what: str) -> None:
        if self.full:
            raise StoreLost(f"memory: the {what} could not be written, database or disk is full")
