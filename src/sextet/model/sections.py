"""All settings, section by section, in the words, ranges and defaults of the original (facts 1.1, 5.8, 6.4, 7.1-7.4, appendix A).

A section's name is the first part of every path: `protocols.sip_udp`, `search_rules[LocalZoneMatch].priority`.
"""

from __future__ import annotations

from dataclasses import dataclass

from sextet.model.schema import (
    Applies,
    a_name,
    a_server,
    address,
    an_ip,
    choice,
    many,
    number,
    password,
    switch,
    text,
)  # fmt: skip

PEERS_MAX = 6  # guide, "規格"
PATTERN_TYPES = ("Exact", "Prefix", "Suffix", "Regex")
STATES = ("Enabled", "Disabled")
TRANSPORTS = ("TLS", "TCP", "UDP")
AUTHENTICATION = ("Do not check credentials", "Check credentials", "Treat as authenticated")


def _peer_address(n: int) -> str:
    field: str = address(label=f"Peer {n} address", peer=True, path=f"Alternates Peer {n} Address",
                         help=f"The IP address or FQDN of peer {n}; the same list in the same order on every peer, without gaps.")  # fmt: skip
    return field


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server of a list, in the order in which it is asked."""

    address: str = address(label="Address", help="The server's IP address or name, with :port where it is not the standard one.", mandatory=True, check=a_server)


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """System > Administration, DNS and Time: who this peer is and which servers it asks."""

    name: str = text(high=50, label="System name", peer=True, path="SystemUnit Name", help="The name by which this peer is shown; different on every peer.")
    dns_host_name: str = text(high=63, label="System host name", peer=True, path="IP DNS Hostname", check=a_name,
                              help="The first part of this peer's FQDN; different on every peer.")  # fmt: skip
    dns_domain_name: str = text(label="Domain name", peer=True, path="IP DNS Domain Name", check=a_name, help="The DNS domain of this peer.")
    dns_servers: tuple[Server, ...] = many(Server, 5, label="DNS servers", peer=True, path="DNS Server", help="Up to five DNS servers, asked in this order; none means the resolver of the host.")
    ntp_servers: tuple[Server, ...] = many(Server, 5, label="NTP servers", peer=True, path="NTP Server", help="Up to five time servers.")


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressMapping:
    """One row of the cluster address mapping (facts 9.4)."""

    fqdn: str = text(label="FQDN", mandatory=True, check=a_name, help="The peer's FQDN as it stands in the peer address fields and in its certificate.")
    ip: str = text(high=39, label="IP", mandatory=True, check=an_ip, help="The peer's private IP address, asked before DNS.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clustering:
    """System > Clustering, with the guide's fields."""

    cluster_name: str = text(label="Cluster name (FQDN for Provisioning)", peer=True, check=a_name, path="Alternates Cluster Name",
                             help="The FQDN of the cluster, the same on every peer.")  # fmt: skip
    configuration_primary: int = number(1, 1, PEERS_MAX, label="Configuration primary", peer=True, path="Alternates ConfigurationPrimary",
                                        help="The number of the peer whose configuration all others take over.")  # fmt: skip
    cluster_ip_version: str = choice("IPv4", ("IPv4", "IPv6"), label="Cluster IP version", peer=True, help="The IP version used between the peers, the same on every peer.")
    tls_verification_mode: str = choice("Permissive", ("Permissive", "Enforce"), label="TLS verification mode", path="clusterConfiguration tls_verify",
                                        help="Permissive encrypts between peers without checking certificates; Enforce also checks issuer, dates, name and address.")  # fmt: skip
    changes_take_effect: str = choice("At once", ("At once", "At restart"), label="Cluster changes take effect",
                                      help="Whether changes on this page apply when saved, or, as in the original, when the peer restarts.")  # fmt: skip
    peer_1_address: str = _peer_address(1)
    peer_2_address: str = _peer_address(2)
    peer_3_address: str = _peer_address(3)
    peer_4_address: str = _peer_address(4)
    peer_5_address: str = _peer_address(5)
    peer_6_address: str = _peer_address(6)
    address_mapping_enabled: bool = switch(False, label="Cluster address mapping enabled", help="Whether peer names are looked up in the mapping below before DNS.")
    address_mappings: tuple[AddressMapping, ...] = many(AddressMapping, PEERS_MAX, label="Cluster address mappings", path="Cluster Address Mapping",
                                                        help="FQDN and private IP address of every peer.")  # fmt: skip

    @property
    def peers(self) -> tuple[str, ...]:
        """The peer list up to its last filled row; a gap shows as an empty entry."""
        rows = [getattr(self, f"peer_{n}_address") for n in range(1, PEERS_MAX + 1)]
        while rows and not rows[-1]:
            rows.pop()
        return tuple(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocols:
    """Configuration > Protocols: which protocols and transports are on, and how often endpoints refresh."""

    sip_mode: bool = switch(True, label="SIP mode", path="SIP Mode", applies=Applies.RESTART, help="Whether this cluster is a SIP registrar and proxy.")
    sip_udp: bool = switch(False, label="UDP mode", path="SIP UDP Mode", applies=Applies.RESTART, help="Whether SIP over UDP is accepted.")
    sip_udp_port: int = number(5060, 1024, 65534, label="UDP port", path="SIP UDP Port", applies=Applies.RESTART, help="The port for SIP over UDP.")
    sip_tcp: bool = switch(False, label="TCP mode", path="SIP TCP Mode", applies=Applies.RESTART, help="Whether SIP over TCP is accepted.")
    sip_tcp_port: int = number(5060, 1024, 65534, label="TCP port", path="SIP TCP Port", applies=Applies.RESTART, help="The port for SIP over TCP.")
    sip_tls: bool = switch(True, label="TLS mode", path="SIP TLS Mode", applies=Applies.RESTART, help="Whether SIP over TLS is accepted; peers also need it among themselves.")
    sip_tls_port: int = number(5061, 1024, 65534, label="TLS port", path="SIP TLS Port", applies=Applies.RESTART, help="The port for SIP over TLS.")
    standard_refresh_strategy: str = choice("Maximum", ("Maximum", "Variable"), label="Standard registration refresh strategy", path="SIP Registration Standard Refresh Strategy",
                                            help="Maximum grants the smaller of the maximum and what was asked for; Variable a random time between the minimum and that.")  # fmt: skip
    standard_refresh_minimum: int = number(45, 30, 3600, unit="s", label="Standard registration refresh minimum", path="SIP Registration Standard Refresh Minimum",
                                           help="Shorter registrations are refused with 423 Interval Too Brief.")  # fmt: skip
    standard_refresh_maximum: int = number(60, 30, 7200, unit="s", label="Standard registration refresh maximum", path="SIP Registration Standard Refresh Maximum",
                                           help="The longest registration that is granted.")  # fmt: skip
    outbound_refresh_strategy: str = choice("Variable", ("Maximum", "Variable"), label="Outbound registration refresh strategy", path="SIP Registration Outbound Refresh Strategy",
                                            help="The refresh strategy for registrations with SIP outbound (RFC 5626).")  # fmt: skip
    outbound_refresh_minimum: int = number(300, 30, 7200, unit="s", label="Outbound registration refresh minimum", path="SIP Registration Outbound Refresh Minimum",
                                           help="The shortest outbound registration that is accepted.")  # fmt: skip
    outbound_refresh_maximum: int = number(3600, 30, 7200, unit="s", label="Outbound registration refresh maximum", path="SIP Registration Outbound Refresh Maximum",
                                           help="The longest outbound registration that is granted.")  # fmt: skip
    h323_mode: bool = switch(False, label="H.323 mode", path="H323 Mode", help="Whether H.323 is on; a cluster needs it on every peer, since peers talk H.323 to each other.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """One SIP domain for which this cluster is the registrar."""

    name: str = text(label="Domain name", mandatory=True, check=a_name, help="The domain part of the addresses that endpoints register.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """Configuration > Authentication: who has to prove who they are, with digest (RFC 3261 22)."""

    local_zone: str = choice("Check credentials", AUTHENTICATION, label="Default Subzone authentication policy", path="Zones LocalZone DefaultSubZone Authentication Mode",
                             help="How requests of registering and registered endpoints are authenticated.")  # fmt: skip
    default_zone: str = choice("Do not check credentials", AUTHENTICATION, label="Default Zone authentication policy", path="Zones DefaultZone Authentication Mode",
                               help="How requests of unknown senders are authenticated.")  # fmt: skip
    nonce_lifetime: int = number(300, 30, 3600, unit="s", label="Nonce expire delta", path="SIP Authentication Digest Nonce ExpireDelta", applies=Applies.RESTART,
                                 help="How long a digest challenge may be answered; valid on every peer of the cluster.")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One name and password of the local authentication database."""

    name: str = text(mandatory=True, label="Name", help="The user name that the endpoint sends in its digest.")
    password: str = password(label="Password", mandatory=True, help="The password that the endpoint knows.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPattern:
    """One entry of the registration allow or deny list."""

    pattern: str = text(high=60, mandatory=True, label="Pattern string", help="What the registering alias is compared with.")
    pattern_type: str = choice("Exact", PATTERN_TYPES, label="Pattern type", help="How the pattern is compared: whole, at the start, at the end, or as a regular expression.")
    description: str = text(high=64, label="Description", help="A note for administrators.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Configuration > Registration: who may register (facts 7.8)."""

    restriction_policy: str = choice("None", ("None", "Allow List", "Deny List"), label="Restriction policy", path="Registration RestrictionPolicy Mode",
                                     help="Whether only listed aliases may register, or all but the listed ones.")  # fmt: skip
    allow_list: tuple[PolicyPattern, ...] = many(PolicyPattern, 2500, label="Allow list", path="Registration AllowList", help="Aliases that may register.")
    deny_list: tuple[PolicyPattern, ...] = many(PolicyPattern, 2500, label="Deny list", path="Registration DenyList", help="Aliases that may not register.")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Transform:
    """One pre-search transform; the first that matches changes the alias (facts 7.1)."""

    priority: int = number(1, 1, 65534, label="Priority", path="Transform Priority", help="The order of the transforms; unique, 1 first.")
    pattern: str = text(high=60, mandatory=True, label="Pattern string", help="What the dialled alias is compared with.")
    pattern_type: str = choice("Prefix", PATTERN_TYPES, label="Pattern type", help="How the pattern is compared.")
    behavior: str = choice("Strip", ("Strip", "Replace", "Add Prefix", "Add Suffix"), label="Pattern behavior", help="What is done to the part that matched.")
    replace: str = text(high=60, label="Replace string", help="What replaces the matched part, or is added.")
    description: str = text(high=64, label="Description", help="A note for administrators.")
    state: str = choice("Enabled", STATES, label="State", help="Whether the transform is used.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRule:
    """One search rule: which aliases are looked for where (facts 7.1)."""

    name: str = text(low=1, high=50, mandatory=True, label="Rule name", help="The name shown in histories and in the Reason of refusals.")
    description: str = text(high=64, label="Description", help="A note for administrators.")
    priority: int = number(100, 1, 65534, label="Priority", help="Rules of one priority are tried together, 1 first.")
    protocol: str = choice("Any", ("Any", "SIP", "H323"), label="Protocol", help="Which protocol the request must come with.")
    source: str = choice("Any", ("Any", "All zones", "Local Zone", "Named"), label="Source", help="Where the request must come from.")
    source_name: str = text(high=50, label="Source name", help="The zone, where the source is Named.")
    authenticated: bool = switch(False, label="Request must be authenticated", path="Zones Policy SearchRules Rule Authentication", help="Whether only authenticated requests match.")
    mode: str = choice("Any alias", ("Alias pattern match", "Any alias", "Any IP address"), label="Mode", help="Which kind of destination the rule is for.")
    pattern_type: str = choice("Prefix", PATTERN_TYPES, label="Pattern type", help="How the pattern is compared.")
    pattern: str = text(high=60, label="Pattern string", help="What the alias is compared with, in the mode Alias pattern match.")
    behavior: str = choice("Strip", ("Strip", "Leave", "Replace"), label="Pattern behavior", help="What is done to the part that matched before the target is asked.")
    replace: str = text(high=60, label="Replace string", help="What replaces the matched part.")
    on_match: str = choice("Continue", ("Continue", "Stop"), label="On successful match", path="Zones Policy SearchRules Rule Progress", help="Stop ends the search after the rules of this priority.")
    target: str = text(high=50, mandatory=True, label="Target", help="LocalZone, or the name of the zone to ask.")
    state: str = choice("Enabled", STATES, label="State", help="Whether the rule is used.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Administrator:
    """One account for web page and command line."""

    name: str = text(low=1, high=64, mandatory=True, label="Name", help="The name to log in with.")
    password_hash: str = text(high=255, mandatory=True, label="Password", secret=True, help="The password, stored only as a salted hash.")
    access_level: str = choice("Read-write", ("Read-write", "Read-only"), label="Access level", help="Whether the account may change anything.")
    state: str = choice("Enabled", STATES, label="State", help="Whether the account may log in.")


SYSLOG_LEVELS = ("emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug")  # RFC 5424 6.2.1


@dataclass(frozen=True, slots=True, kw_only=True)
class SyslogServer:
    """One remote syslog server (facts 11.6)."""

    address: str = address(label="Address", mandatory=True, help="The server's IP address or name.")
    port: int = number(514, 1, 65535, label="Port", help="The server's port; 6514 is usual for TLS.")
    transport: str = choice("UDP", ("UDP", "TCP", "TLS"), label="Transport", help="UDP loses lines without notice; TLS also checks the server's certificate and name.")
    level: str = choice("informational", SYSLOG_LEVELS, label="Severity", help="Lines of this severity and worse are sent.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Logging:
    """Maintenance > Logging: how much is logged, and where copies go."""

    log_level: int = number(1, 1, 4, label="Log level", peer=True, path="Log Level",
                            help="At 1 calls, registrations and changes are logged; at 2 also each step of the links to other peers; at 3 and 4 also messages between peers.")  # fmt: skip
    syslog_servers: tuple[SyslogServer, ...] = many(SyslogServer, 4, label="Remote syslog servers", peer=True, path="Remote Syslog",
                                                    help="Up to four servers that get a copy of every line of the Event log (RFC 5424).")  # fmt: skip


LOCAL_ZONE = "LocalZone"
DEFAULT_RULES = (SearchRule(name="LocalZoneMatch", priority=50, behavior="Leave", target=LOCAL_ZONE, description="Default rule: queries the Local Zone for any alias"),)  # facts 7.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """The whole configuration of one peer: shared settings and its own (†), section by section, in menu order."""

    system: System = System()
    clustering: Clustering = Clustering()
    protocols: Protocols = Protocols()
    domains: tuple[Domain, ...] = many(Domain, 200, label="Domains", path="SIP Domain", help="The SIP domains of this cluster.")
    authentication: Authentication = Authentication()
    credentials: tuple[Credential, ...] = many(Credential, 5000, label="Local authentication database", path="Credential", help="Names and passwords of endpoints.")
    registration: Registration = Registration()
    zones: tuple[Zone, ...] = many(Zone, 1000, label="Zones", path="Zones Zone", help="Neighbour zones.")
    transforms: tuple[Transform, ...] = many(Transform, 100, label="Transforms", path="Transform", help="Changes to the dialled alias before the search.")
    search_rules: tuple[SearchRule, ...] = many(SearchRule, 2000, default=DEFAULT_RULES, label="Search rules", path="Zones Policy SearchRules Rule", help="Which aliases are looked for where.")
    administrators: tuple[Administrator, ...] = many(Administrator, 200, label="Administrator accounts", path="Administration Accounts", help="Who may log in.")
    logging: Logging = Logging()


KEYS: dict[type, str] = {  # which setting names an item of a list
    Server: "address", AddressMapping: "fqdn", Domain: "name", Credential: "name", PolicyPattern: "pattern", ZonePeer: "address",
    Zone: "name", Transform: "priority", SearchRule: "name", Administrator: "name",
    SyslogServer: "address",
}  # fmt: skip
