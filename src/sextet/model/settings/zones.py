"""Configuration > Zones: other systems that calls go to and come from (facts 7.2)."""

from __future__ import annotations

from dataclasses import dataclass

from sextet.model.schema import a_name, address, choice, many, number, password, switch, text
from sextet.model.settings.words import AUTHENTICATION, PATTERN_TYPES, STATES, TRANSPORTS

LOCAL_ZONE = "LocalZone"
DEFAULT_ZONE = "DefaultZone"
NODES = ("subzones", "zones")  # the lists of what a call comes from and what a link joins
NEIGHBOR, DNS, ENUM, TRAVERSAL_CLIENT, TRAVERSAL_SERVER = "Neighbor", "DNS", "ENUM", "Traversal client", "Traversal server"
TYPES = (NEIGHBOR, TRAVERSAL_CLIENT, TRAVERSAL_SERVER, ENUM, DNS)
BY_ADDRESS, BY_SERVICE = "Address", "Service record"


def _of(*types: str) -> tuple[str, tuple[str, ...]]:
    return "type", types


@dataclass(frozen=True, slots=True, kw_only=True)
class ZonePeer:
    """One address of a neighbour or of a traversal server."""

    address: str = address(label="Address", path="Address", help="The IP address or FQDN of one peer of the other system.", mandatory=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """One zone; which of its settings count depends on its type."""

    name: str = text(low=1, high=50, mandatory=True, label="Name", path="Name", help="The name by which search rules target this zone.")
    type: str = choice(NEIGHBOR, TYPES, fixed=True, label="Type", path="Type", help="What the zone is; it cannot be changed later.")
    hop_count: int = number(15, 1, 255, label="Hop count", path="HopCount", help="The largest Max-Forwards sent to this zone.")
    look_up: str = choice(BY_ADDRESS, (BY_ADDRESS, BY_SERVICE), when=_of(NEIGHBOR), label="Look up peers by", help="Whether the neighbour's peers are listed here or found by the SRV records of a domain.")
    peers: tuple[ZonePeer, ...] = many(ZonePeer, 6, when=_of(NEIGHBOR, TRAVERSAL_CLIENT), label="Peers", path="{type} Peer", help="Up to six addresses of the other system's peers; their order does not matter.")
    service_domain: str = text(when=("look_up", (BY_SERVICE,)), label="Service domain", check=a_name, help="The domain whose SRV records name the neighbour's peers.")
    service_peers: int = number(15, 1, 30, when=("look_up", (BY_SERVICE,)), label="Maximum SRV peers", path="Neighbor SRV MaxPeers", help="How many of the peers that SRV records name are used.")
    sip_port: int = number(5061, 1024, 65534, when=_of(NEIGHBOR), label="SIP port", path="Neighbor SIP Port", help="The neighbour's SIP port.")
    sip_transport: str = choice("TLS", TRANSPORTS, when=_of(NEIGHBOR), label="SIP transport", path="Neighbor SIP Transport", help="The transport used towards the neighbour.")
    traversal_port: int = number(7001, 1024, 65534, when=_of(TRAVERSAL_CLIENT, TRAVERSAL_SERVER), label="Traversal port", path="{type} SIP Port",
                                 help="The TLS port of the traversal server; each traversal server zone has its own, from 7001.")  # fmt: skip
    user_name: str = text(when=_of(TRAVERSAL_CLIENT, TRAVERSAL_SERVER), label="User name", path="{type} Authentication UserName",
                          help="By which the traversal client proves who it is; the server finds its password in the local authentication database.")  # fmt: skip
    password: str = password(215, when=_of(TRAVERSAL_CLIENT), label="Password", path="TraversalClient Authentication Password", help="The password that the traversal server knows for the user name.")
    retry_interval: int = number(120, 1, 65534, unit="s", when=_of(TRAVERSAL_CLIENT), label="Retry interval", path="TraversalClient RetryInterval",
                                 help="The longest time between attempts to reach a traversal server that does not answer.")  # fmt: skip
    dns_suffix: str = text(when=_of(ENUM), label="DNS suffix", check=a_name, path="ENUM DNSSuffix", help="What is appended to the reversed number to make the name that is asked for.")
    default_transport: str = choice("UDP", TRANSPORTS, when=_of(DNS), label="Default transport", path="DNS SIP Default Transport",
                                    help="The transport to IP addresses, and where a domain has no NAPTR and SRV records.")  # fmt: skip
    include_address_record: bool = switch(False, when=_of(DNS), label="Include address record", path="DNS IncludeAddressRecord",
                                          help="Whether a domain without NAPTR and SRV records is called at its A or AAAA record.")  # fmt: skip
    tls_verify: bool = switch(False, when=_of(NEIGHBOR, TRAVERSAL_CLIENT, TRAVERSAL_SERVER, DNS), label="TLS verify mode", path="{type} SIP TLS Verify Mode", help="Whether the other side's certificate must be trusted and name it.")
    tls_subject_name: str = text(when=_of(TRAVERSAL_SERVER, DNS), label="TLS verify subject name", path="{type} SIP TLS Verify Subject Name",
                                 help="The name that must stand in the certificate: of a traversal client the FQDN of its cluster; empty for a DNS zone: the domain called.")  # fmt: skip
    monitor: bool = switch(True, when=_of(NEIGHBOR), label="Monitor peer status", path="Neighbor Monitor", help="Whether the peers are asked with OPTIONS all the time; calls pass over those that do not answer.")
    authentication: str = choice("Do not check credentials", AUTHENTICATION, when=_of(NEIGHBOR, TRAVERSAL_CLIENT, TRAVERSAL_SERVER), label="Authentication policy", path="{type} Authentication Mode", help="How requests from this zone are authenticated.")
    registrations: str = choice("Allow", ("Allow", "Deny"), when=_of(NEIGHBOR, TRAVERSAL_CLIENT, TRAVERSAL_SERVER), label="Accept proxied registrations", path="{type} Registrations",
                                help="Whether the system of this zone may carry registrations of its endpoints to this registrar.")  # fmt: skip
    state: str = choice("Enabled", STATES, label="State", help="Whether calls go to and come from this zone.")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRule:
    """One rule about strangers: which certificates may call through the Default Zone (facts 7.2)."""

    name: str = text(low=1, high=50, mandatory=True, label="Rule name", help="The name shown in the Reason of refusals.")
    description: str = text(high=64, label="Description", help="A note for administrators.")
    priority: int = number(100, 1, 65534, label="Priority", help="The order of the rules, 1 first; of one priority, that of the list.")
    pattern_type: str = choice("Regex", PATTERN_TYPES, label="Pattern type", help="How the pattern is compared.")
    pattern: str = text(high=128, mandatory=True, label="Pattern string", help="What the common name and every subject alternative name of the certificate are compared with.")
    action: str = choice("Allow", ("Allow", "Deny"), label="Action", help="What is done with requests over a connection whose certificate matches.")
    state: str = choice("Enabled", STATES, label="State", help="Whether the rule is used.")


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultZone:
    """Configuration > Zones > Default Zone: everybody who is not recognised."""

    use_access_rules: bool = switch(False, label="Use Default Zone access rules", help="Whether strangers need TLS and a certificate that an access rule allows; what no rule matches is refused.")
    access_rules: tuple[AccessRule, ...] = many(AccessRule, 10000, label="Access rules", help="Which certificates may call through the Default Zone.")
