"""What became of a registration: a device came, went or was turned away, as the peer that saw it has kept it."""

from __future__ import annotations

from dataclasses import dataclass

REGISTERED, REMOVED, REJECTED = "Registered", "Removed", "Rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRegistration:
    """One such moment; a refresh is none."""

    event: str
    alias: str
    contact: str
    received: str  # where it was seen from: 192.0.2.7:5070;tls
    user_agent: str
    at: str  # with its zone, for people
    lasted_s: float  # of one that is over: since it came, or since this peer was started
    reason: str  # why it is over, or was turned away
