"""Can a peer be reached: its ports, the round trip, and whether addresses are changed on the way."""

from __future__ import annotations

from collections.abc import Callable

from sextet.cluster.judgement import LIVE, Evidence
from sextet.cluster.requirements.measured import Measured
from sextet.cluster.requirements.ports import call_port
from sextet.cluster.requirements.verdicts import Verdict, verdict, why_not
from sextet.model import checks

RECOVERY = "4371"  # the alarm about the cluster's own port, 4372, follows the links (judgement.py)
_RECOVERY = f"tcp {RECOVERY}"


def reach(transport: str, port: int, *, everywhere: bool = False) -> Callable[[Evidence, Measured, int], Verdict]:
    """Judge a knock; a port on which this version itself does not listen is not called closed on another peer."""

    def check(seen: Evidence, measured: Measured, number: int) -> Verdict:
        place = f"{transport} {port}"
        if measured.looked and place not in measured.listens and not everywhere:
            return "not applicable", f"nothing listens on {place.upper()} in this version yet"
        knock = measured.of(number).knocks.get(place)
        if knock is None:
            return "unknown", "not tried yet"
        if transport == "udp" and knock.answer == "silent":
            return "unknown", knock.detail
        return ("ok" if knock.answer == "open" else "failed"), knock.detail

    return check


def reach_sip(seen: Evidence, measured: Measured, number: int) -> Verdict:
    """Judge the port on which peers send each other calls."""
    if (on := call_port(seen.saved.protocols)) is None:
        return "not applicable", "SIP is off: peers send each other no calls"
    return reach("udp" if on[0] == "UDP" else "tcp", on[1], everywhere=True)(seen, measured, number)


def reach_4372(seen: Evidence, measured: Measured, number: int) -> Verdict:
    """Judge the cluster's own port: a link that is up is the best proof."""
    link = seen.links.get(number)
    if link is not None and link.state == LIVE:
        return "ok", f"connected to {link.resolved_ip} port 4372"
    knock = measured.of(number).knocks.get("tcp 4372")
    if knock is None:
        return "unknown", why_not(seen, number)
    return ("ok" if knock.answer == "open" else "failed"), knock.detail


def rtt(seen: Evidence, measured: Measured, number: int) -> Verdict:
    """Judge the round trip."""
    link = seen.links.get(number)
    if link is None or link.state != LIVE or not link.round_trip_ms:
        return "unknown", why_not(seen, number)
    return verdict(link.round_trip_ms <= checks.ROUND_TRIP_MS_MAX, f"{link.round_trip_ms:.1f} ms")


def nat(seen: Evidence, measured: Measured, number: int) -> Verdict:
    """Judge whether both see each other under the addresses that are configured."""
    link, found = seen.links.get(number), measured.of(number)
    if link is None or link.state != LIVE or found.answer.failure:
        return "unknown", found.answer.failure or why_not(seen, number)
    changed = []
    if found.answer.seen_as and found.answer.seen_as != seen.own.ip:
        changed.append(f"it sees this system as {found.answer.seen_as}, which is {seen.own.ip}")
    if found.comes_from and found.comes_from != link.resolved_ip:
        changed.append(f"it comes from {found.comes_from} and not from {link.resolved_ip}")
    if changed:
        return "failed", "; ".join(changed)
    if not found.answer.seen_as:
        return "unknown", "it does not say from where it sees this system"
    return "ok", f"it sees this system as {found.answer.seen_as}"


def outdated(seen: Evidence, measured: Measured) -> list[int]:
    """Name the peers to be asked again soon: what was found while they were away, or just coming up, may be over."""
    return [
        number
        for number, link in seen.links.items()
        if link.state == LIVE and (measured.of(number).since_s != link.since_s or _is_closed(measured, number))
    ]


def recovery_closed(seen: Evidence, measured: Measured) -> str:
    """Name the peers that are live and whose port for recovering a lost database cannot be reached from here.

    A knock from before the link was up says nothing: the whole peer was away.
    """
    closed = []
    for number, link in seen.links.items():
        found = measured.of(number)
        if link.state == LIVE and found.since_s == link.since_s and _is_closed(measured, number):
            closed.append(f"{link.peer} on {RECOVERY}: {found.knocks[_RECOVERY].detail}")
    return f"No TCP connection to {'; '.join(closed)}." if closed else ""


def _is_closed(measured: Measured, number: int) -> bool:
    knock = measured.of(number).knocks.get(_RECOVERY)
    return knock is not None and knock.answer != "open"
