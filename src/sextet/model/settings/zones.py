"""Configuration > Zones: other systems that calls go to and come from (facts 7.2)."""

from __future__ import annotations

from dataclasses import dataclass

from sextet.model.schema import address, choice, many, number, switch, text
from sextet.model.settings.words import AUTHENTICATION, STATES, TRANSPORTS

LOCAL_ZONE = "LocalZone"


@dataclass(frozen=True, slots=True, kw_only=True)
class ZonePeer:
    """One address of a neighbour zone."""

    address: str = address(label="Address", help="The neighbour's IP address or FQDN.", mandatory=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """One neighbour zone: another SIP server, or a cluster of up to six (facts 7.2)."""

    name: str = text(low=1, high=50, mandatory=True, label="Name", help="The name by which search rules target this zone.")
    hop_count: int = number(15, 1, 255, label="Hop count", path="Zones Zone HopCount", help="The largest Max-Forwards sent to this zone.")
    sip_port: int = number(5061, 1024, 65534, label="SIP port", help="The neighbour's SIP port.")
    sip_transport: str = choice("TLS", TRANSPORTS, label="SIP transport", help="The transport used towards the neighbour.")
    tls_verify: bool = switch(False, label="TLS verify mode", help="Whether the neighbour's certificate must be trusted and name its address.")
    authentication: str = choice("Do not check credentials", AUTHENTICATION, label="Authentication policy", help="How requests from this zone are authenticated.")
    peers: tuple[ZonePeer, ...] = many(ZonePeer, 6, label="Peers", help="Up to six addresses of the neighbour, used in turn.")
    state: str = choice("Enabled", STATES, label="State", help="Whether calls go to and come from this zone.")
