"""Does a configuration make sense as a whole? Everything that one setting alone cannot tell, all problems at once.

What the original answers with an alarm stays possible: a peer list without this system (20015), no cluster name
(20019), H.323 off (20018). Each problem names the setting by its path and says what to do.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address

from sextet.model.config import Document, item_path, read
from sextet.model.expression import flaw, groups_of
from sextet.model.schema import Problem, Refused, is_ip
from sextet.model.sections import (
    LOCAL_ZONE,
    Clustering,
    PolicyPattern,
    Protocols,
    Registration,
    Root,
    SearchRule,
    Transform,
    Zone,
)

LOCAL_NAMES = (LOCAL_ZONE, "Local Zone")
SOURCE_NAMES = (*LOCAL_NAMES, "DefaultZone")  # what a search rule's source may name besides zones
CLUSTER_PORTS = {4371: "cluster recovery", 4372: "cluster communication"}  # guide, "群集連線和埠"; TCP
TAKEN_PORTS = CLUSTER_PORTS | {8443: "the web pages"}  # TCP
RAS_PORT = 1719  # UDP, between peers and for H.323 endpoints
NOT_YET = ("ipv4_1", "ipv4_2", "ipv6_1", "ipv6_2")  # variables of facts 7.4 that need a second network interface
PATTERN_ONLY = ("ip", "localdomains")  # they stand for many texts
_VARIABLE = re.compile(r"%([a-z][a-z0-9_]*)%", re.IGNORECASE)
_REFERENCE = re.compile(r"\\(\\|[0-9])")

Found = Iterator[Problem]


def check(document: Document, before: Root | None = None) -> Root:
    """Build the typed value and judge it as a whole; raises Refused with everything that is wrong."""
    whole, wrong = read(document)
    known = {problem.field for problem in wrong}
    wrong += [problem for problem in problems(whole, before) if problem.field not in known]
    if wrong:
        raise Refused(*wrong)
    return whole


def problems(whole: Root, before: Root | None = None) -> list[Problem]:
    """Judge a configuration whose single settings are right; `before` is the one it replaces, if any."""
    return [
        *_peer_list(whole.clustering),
        *_enforce(whole.clustering),
        *_mappings(whole.clustering),
        *_protocols(whole),
        *_names(whole),
        *_policy(whole.registration),
        *_zones(whole.zones),
        *_transforms(whole.transforms),
        *_rules(whole),
        *_administrators(whole, before),
    ]


def _peer_list(clustering: Clustering) -> Found:
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


def _fits(field: str, label: str, address: str, version: str) -> Found:
    ip = ipaddress.ip_address(address)
    if f"IPv{ip.version}" != version:
        yield Problem(
            field, f"{label}: {address} is not an {version} address; enter one, or change the Cluster IP version."
        )
    if ip.is_unspecified or ip.is_multicast or str(ip) == "255.255.255.255":
        yield Problem(field, f"{label}: {address} is no address of one system; enter the one this peer uses.")


def _enforce(clustering: Clustering) -> Found:
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


def _mappings(clustering: Clustering) -> Found:
    """Facts 9.4: private addresses only, one row for every peer if the mapping is used at all."""
    path, rows = "clustering.address_mappings", clustering.address_mappings
    yield from _twice(path, "Cluster address mappings", [row.fqdn for row in rows])
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


def _protocols(whole: Root) -> Found:
    protocols = whole.protocols
    if protocols.sip_mode and not (protocols.sip_udp or protocols.sip_tcp or protocols.sip_tls):
        yield Problem("protocols.sip_mode", "SIP mode: is On without any transport; turn UDP, TCP or TLS mode On.")
    if protocols.sip_mode and not protocols.sip_tls and len(whole.clustering.peers) > 1:
        yield Problem("protocols.sip_tls", "TLS mode: peers send calls to each other over TLS; turn it On.")
    for kind in ("standard", "outbound"):
        low, high = getattr(protocols, f"{kind}_refresh_minimum"), getattr(protocols, f"{kind}_refresh_maximum")
        if low > high:
            yield Problem(
                f"protocols.{kind}_refresh_minimum",
                f"{kind.capitalize()} registration refresh minimum: {low} is above the maximum of {high} seconds; "
                "lower it, or raise the maximum.",
            )
    yield from _ports(protocols)


def _ports(protocols: Protocols) -> Found:
    tcp = [
        (name, label, getattr(protocols, f"{name}_port"))
        for name, label in (("sip_tcp", "TCP port"), ("sip_tls", "TLS port"))
        if protocols.sip_mode and getattr(protocols, name)
    ]
    for name, label, port in tcp:
        if port in TAKEN_PORTS:
            yield Problem(f"protocols.{name}_port", f"{label}: {port} is for {TAKEN_PORTS[port]}; choose another.")
    if len(tcp) == 2 and tcp[0][2] == tcp[1][2]:
        yield Problem("protocols.sip_tls_port", f"TLS port: {tcp[1][2]} is the TCP port already; choose another.")
    if protocols.sip_mode and protocols.sip_udp and protocols.sip_udp_port == RAS_PORT:
        yield Problem("protocols.sip_udp_port", f"UDP port: {RAS_PORT} is for H.323 between peers; choose another.")


def _names(whole: Root) -> Found:
    """What differs only in its letters would be one thing to people and another to the system."""
    yield from _twice("domains", "Domains", [domain.name for domain in whole.domains])
    yield from _twice("zones", "Zones", [zone.name for zone in whole.zones])
    yield from _twice("search_rules", "Search rules", [rule.name for rule in whole.search_rules])
    yield from _twice("administrators", "Administrator accounts", [account.name for account in whole.administrators])


def _twice(path: str, label: str, names: Iterable[str]) -> Found:
    seen: dict[str, str] = {}
    for name in names:
        if name.lower() in seen:
            yield Problem(
                item_path(path, name), f"{label}: {name!r} is there already as {seen[name.lower()]!r}; remove one."
            )
        seen.setdefault(name.lower(), name)


def _policy(registration: Registration) -> Found:
    lists: tuple[tuple[str, str, Sequence[PolicyPattern]], ...] = (
        ("allow_list", "Allow list", registration.allow_list),
        ("deny_list", "Deny list", registration.deny_list),
    )
    for name, label, rows in lists:
        for row in rows:
            path = item_path(f"registration.{name}", row.pattern)
            yield from _pattern(f"{path}.pattern", row.pattern_type, row.pattern)
        if registration.restriction_policy == label.title() and not rows and name == "allow_list":
            yield Problem(
                "registration.restriction_policy",
                "Restriction policy: the allow list is empty, so nobody could register; fill it first.",
            )


def _zones(zones: Sequence[Zone]) -> Found:
    for zone in zones:
        if zone.name.lower() in {name.lower() for name in SOURCE_NAMES}:
            yield Problem(
                f"{item_path('zones', zone.name)}.name", f"Name: {zone.name} is built in; choose another name."
            )


def _transforms(transforms: Sequence[Transform]) -> Found:
    seen: set[int] = set()
    for row in transforms:
        path = item_path("transforms", str(row.priority))
        if row.priority in seen:
            yield Problem(path, f"Transforms: priority {row.priority} is there twice; give each its own.")
        seen.add(row.priority)
        yield from _pattern(f"{path}.pattern", row.pattern_type, row.pattern)
        yield from _behavior(path, row.behavior, row.pattern_type, row.pattern, row.replace)
        if row.behavior in ("Add Prefix", "Add Suffix") and not row.replace:
            yield Problem(f"{path}.replace", f"Replace string: {row.behavior} needs what to add; enter it.")


def _rules(whole: Root) -> Found:
    states = {zone.name: zone.state for zone in whole.zones}
    for rule in whole.search_rules:
        path = item_path("search_rules", rule.name)
        if rule.state == "Enabled":
            yield from _target(path, rule, states)
            yield from _source(path, rule, states)
        if rule.mode != "Alias pattern match":
            continue
        if not rule.pattern:
            yield Problem(f"{path}.pattern", "Pattern string: Alias pattern match needs one; enter it.")
        else:
            yield from _pattern(f"{path}.pattern", rule.pattern_type, rule.pattern)
            yield from _behavior(path, rule.behavior, rule.pattern_type, rule.pattern, rule.replace)


def _target(path: str, rule: SearchRule, states: dict[str, str]) -> Found:
    if rule.target in LOCAL_NAMES:
        return
    if rule.target not in states:
        yield Problem(
            f"{path}.target",
            f"Target: there is no zone {rule.target!r}; choose {LOCAL_ZONE} or a zone, or disable the rule.",
        )
    elif states[rule.target] != "Enabled":
        yield Problem(f"{path}.target", f"Target: zone {rule.target} is disabled; enable it, or disable the rule.")


def _source(path: str, rule: SearchRule, states: dict[str, str]) -> Found:
    if rule.source == "Named" and rule.source_name not in states and rule.source_name not in SOURCE_NAMES:
        wrong = f"there is no zone {rule.source_name!r}" if rule.source_name else "is empty"
        yield Problem(f"{path}.source_name", f"Source name: {wrong}; enter the name of a zone, or change the source.")


def _pattern(field: str, kind: str, pattern: str) -> Found:
    later = [name for name in _VARIABLE.findall(pattern) if name.lower() in NOT_YET]
    if later:
        yield Problem(field, f"Pattern string: %{later[0]}% is not known here; use %ipv4% or %ipv6%.")
    wrong = flaw(pattern) if kind == "Regex" else ""
    if wrong:
        yield Problem(field, f"Pattern string: {wrong}")


def _behavior(path: str, behavior: str, kind: str, pattern: str, replace: str) -> Found:
    """Exact and Regex match the whole alias, so that Strip would leave nothing to search for."""
    if behavior == "Strip" and kind in ("Exact", "Regex"):
        yield Problem(
            f"{path}.behavior", f"Pattern behavior: Strip leaves nothing of an alias with {kind}; choose Replace."
        )
    if behavior in ("Strip", "Leave"):
        return
    field = f"{path}.replace"
    for name in _VARIABLE.findall(replace):
        if name.lower() in (*PATTERN_ONLY, *NOT_YET):
            yield Problem(field, f"Replace string: %{name}% is no single text; use another variable, or write it out.")
    numbers = [int(found) for found in _REFERENCE.findall(replace) if found != "\\"]
    most = groups_of(pattern) if kind == "Regex" and behavior == "Replace" else -1
    if behavior == "Replace" and kind == "Regex" and max(numbers, default=0) > most:
        yield Problem(
            field,
            f"Replace string: \\{max(numbers)} is not in the pattern, which has {most} groups; correct one of them.",
        )
    if behavior == "Replace" and kind == "Exact" and not replace:
        yield Problem(field, "Replace string: nothing would be left of the alias; enter what replaces it.")


def _administrators(whole: Root, before: Root | None) -> Found:
    """Nobody may lock everybody out; a new system may still have no account at all."""
    if _writers(whole) or not (whole.administrators or (before is not None and _writers(before))):
        return
    yield Problem(
        "administrators",
        "Administrator accounts: none is Enabled with Read-write access; keep one, or nobody could change anything.",
    )


def _writers(whole: Root) -> int:
    return sum(account.state == "Enabled" and account.access_level == "Read-write" for account in whole.administrators)


def _same(address: str) -> str:
    return str(ipaddress.ip_address(address)) if is_ip(address) else address.lower()
