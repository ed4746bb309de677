"""Is a peer reached at its inside interface? Two interfaces: the inside one; one: a public address, and no static NAT.

From what each system says of its interfaces (System > Network interfaces > IP), and what its peer address resolves to.
"""

from __future__ import annotations

import ipaddress

from sextet.cluster.judgement import Evidence
from sextet.cluster.requirements.verdicts import Verdict
from sextet.model.status import PeerStatus


def here(seen: Evidence, ip: str) -> Verdict:
    """Judge this system, whose own peer address resolves to `ip`."""
    if not seen.number:
        return "not applicable", "this system is in no peer list yet"
    return _judged(seen.running.peers[seen.number - 1], ip, seen.own)


def there(seen: Evidence, number: int) -> Verdict | None:
    """Judge another peer by what it said last: it may be cut off by exactly this; None where it never spoke."""
    status, link = seen.statuses.get(number), seen.links.get(number)
    if status is None:
        return None
    return _judged(seen.running.peers[number - 1], link.resolved_ip if link else "", status)


def outsiders(seen: Evidence, ip: str) -> str:
    """Name every peer address that leads to an external interface or a static NAT address."""
    resolved = {seen.number: ip} if seen.number else {}
    resolved |= {number: link.resolved_ip for number, link in seen.links.items()}
    statuses = {**seen.statuses, seen.number: seen.own}
    bad = [
        _judged(seen.running.peers[number - 1], at, statuses[number])[1]
        for number, at in resolved.items()
        if number in statuses and any(one.ip == at for one in statuses[number].outside)
    ]
    return f"{'; '.join(bad)}." if bad else ""


def _judged(name: str, ip: str, status: PeerStatus) -> Verdict:
    if not ip:
        return "unknown", f"{name} does not resolve"
    shown = name if ip == name else f"{name} is {ip}"
    outside = {one.ip: one.what for one in status.outside}
    if ip in outside:
        remedy = f"; the inside interface is {status.inside_ip}" if status.inside_ip else ""
        return "failed", f"{shown}, {outside[ip]}{remedy}"
    if not status.inside_ip:
        return "not applicable", "no interface addresses were entered: System > Network interfaces > IP"
    if ip != status.inside_ip:
        return "failed", f"{shown}, and the inside interface is {status.inside_ip}"
    single = not any("external interface" in what for what in outside.values())
    if single and status.system_type == "E" and ipaddress.ip_address(ip).is_private:
        return "failed", f"{shown}, a private address, and the system is an E with one interface"
    return "ok", f"{shown}, the inside interface"
