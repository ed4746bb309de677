"""Peers that share limits over a slow network: the real books, and a ledger as a Kamailio worker keeps it."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from sextet.call.bandwidth.sharing import room
from sextet.cluster.rows.books import DropRow, Effect, PutRow, Share
from sextet.cluster.rows.usage import UsageBook
from sextet.engine import Shared

LINE = "pipe/Line"


@dataclass
class Worker:
    """What kemi/limits/ledger.py keeps in shared memory, of one element."""

    own: int = 0
    others: int = 0
    confirmed: int = 0
    low: int | None = None  # the least of our use since sextetd last knew all of it
    low_order: int = 0
    order: int = 0
    sharers: int = 1

    def left(self, limit: int) -> int:
        confirmed = self.confirmed if self.low is None else min(self.confirmed, self.low)
        return room(limit, self.own, self.others, confirmed, self.sharers)

    def charge(self, by: int) -> tuple[int, int]:
        self.own += by
        self.order += 1
        if by < 0:
            self.low, self.low_order = min(self.own, self.low if self.low is not None else self.own), self.order
        return self.order, self.own

    def see(self, view: Shared, order: int, sharers: int) -> tuple[int, int, bool]:
        self.others, self.confirmed, self.sharers = view.others_kbps, view.confirmed_kbps, sharers
        if order >= self.low_order:
            self.low = None
        self.order += 1
        return self.order, self.own, self.low is not None


@dataclass
class Peer:
    """One peer: its book, its worker, and the calls that it admitted."""

    number: int
    book: UsageBook
    worker: Worker = field(default_factory=Worker)
    calls: list[int] = field(default_factory=list)
    order: int = 0  # of the newest report on the element
    newest: Share = field(default_factory=lambda: Share({}, 1))  # what the worker is to be told, or was
    alive: bool = True


class Cluster:
    """Virtual time; every message and every report takes a while, in order on its own way."""

    def __init__(self, seed: int, count: int, limit: int, delay_s: float) -> None:
        self.dice = random.Random(seed)
        self.limit, self.delay_s, self.now, self._n = limit, delay_s, 0.0, 0
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._last: dict[tuple[object, ...], float] = {}
        self.peers = {
            n: Peer(n, UsageBook(n, first_version=1000 * n), Worker(sharers=count)) for n in range(1, count + 1)
        }
        self.most = 0
        self.largest = 0
        for peer in self.peers.values():
            self._do(peer, peer.book.limit(frozenset((LINE,)), self.now))
            self._do(peer, peer.book.members(frozenset(self.peers) - {peer.number}))

    @property
    def used(self) -> int:
        return sum(sum(peer.calls) for peer in self.peers.values() if peer.alive)

    def ask(self, number: int, kbps: int, least: int) -> bool:
        """Admit a call as a worker does, with less where that is all there is."""
        peer = self.peers[number]
        granted = min(kbps, peer.worker.left(self.limit))
        if granted < least or not peer.alive:
            return False
        peer.calls.append(granted)
        self.largest = max(self.largest, granted)
        self._report(peer, *peer.worker.charge(granted))
        self.most = max(self.most, self.used)
        return True

    def end(self, number: int, place: int = -1) -> None:
        peer = self.peers[number]
        if peer.calls and peer.alive:
            self._report(peer, *peer.worker.charge(-peer.calls.pop(place)))

    def lose(self, number: int) -> None:
        """A peer dies, and the others give its use back."""
        self.peers[number].alive = False
        left = frozenset(n for n, peer in self.peers.items() if peer.alive)
        for peer in self.peers.values():
            if peer.alive:
                self._do(peer, peer.book.members(left - {peer.number}))

    def run(self, until: float) -> None:
        while self._agenda and self._agenda[0][0] <= until:
            self.now, _, act = heapq.heappop(self._agenda)
            act()
        self.now = until

    def settle(self) -> None:
        while self._agenda:
            self.run(self._agenda[0][0])

    def _report(self, peer: Peer, order: int, own: int) -> None:
        self._later(("report", peer.number, self.dice.random()), lambda: self._reported(peer, order, own, {}))

    def _reported(self, peer: Peer, order: int, own: int, heard: dict[str, Shared]) -> None:
        newer = order >= peer.order
        peer.order = max(peer.order, order)
        if newer or heard:
            self._do(peer, peer.book.used({LINE: own} if newer else {}, heard, self.now))

    def _do(self, peer: Peer, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, PutRow):
                for other in self.peers.values():
                    if other is not peer:
                        self._later(("row", peer.number, other.number), self._row(peer, other, effect))
            elif isinstance(effect, Share) and LINE in effect.views:
                peer.newest = effect
                self._later(("see", peer.number), self._see(peer))
            else:
                assert not isinstance(effect, DropRow)

    def _row(self, peer: Peer, other: Peer, effect: PutRow) -> Callable[[], None]:
        row = effect.row
        return lambda: self._do(other, other.book.row(peer.number, LINE, row)) if other.alive else None  # type: ignore[arg-type]

    def _see(self, peer: Peer) -> Callable[[], None]:
        order, share = peer.order, peer.newest
        view = share.views[LINE]

        def see() -> None:
            told, own, again = peer.worker.see(view, order, share.sharers)

            def answered() -> None:
                self._reported(peer, told, own, {LINE: view})
                if again:
                    self._later(("see", peer.number), self._see(peer))

            self._later(("answer", peer.number), answered)

        return see

    def _later(self, way: tuple[object, ...], act: Callable[[], None]) -> None:
        """What takes the same way comes in order; reports of several workers do not."""
        at = max(self.now + self.dice.random() * self.delay_s, self._last.get(way, 0.0))
        self._last[way] = at
        self._n += 1
        heapq.heappush(self._agenda, (at, self._n, act))
