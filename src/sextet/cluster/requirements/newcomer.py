"""What is asked of a system before its address enters the peer list: its name, its ports, and no zone that leads to it.

It is no peer yet: what only a peer says of itself (version, type, clock, certificate) is checked when it has joined.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sextet.cluster.judgement import Evidence
from sextet.cluster.requirements.knock import Knock
from sextet.cluster.requirements.measured import Look
from sextet.model import checks
from sextet.model.checks import CheckType
from sextet.model.schema import is_ip

PORTS = {"tcp 4372": checks.REACH_4372, "tcp 4371": checks.REACH_4371}


def unmet(seen: Evidence, address: str, look: Look, knocks: Mapping[str, Knock]) -> tuple[str, ...]:
    """Name every requirement that it does not meet: one sentence with check, measured value and remedy."""
    again = f"{address.lower().rstrip('.')}: "  # how a failure begins; the sentence has the name already
    return tuple(
        f"{address}: {kind.title} ({kind.id}): {measured.removeprefix(again).rstrip('.')}. {kind.remedy}"
        for kind, measured in _unmet(seen, address, look, knocks)
    )


def _unmet(seen: Evidence, address: str, look: Look, knocks: Mapping[str, Knock]) -> Iterator[tuple[CheckType, str]]:
    wanted = seen.running.cluster_ip_version
    if not look.ip:
        yield checks.DNS, look.failure or "its name does not resolve"
        return
    if (":" in look.ip) != (wanted == "IPv6"):
        yield checks.IP_VERSION, f"it is {look.ip}, and the cluster's addresses are {wanted}"
    if look.by == "dns" and (look.failure or address.lower().rstrip(".") not in look.names):
        yield checks.DNS, look.failure or f"it is {look.ip}, but {look.ip} is {', '.join(look.names)}"
    for place, kind in PORTS.items():
        if place in knocks and knocks[place].answer != "open":
            yield kind, knocks[place].detail
    for zone in seen.saved.zones:
        for peer in zone.peers if zone.state == "Enabled" else ():
            if peer.address.lower() == address.lower() or (is_ip(peer.address) and peer.address == look.ip):
                yield checks.NOT_A_ZONE_PEER, f"zone {zone.name} leads to {peer.address}"
