"""A network that delays, loses, repeats, reorders, and cuts, one way too."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from tests.support.simulator.clock import Clock, Deed


@dataclass
class Network:
    """Ways between peer numbers; `calm` stops its tricks but not its cuts."""

    clock: Clock
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
            arrival = self.clock.now + self.delay_s * (0.5 + self.dice.random())
            if not self._strikes():
                arrival = lane.last_arrival = max(arrival, lane.last_arrival)
            self.clock.later(arrival - self.clock.now, deed)

    def _strikes(self) -> bool:
        return not self.calm and self.dice.random() < self.trouble


@dataclass
class Lane:
    """One direction of one connection."""

    last_arrival: float = 0.0
