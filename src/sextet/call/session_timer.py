"""How long may a call go on unrefreshed? What a proxy makes of the session timer of a request (RFC 4028 8.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass

LEAST_S = 90  # RFC 4028 4: no interval is shorter
MOST_S = 86_400  # facts 5.8: the longest that can be set
UNTIMED_S = 43_200  # we chose: a call that nobody refreshes counts as over after half a day
TAG = "timer"
_DELTA = re.compile(r"\s*(\d{1,10})\s*(;.*)?", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What the administrator wants of session timers."""

    value_s: int
    minimum_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A request with its session timer in order; None is a header that stays as it is."""

    interval_s: int
    refreshed: bool  # whether its sender can refresh
    expires: str | None
    least: str | None


def timed(session: Session, expires: str, least: str, supported: str) -> Timed | None:
    """Put the timer of an INVITE or UPDATE in order; None where it must be refused, with our minimum.

    What cannot be read counts as missing. An interval is never lowered below Min-SE, and Min-SE is touched only where
    the sender does not know it. The parameter refresher stays as it is.
    """
    refreshed = TAG in re.split(r"[\s,]+", supported.lower())
    wanted, parameters = _read(expires)
    floor, _ = _read(least)
    least_s = floor or LEAST_S
    if wanted and wanted < session.minimum_s and refreshed:
        return None
    raised = not refreshed and least_s < session.minimum_s
    least_s = session.minimum_s if raised else least_s
    interval_s = max(min(wanted or session.value_s, session.value_s), least_s)
    return Timed(
        interval_s=interval_s,
        refreshed=refreshed,
        expires=None if interval_s == wanted else f"{interval_s}{parameters}",
        least=str(least_s) if raised else None,
    )


def _read(header: str) -> tuple[int, str]:
    """Give the seconds of a header and its parameters; 0 where there are none."""
    found = _DELTA.fullmatch(header)
    return (int(found[1]), (found[2] or "").rstrip()) if found else (0, "")
