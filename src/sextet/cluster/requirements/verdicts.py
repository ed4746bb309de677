"""What a verdict is, and whether what another peer says of itself may be believed at this moment."""

from __future__ import annotations

from sextet.cluster.judgement import LIVE, Evidence
from sextet.model.checks import State
from sextet.model.status import PeerStatus

Verdict = tuple[State, str]


def verdict(good: bool, measured: str) -> Verdict:
    """Judge what can be known."""
    return ("ok" if good else "failed"), measured


def heard(seen: Evidence, number: int) -> PeerStatus | None:
    """Give what a peer says of itself, but only while it says so."""
    link = seen.links.get(number)
    return seen.statuses.get(number) if link is not None and link.state == LIVE else None


def why_not(seen: Evidence, number: int) -> str:
    """Say why nothing is known of a peer."""
    link = seen.links.get(number)
    if link is None:
        return "no link to it"
    if link.state == LIVE:
        return "it has not said yet"
    return f"its link is {link.state}" + (f": {link.reason}" if link.reason else "")
