"""May a call use what it asks for: connected as it is, with less, or refused in the original's words (facts 7.10)?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sextet.call.bandwidth.plan import Plan, Route

EXCEEDS, UNAVAILABLE = "Exceeds Call Capacity", "Gatekeeper Resources Unavailable"  # facts 7.10
STATUS = 488  # Not Acceptable Here: who asks for less may be let through (RFC 3261 21.4.26)
WARNING = "370"  # Insufficient bandwidth (RFC 3261 20.43)
LEAST_KBPS = 64  # the smallest call bandwidth that can be configured (facts appendix A): less is no video call

Room = Callable[[str, int], int]  # what is left of an element with this limit, in kbit/s; below 0 where it is overdrawn


@dataclass(frozen=True, slots=True)
class Granted:
    """The call may use so much; `downspeeded_by` says what made it less than asked for, "" where nothing did."""

    kbps: int
    downspeeded_by: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """No call: the original's words, and what stands in the way."""

    words: str
    cause: str
    status: int = STATUS

    @property
    def reason(self) -> str:
        """Write both for a Reason header: no character that a quoted string needs to escape."""
        text = f"{self.words}: {self.cause}"
        return "".join(c if c.isprintable() and c not in '"\\' else "?" for c in text)


def no_way(here: str, there: str) -> Refused:
    """No links lead from one node to the other."""
    return Refused(UNAVAILABLE, f"no links lead from {here} to {there}")


def decide(plan: Plan, route: Route, wanted_kbps: int, least_kbps: int, room: Room) -> Granted | Refused:
    """Decide about one call.

    A per-call limit is looked at first, then what is left of the totals. Where downspeeding is on for that kind, the
    call gets what there is, but never less than it can run with: the smaller of `wanted_kbps` and `least_kbps`.
    """
    least = min(wanted_kbps, least_kbps)
    granted, by = wanted_kbps, ""
    if route.cap is not None and granted > route.cap.kbps:
        cause = f"{wanted_kbps} kbit/s asked for, {route.cap.whose} allows {route.cap.kbps} for one call"
        if not plan.downspeed_per_call or route.cap.kbps < max(least, 1):
            return Refused(EXCEEDS, cause)
        granted, by = route.cap.kbps, route.cap.whose
    for element, times in route.counts:
        limit = plan.totals.get(element)
        if limit is None:
            continue
        left = max(0, room(element, limit)) // times
        if granted > left or not limit:
            whose = element.replace("/", " ", 1)
            cause = f"{granted} kbit/s needed, {left} of {limit} are left of {whose}"
            if not plan.downspeed_total or left < max(least, 1):
                return Refused(UNAVAILABLE, cause)
            granted, by = left, whose
    return Granted(granted, by)
