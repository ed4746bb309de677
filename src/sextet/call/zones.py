"""Where a zone is reached: its addresses as URIs, with what DNS said of those that are configured by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sextet.call.alias import place_of, plain_ip
from sextet.model.schema import is_ip
from sextet.model.settings.zones import BY_SERVICE, DNS, ENUM, NEIGHBOR, TRAVERSAL_CLIENT, TRAVERSAL_SERVER, Zone

DIGITS_MAX = 32  # E.164 has 15; private numbers may be longer, names in DNS not without end
_SEPARATORS = str.maketrans("", "", "-.() ")  # RFC 3966 5.1.1, visual separators


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One peer that an SRV record names."""

    host: str
    port: int
    ips: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What DNS said: addresses of names, and peers of services under `service_key`; all names in lower case."""

    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    services: Mapping[str, tuple[Service, ...]] = field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:
        return {
            "addresses": {name.lower(): [plain_ip(ip) for ip in ips] for name, ips in self.addresses.items()},
            "services": {
                name.lower(): [[one.host.lower(), one.port, [plain_ip(ip) for ip in one.ips]] for one in found]
                for name, found in self.services.items()
            },
        }

    @staticmethod
    def from_document(document: Mapping[str, Any]) -> Names:
        """Read what to_document wrote; raises KeyError, TypeError or ValueError for anything else."""
        return Names(
            addresses={name: tuple(ips) for name, ips in document["addresses"].items()},
            services={
                name: tuple(Service(host=host, port=int(port), ips=tuple(ips)) for host, port, ips in found)
                for name, found in document["services"].items()
            },
        )


NO_NAMES = Names()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One address of a zone: `host` is what the certificate has to name, `uri` where requests are sent."""

    host: str
    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneRow:
    """An enabled zone, ready for use."""

    name: str
    type: str
    hop_count: int
    places: tuple[Place, ...]
    authentication: str
    tls_verify: bool = False
    tls_subject_name: str = ""
    user_name: str = ""
    monitored: bool = False
    retry_s: int = 0  # of a traversal client; 0 for every other type
    port: int = 0  # of a traversal server
    registrations: bool = True  # whether it may carry registrations here

    @property
    def on_demand(self) -> bool:
        """Say whether its addresses are found when it is called, and not before."""
        return self.type in (TRAVERSAL_SERVER, DNS, ENUM)

    @property
    def uris(self) -> tuple[str, ...]:
        return tuple(place.uri for place in self.places)

    def unfit(self, alias: str) -> str:
        """Say why an alias holds nothing that this zone could look up; empty where it does, or nothing is looked up."""
        if self.type == ENUM and not number_of(alias):
            return f"{alias} is no telephone number, which ENUM zone {self.name} needs"
        if self.type == DNS and not place_of(alias):
            return f"{alias} names no domain, which DNS zone {self.name} needs"
        return ""


def number_of(alias: str) -> str:
    """Give the digits of an alias that is a telephone number, for ENUM (RFC 6116 3.2); empty where it is none."""
    user = alias.partition("@")[0].removeprefix("+")
    digits = user.translate(_SEPARATORS)
    return digits if digits.isascii() and digits.isdigit() and len(digits) <= DIGITS_MAX else ""


def service_key(zone: Zone) -> str:
    """Name what is looked up for a neighbour that is found by SRV records: transport and domain."""
    return f"{zone.sip_transport}|{zone.service_domain}".lower()


def row_of(zone: Zone, names: Names) -> ZoneRow:
    """Make a zone ready for use."""
    return ZoneRow(
        name=zone.name,
        type=zone.type,
        hop_count=zone.hop_count,
        places=tuple(_places(zone, names)),
        authentication=zone.authentication,
        tls_verify=zone.tls_verify and (zone.type != NEIGHBOR or zone.sip_transport == "TLS"),
        tls_subject_name=zone.tls_subject_name,
        user_name=zone.user_name,
        monitored=zone.type == TRAVERSAL_CLIENT or (zone.type == NEIGHBOR and zone.monitor),
        retry_s=zone.retry_interval if zone.type == TRAVERSAL_CLIENT else 0,
        port=zone.traversal_port if zone.type == TRAVERSAL_SERVER else 0,
        registrations=zone.registrations == "Allow",
    )


def zone_of_ip(zones: Sequence[Zone], names: Names) -> dict[str, str]:
    """Say which neighbour an address is; one that stands in two zones belongs to the first."""
    enabled = [zone for zone in zones if zone.state == "Enabled" and zone.type == NEIGHBOR]
    return dict(reversed([(ip, zone.name) for zone in enabled for _, ip, _ in _reached(zone, names)]))


def flows_of(zones: Sequence[Zone], names: Names) -> dict[str, str]:
    """Say which traversal client's server an "address:port" is."""
    enabled = [zone for zone in zones if zone.state == "Enabled" and zone.type == TRAVERSAL_CLIENT]
    found = [(f"{ip}:{port}", zone.name) for zone in enabled for _, ip, port in _reached(zone, names)]
    return dict(reversed(found))


def _places(zone: Zone, names: Names) -> Iterator[Place]:
    transport = zone.sip_transport.lower() if zone.type == NEIGHBOR else "tls"
    seen: set[str] = set()
    for host, ip, port in _reached(zone, names):
        uri = f"sip:{f'[{ip}]' if ':' in ip else ip}:{port};transport={transport}"
        if uri not in seen:
            seen.add(uri)
            yield Place(host=host, uri=uri)


def _reached(zone: Zone, names: Names) -> Iterable[tuple[str, str, int]]:
    """Give host, IP address and port of everything that a zone's settings name."""
    if zone.type not in (NEIGHBOR, TRAVERSAL_CLIENT):
        return
    if zone.type == NEIGHBOR and zone.look_up == BY_SERVICE:
        found = names.services.get(service_key(zone), ())[: zone.service_peers]
        yield from ((one.host, plain_ip(ip), one.port) for one in found for ip in one.ips)
        return
    port = zone.sip_port if zone.type == NEIGHBOR else zone.traversal_port
    for peer in zone.peers:
        ips = (peer.address,) if is_ip(peer.address) else names.addresses.get(peer.address.lower(), ())
        yield from ((plain_ip(peer.address.lower()), plain_ip(ip), port) for ip in ips)
