"""IP addresses as they are compared: an IPv4 address that is written as IPv6 is the IPv4 one (RFC 4291 2.5.5.2)."""

from __future__ import annotations

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
MAPPED = 96  # bits before the IPv4 address in such a one


def ip_of(value: str | bytes) -> Address:
    """Read an address, or its 4 or 16 bytes; raises ValueError for anything else."""
    found = ipaddress.ip_address(value)
    return (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found


def in_uri(address: str) -> str:
    """Write a host as it stands before a port: an IPv6 address in brackets (RFC 3986 3.2.2)."""
    return f"[{address}]" if ":" in address and not address.startswith("[") else address


def subnet_of(address: str, prefix: int) -> Network:
    """Read a subnet, whose address may have bits behind the prefix, and a prefix more bits; raises ValueError."""
    most = ipaddress.ip_address(address).max_prefixlen
    found = ipaddress.ip_network(f"{address}/{min(prefix, most)}", strict=False)
    if found.version == 6 and prefix >= MAPPED and (mapped := found.network_address.ipv4_mapped) is not None:
        return ipaddress.ip_network(f"{mapped}/{prefix - MAPPED}")
    return found
