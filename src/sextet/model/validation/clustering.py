"""Does the peer list, with its primary, mode and address mapping, make sense (facts 1.2, 9.4)?"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from sextet.model.config import item_path
from sextet.model.schema import Problem, is_ip
from sextet.model.settings.clustering import Clustering
from sextet.model.validation.names import twice


def peer_list(clustering: Clustering) -> Iterator[Problem]:
    """Facts 1.2."""
    seen: dict[str, int] = {}
    for number, address in enumerate(clustering.peers, 1):
        field, label = f"clustering.peer_{number}_address", f"Peer {number} address"
        if not address:
            yield Problem(field, f"{label}: is empty, but a later one is filled; move the later ones up.")
            continue
        first = seen.setdefault(_same(address), number)
        if first != number:
            yield Problem(field, f"{label}: {address} is peer {first} already; remove one of them.")
        if is_ip(address):
            yield from _fits(field, label, address, clustering.cluster_ip_version)
    primary = clustering.configuration_primary
    if clustering.peers and not (primary <= len(clustering.peers) and clustering.peers[primary - 1]):
        choices = ", ".join(str(n) for n, address in enumerate(clustering.peers, 1) if address)
        yield Problem(
            "clustering.configuration_primary",
            f"Configuration primary: peer {primary} is empty; choose one of {choices}.",
        )


def primary_moved(clustering: Clustering, was: Clustering) -> Iterator[Problem]:
    """Facts 1.6 E: when later rows move up, the number of the primary is corrected, and names nobody else unasked."""
    number = clustering.configuration_primary
    if number != was.configuration_primary or not number <= len(clustering.peers) < len(was.peers):
        return  # a list that is not shorter is put in another order on purpose
    rows = [_same(address) for address in clustering.peers]
    old = _same(was.peers[number - 1])
    if old and rows[number - 1] and rows[number - 1] != old and old in rows:
        place, now = rows.index(old) + 1, clustering.peers[number - 1]
        yield Problem(
            "clustering.configuration_primary",
            f"Configuration primary: peer {number} would be {now}, and the primary {was.peers[number - 1]} is peer "
            f"{place} now; choose {place}.",
        )


def _fits(field: str, label: str, address: str, version: str) -> Iterator[Problem]:
    ip = ipaddress.ip_address(address)
    if f"IPv{ip.version}" != version:
        yield Problem(
            field, f"{label}: {address} is not an {version} address; enter one, or change the Cluster IP version."
        )
    if ip.is_unspecified or ip.is_multicast or str(ip) == "255.255.255.255":
        yield Problem(field, f"{label}: {address} is no address of one system; enter the one this peer uses.")


def enforce(clustering: Clustering) -> Iterator[Problem]:
    """Guide, "建立新群集": with Enforce, the addresses are FQDNs, which certificates can name."""
    if clustering.tls_verification_mode != "Enforce":
        return
    unnamed = [address for address in clustering.peers if address and (is_ip(address) or "." not in address)]
    if unnamed:
        yield Problem(
            "clustering.tls_verification_mode",
            f"TLS verification mode: Enforce needs FQDNs, and {', '.join(unnamed)} is none; "
            "enter the FQDNs of the peers' certificates first.",
        )


def mappings(clustering: Clustering) -> Iterator[Problem]:
    """Facts 9.4: private addresses only, one row for every peer if the mapping is used at all."""
    path, rows = "clustering.address_mappings", clustering.address_mappings
    yield from twice(path, "Cluster address mappings", [row.fqdn for row in rows], "fqdn")
    seen: dict[IPv4Address | IPv6Address, str] = {}
    for row in rows:
        field = f"{item_path(path, row.fqdn)}.ip"
        if not is_ip(row.ip):
            continue
        ip = ipaddress.ip_address(row.ip)
        if not ip.is_private or ip.is_unspecified:
            yield Problem(
                field, f"IP: {row.ip} is not a private address; enter the peer's own address in your network."
            )
        if f"IPv{ip.version}" != clustering.cluster_ip_version:
            yield Problem(field, f"IP: {row.ip} is not an {clustering.cluster_ip_version} address; enter one.")
        if seen.setdefault(ip, row.fqdn) != row.fqdn:
            yield Problem(field, f"IP: {row.ip} belongs to {seen[ip]} already; each peer has its own address.")
    mapped = {row.fqdn.lower() for row in rows}
    names = [address for address in clustering.peers if address and not is_ip(address)]
    missing = [name for name in names if name.lower() not in mapped]
    if clustering.address_mapping_enabled and rows and missing and len(missing) < len(names):
        yield Problem(path, f"Cluster address mappings: {', '.join(missing)} has no row; every peer needs one, add it.")


def _same(address: str) -> str:
    return str(ipaddress.ip_address(address)) if is_ip(address) else address.lower()
