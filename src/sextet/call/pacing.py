"""How fast devices that were not here before are let in: a storm after a failure is spread, and nobody is lost.

A peer takes so many new registrations a second, and a second's worth at once. Who comes when these are spent is told
when to come again: each a place behind the one before it, so that they return as fast as they are let in.
"""

from __future__ import annotations

from dataclasses import dataclass

BURST_S = 1.0
RETRY_MIN_S, RETRY_MAX_S = 1, 180  # our choice: longer, and people would think that their phone is broken
SPREAD_S = 2.0  # clocks of phones start together: the whole seconds of Retry-After would gather them again


@dataclass(frozen=True, slots=True)
class Pace:
    """Until when what was let in is paid for, and until when places are given away; seconds of any clock."""

    paid_s: float = 0.0
    given_s: float = 0.0


def enter(pace: Pace, now_s: float, per_s: int, dice: float) -> tuple[Pace, int]:
    """Let one more in: gives 0, or the seconds after which to come again; `dice` is 0 <= dice < 1."""
    step_s = 1 / per_s
    paid_s = max(pace.paid_s, now_s)
    if paid_s + step_s - now_s <= BURST_S:
        return Pace(paid_s + step_s, pace.given_s), 0
    given_s = min(max(pace.given_s, paid_s) + step_s, now_s + RETRY_MAX_S)
    wait_s = given_s - now_s + dice * SPREAD_S
    return Pace(paid_s, given_s), min(max(RETRY_MIN_S, round(wait_s)), RETRY_MAX_S)
