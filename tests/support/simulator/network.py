"""A network that delays, loses, repeats, reorders, and cuts, one way too; and the connections that it carries."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.simulator.loop import Deed, Life, Loop


@dataclass
class Lane:
    """One direction of one connection."""

    last_arrival: float = 0.0
    stalled: bool = False  # something was lost on its way for good: what comes behind it waits for ever


@dataclass
class Network:
    """Ways between host numbers; `calm` stops its tricks but not its cuts."""

    loop: Loop
    dice: random.Random
    delay_s: float
    trouble: float  # probability that a message is lost, and again that it is repeated, and that it is overtaken
    cuts: set[tuple[int, int]] = field(default_factory=set)
    calm: bool = False

    def reaches(self, source: int, to: int) -> bool:
        return (source, to) not in self.cuts

    def send(self, source: int, to: int, deed: Deed, lane: Lane) -> None:
        """Have the deed done at the other end, in order within a lane unless trouble strikes; never when it is cut."""
        if not self.reaches(source, to) or self._strikes():
            return
        for _ in range(2 if self._strikes() else 1):
            arrival = self.loop.now + self.delay_s * (0.5 + self.dice.random())
            if not self._strikes():
                arrival = lane.last_arrival = max(arrival, lane.last_arrival)
            self.loop.later(arrival - self.loop.now, deed)

    def stream(self, source: int, to: int, deed: Deed, lane: Lane) -> None:
        """The same for what TCP keeps in order: nothing is repeated or overtaken, what is lost holds up the rest."""
        lane.stalled = lane.stalled or not self.reaches(source, to) or self._strikes()
        if not lane.stalled:
            arrival = self.loop.now + self.delay_s * (0.5 + self.dice.random())
            lane.last_arrival = max(arrival, lane.last_arrival)
            self.loop.later(lane.last_arrival - self.loop.now, deed)

    def _strikes(self) -> bool:
        return not self.calm and self.dice.random() < self.trouble


@dataclass(frozen=True)
class Papers:
    """A certificate with its key, and what OpenSSL would say of it: nothing, where it is well."""

    der: bytes
    key: bytes
    fault: str = ""


class End:
    """One end of a TCP connection inside TLS: a stream of bytes, and later whatever a session brings."""

    def __init__(self, network: Network, me: int, other: int, life: Life, papers: Papers) -> None:
        self.me, self.other, self.life, self.papers = me, other, life, papers
        self.reader = asyncio.StreamReader(loop=network.loop)
        self.peer: End | None = None
        self.sniffed: Callable[[End, bytes], None] | None = None  # sees what is written
        self.entered: Callable[[End], None] | None = None  # is told when the caller was let in
        self._network = network
        self._lane, self._rows = Lane(), Lane()
        self._open = True
        self._ended: list[Callable[[], None]] = []

    @property
    def open(self) -> bool:
        return self._open

    def ask(self, deed: Deed) -> None:
        """Have something done at the other end."""
        if self._open:
            self._network.stream(self.me, self.other, lambda: self._there(deed), self._lane)

    def show(self, deed: Deed) -> None:
        """The same for one of many messages, of which each may be lost, repeated or overtaken."""
        if self._open:
            self._network.send(self.me, self.other, lambda: self._there(deed), self._rows)

    def on_end(self, deed: Callable[[], None]) -> None:
        self._ended.append(deed)

    def abort(self) -> None:
        """Close it; the other end hears of it unless the network is in the way."""
        if self._open:
            self._close()
            self._network.stream(self.me, self.other, self._gone, self._lane)

    def vanish(self) -> None:
        """The machine is gone, and says nothing."""
        self._open = False

    # What streams are asked for

    close = abort

    @property
    def transport(self) -> End:
        return self

    def is_closing(self) -> bool:
        return not self._open

    def write(self, data: bytes) -> None:
        if self.sniffed:
            self.sniffed(self, data)
        self.ask(lambda: self._peer.reader.feed_data(data))

    async def drain(self) -> None: ...

    def get_extra_info(self, name: str) -> Any:
        return self  # the "ssl_object"

    def getpeercert(self, binary: bool) -> bytes:
        return self._peer.papers.der

    @property
    def _peer(self) -> End:
        assert self.peer is not None
        return self.peer

    def _there(self, deed: Deed) -> None:
        if self._peer.open:
            self._peer.life.enter(deed)

    def _gone(self) -> None:
        if self._peer.open:
            self._peer.life.enter(self._peer._close)

    def _close(self) -> None:
        self._open = False
        self.reader.feed_eof()
        for deed in self._ended:
            deed()
