"""One call that is over, as one peer that it passed has kept it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PastCall:
    """A call, or the part of it that passed one peer; parts on several peers share the tag."""

    tag: str
    serial: str
    call_id: str
    source: str
    destination: str
    protocol: str
    route: str
    rule: str
    nodes: str  # the way through subzones and zones
    kbps: int  # at the most, where this peer was charged
    at: str  # when it began, with its zone, for people
    rang_s: float
    lasted_s: float  # since it was answered; 0 where it never was
    reason: str  # why it ended

    @property
    def connected(self) -> bool:
        return self.lasted_s > 0
