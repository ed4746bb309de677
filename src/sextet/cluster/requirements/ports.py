"""Which ports the peers of a cluster need between them (facts 10.1): as a table, and as rules for nftables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sextet.cluster.disk.recovery import PORT as RECOVERY_PORT
from sextet.cluster.wire.dial import SOURCE_PORTS
from sextet.cluster.wire.links import PORT
from sextet.model.settings.protocols import Protocols

BANDWIDTH_PORT = 1719
FROM = f"{SOURCE_PORTS[0]}-{SOURCE_PORTS[1]}"
ANY = "1024-65535"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One peer as a firewall knows it."""

    number: int
    name: str
    ip: str  # "" while its name does not resolve
    this_system: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One line of the port table."""

    purpose: str
    protocol: str  # as the table says
    source_ports: str  # "" where the protocol has none
    destination_ports: str
    check: str = ""  # the check that tries it
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One flow from all other peers to one."""

    to: int
    to_name: str
    destination: str
    sources: tuple[str, ...]
    flow: Flow


BEFORE_X88 = (
    Flow(
        purpose="Cluster database synchronization (IPSec AH)",
        protocol="IP protocol 51",
        source_ports="",
        destination_ports="",
    ),
    Flow(purpose="Key exchange between peers (ISAKMP)", protocol="UDP", source_ports="500", destination_ports="500"),
    Flow(purpose="Cluster recovery", protocol="UDP", source_ports=FROM, destination_ports="4371"),
    Flow(purpose="Cluster communication", protocol="TCP", source_ports=FROM, destination_ports="4369-4380"),
    Flow(
        purpose="Bandwidth management (Expressway-C cluster only)",
        protocol="UDP",
        source_ports="1719",
        destination_ports="1719",
    ),
)


def flows(protocols: Protocols) -> tuple[Flow, ...]:
    """List what peers of this version send each other: the table since X8.8, and the calls between them."""
    recovery, bandwidth = str(RECOVERY_PORT), str(BANDWIDTH_PORT)
    table = (
        Flow(
            purpose="Cluster recovery",
            protocol="TCP",
            source_ports=FROM,
            destination_ports=recovery,
            check="reach-4371",
        ),
        Flow(
            purpose="Cluster communication",
            protocol="TLS",
            source_ports=FROM,
            destination_ports=str(PORT),
            check="reach-4372",
        ),
        Flow(
            purpose="Bandwidth management",
            protocol="UDP",
            source_ports=bandwidth,
            destination_ports=bandwidth,
            check="reach-1719",
        ),
    )
    return table + _calls(protocols)


def plan(places: Sequence[Place], wanted: Sequence[Flow]) -> tuple[Rule, ...]:
    """Let every peer be reached by all others."""
    return tuple(
        Rule(
            to=place.number,
            to_name=place.name,
            destination=place.ip,
            sources=tuple(other.ip or other.name for other in places if other.number != place.number),
            flow=flow,
        )
        for place in places
        for flow in wanted
        if len(places) > 1
    )


def nftables(places: Sequence[Place], wanted: Sequence[Flow]) -> str:
    """Write rules for the host of this system: the cluster ports for the other peers, and for nobody else."""
    own = next((place for place in places if place.this_system), None)
    others = [place for place in places if not place.this_system]
    if own is None or not others:
        return "# This system is in no cluster: no peer needs a port of it.\n"
    reachable = sorted(place.ip for place in others if place.ip)
    family, kind = ("ip6", "ipv6_addr") if ":" in own.ip else ("ip", "ipv4_addr")
    elements = f" elements = {{ {', '.join(reachable)} }}" if reachable else ""
    here = f"{family} daddr {own.ip}"
    lines = [
        f"# The cluster ports of {own.name}, {own.ip}, are for its peers. Load with: nft -f FILE",
        *(f"# {place.name} does not resolve; add its address to the set." for place in others if not place.ip),
        "table inet sextet_cluster",
        "delete table inet sextet_cluster",
        "table inet sextet_cluster {",
        f"  set peers {{ type {kind};{elements} }}",
        "  chain input {",
        "    type filter hook input priority filter - 10; policy accept;",
        *(f"    {here} {family} saddr @peers {_match(flow)} accept comment {_quoted(flow.purpose)}" for flow in wanted),
        # 1719 and SIP are for endpoints as well: only what none but peers use is closed to others (facts 10.3).
        f"    {here} tcp dport {{ {RECOVERY_PORT}, {PORT} }} drop",
        "  }",
        "}",
    ]
    return "\n".join(lines) + "\n"


def call_port(protocols: Protocols) -> tuple[str, int] | None:
    """Give the transport and port of calls between peers, the first that is on; None: they send each other none."""
    transports = (
        ("TLS", protocols.sip_tls, protocols.sip_tls_port),
        ("TCP", protocols.sip_tcp, protocols.sip_tcp_port),
        ("UDP", protocols.sip_udp, protocols.sip_udp_port),
    )
    return next(((kind, port) for kind, is_on, port in transports if is_on and protocols.sip_mode), None)


def _calls(protocols: Protocols) -> tuple[Flow, ...]:
    if (on := call_port(protocols)) is None:
        return ()
    kind, port = on
    return (
        Flow(
            purpose="SIP",
            protocol=kind,
            source_ports=str(port) if kind == "UDP" else ANY,
            destination_ports=str(port),
            check="reach-sip",
            note="sextet: calls that pass two peers",
        ),
    )


def _match(flow: Flow) -> str:
    transport = "udp" if flow.protocol == "UDP" else "tcp"
    return f"{transport} sport {flow.source_ports} {transport} dport {flow.destination_ports}"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', "") + '"'
