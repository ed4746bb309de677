"""Which of a system's addresses are inside, where its cluster is built, and which are not (facts 1.2, guide "需求").

With two interfaces the one that is not named external is inside; with one, its own address is, and never the address
by which NAT shows it to others.
"""

from __future__ import annotations

from sextet.model.settings.interfaces import Interfaces
from sextet.model.status import Outside


def inside(interfaces: Interfaces, version: str) -> str:
    """Give the address that peers use, of this IP version; "" while none was entered."""
    return _address(interfaces, _inner(interfaces), version)


def outside(interfaces: Interfaces) -> tuple[Outside, ...]:
    """List the addresses of this system that peers must not use, each with what it is."""
    found = []
    lans = ("lan1", "lan2") if interfaces.dual_interfaces else ("lan1",)
    for lan in lans:
        if getattr(interfaces, f"{lan}_static_nat_mode"):
            ip = getattr(interfaces, f"{lan}_static_nat_address")
            found += [Outside(ip=ip, what=f"the static NAT address of {_shown(lan)}")] if ip else []
        if lan != _inner(interfaces):
            ips = [_address(interfaces, lan, version) for version in ("IPv4", "IPv6")]
            found += [Outside(ip=ip, what=f"the address of {_shown(lan)}, the external interface") for ip in ips if ip]
    return tuple(found)


def _inner(interfaces: Interfaces) -> str:
    return "lan2" if interfaces.dual_interfaces and interfaces.external_interface == "LAN1" else "lan1"


def _address(interfaces: Interfaces, lan: str, version: str) -> str:
    return next((ip for ip in interfaces.lan_addresses(lan) if (":" in ip) == (version == "IPv6")), "")


def _shown(lan: str) -> str:
    return f"LAN {lan[-1]}"
