"""Does each zone have what its type needs, and do the zones go together (facts 7.2, 9.6)?"""

from __future__ import annotations

from collections.abc import Iterator

from sextet.model.config import item_path
from sextet.model.schema import Problem, setting
from sextet.model.sections import Root
from sextet.model.settings.zones import (
    BY_SERVICE,
    DEFAULT_ZONE,
    DNS,
    ENUM,
    LOCAL_ZONE,
    NEIGHBOR,
    TRAVERSAL_CLIENT,
    TRAVERSAL_SERVER,
    Zone,
)
from sextet.model.validation.patterns import pattern
from sextet.model.validation.protocols import TAKEN_PORTS

BUILT_IN = (LOCAL_ZONE, "Local Zone", DEFAULT_ZONE)
_NEEDED = {
    ENUM: ("dns_suffix",),
    TRAVERSAL_CLIENT: ("peers", "user_name", "password"),
    TRAVERSAL_SERVER: ("user_name",),
    NEIGHBOR: (),
    DNS: (),
}


def zones(whole: Root, before: Root | None) -> Iterator[Problem]:
    """Yield everything that is wrong with the zones; `before` is the configuration that is replaced."""
    types = {zone.name: zone.type for zone in before.zones} if before is not None else {}
    servers: dict[int, str] = {}
    for zone in whole.zones:
        path = item_path("zones", zone.name)
        if zone.name.lower() in {name.lower() for name in BUILT_IN}:
            yield Problem(f"{path}.name", f"Name: {zone.name} is built in; choose another name.")
        if types.get(zone.name, zone.type) != zone.type:
            was = types[zone.name]
            sentence = f"Type: zone {zone.name} is a {was} zone and stays one; remove it and add another."
            yield Problem(f"{path}.type", sentence)
        yield from _needed(path, zone)
        if zone.type == TRAVERSAL_SERVER:
            yield from _server(path, zone, whole, servers)
            servers.setdefault(zone.traversal_port, zone.name)


def access_rules(whole: Root) -> Iterator[Problem]:
    """Yield what is wrong with the access rules of the Default Zone."""
    for rule in whole.default_zone.access_rules:
        path = item_path("default_zone.access_rules", rule.name)
        yield from pattern(f"{path}.pattern", rule.pattern_type, rule.pattern)
    if whole.default_zone.use_access_rules and not whole.protocols.sip_tls:
        yield Problem(
            "default_zone.use_access_rules",
            "Use Default Zone access rules: nobody has a certificate while TLS mode is Off; turn that On first.",
        )


def _needed(path: str, zone: Zone) -> Iterator[Problem]:
    needed = list(_NEEDED[zone.type])
    if zone.type == NEIGHBOR and zone.look_up == BY_SERVICE:
        needed.append("service_domain")
    if zone.type == TRAVERSAL_SERVER and zone.tls_verify:
        needed.append("tls_subject_name")
    article = "an" if zone.type[0] in "AEIOU" else "a"
    for name in needed:
        if not getattr(zone, name):
            label = setting(Zone, name).label
            yield Problem(f"{path}.{name}", f"{label}: {article} {zone.type} zone needs it; enter one.")


def _server(path: str, zone: Zone, whole: Root, servers: dict[int, str]) -> Iterator[Problem]:
    """A traversal server listens on a port of its own and asks for a password that it has itself."""
    protocols, port = whole.protocols, zone.traversal_port
    taken = TAKEN_PORTS | {protocols.sip_tcp_port: "SIP over TCP", protocols.sip_tls_port: "SIP over TLS"}
    taken |= {number: f"zone {name}" for number, name in servers.items()}
    if port in taken:
        yield Problem(f"{path}.traversal_port", f"Traversal port: {port} is for {taken[port]}; choose another.")
    if zone.user_name and zone.user_name not in {row.name for row in whole.credentials}:
        yield Problem(
            f"{path}.user_name",
            f"User name: {zone.user_name} is not in the local authentication database; add it there with its password.",
        )
