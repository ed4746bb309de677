"""Every requirement that the system checks itself: stable id, what is expected, and what to do (facts 1.3, 9, 10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "failed", "unknown", "not applicable"]
STATES: tuple[State, ...] = ("failed", "unknown", "ok", "not applicable")  # worst first

ROUND_TRIP_MS_MAX = 80.0  # facts 1.3
CLOCK_S_MAX = 2.0  # our choice: logs of two peers still read in order, and a step of NTP's slew is far below
CERTIFICATE_DAYS_MIN = 30.0  # our choice: an authority's usual renewal takes days, and somebody may be on holiday
MEMORY_RATIO_MAX = 1.25  # our choice: hosts of one size differ by what firmware and hypervisor keep


@dataclass(frozen=True, slots=True)
class CheckType:
    """One kind of check; `expected` and `remedy` are shown beside what was measured."""

    id: str
    group: str
    title: str
    expected: str
    remedy: str
    of_the_way: bool = False  # what is measured depends on the peer that measures, not on the other one alone


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One check of one peer, as this system sees it."""

    id: str
    peer: int  # its place in the list; 0 = a stand-alone system
    peer_name: str  # as configured
    state: State
    measured: str
    expected: str
    remedy: str


_FIREWALL = "Open the port between the peers in every firewall on the way; `sextet ports` prints the rules."
_REQUEST = "Upload a certificate"

REACH_4372 = CheckType("reach-4372", "Reach", "Cluster communication", "TCP 4372 can be reached", _FIREWALL, True)
REACH_4371 = CheckType("reach-4371", "Reach", "Cluster recovery", "TCP 4371 can be reached", _FIREWALL, True)
REACH_1719 = CheckType("reach-1719", "Reach", "Bandwidth management", "UDP 1719 can be reached", _FIREWALL, True)
REACH_SIP = CheckType(
    "reach-sip", "Reach", "Calls between peers", "the SIP port for calls between peers can be reached", _FIREWALL, True
)
RTT = CheckType(
    "rtt",
    "Reach",
    "Round trip",
    f"at most {ROUND_TRIP_MS_MAX:.0f} ms",
    "Shorten the way between the peers, or give real-time traffic priority on it.",
    True,
)
NAT = CheckType(
    "nat",
    "Reach",
    "No NAT between the peers",
    "the address seen is the one configured",
    "Route the peers to each other without address translation; private addresses with public names need the cluster "
    "address mapping.",
    True,
)
INSIDE_INTERFACE = CheckType(
    "inside-interface",
    "Reach",
    "Inside interface",
    "the peer address is the inside interface's, of a single one on an E system a public address without static NAT",
    "Change the peer address to the inside interface's, or enter that in the cluster address mapping of its FQDN.",
)
CLOCK = CheckType(
    "clock",
    "Time",
    "Clocks agree",
    f"at most {CLOCK_S_MAX:.0f} s apart",
    "Let both hosts take their time from the same NTP servers.",
    True,
)
NTP = CheckType(
    "ntp",
    "Time",
    "Clock is kept by NTP",
    "the host's clock is synchronised",
    "Start an NTP client on the host and look whether its servers answer; enter the servers on System > Time.",
)
VERSION = CheckType(
    "version", "Same on every peer", "Software version", "the same version", "Upgrade every peer to the same version."
)
IP_VERSION = CheckType(
    "ip-version",
    "Same on every peer",
    "Cluster IP version",
    "the same version, and an address of it",
    "Choose the same cluster IP version on every peer, one in which every peer address resolves.",
)
H323_ON = CheckType(
    "h323-on",
    "Same on every peer",
    "H.323 mode",
    "On",
    "Turn H.323 mode on: Configuration > Protocols > H.323 (alarm 20018).",
)
TYPE_CE = CheckType(
    "type-ce", "Same on every peer", "C or E", "all of one type", "Build the cluster of peers of one type."
)
CAPACITY_CLASS = CheckType(
    "capacity-class",
    "Same on every peer",
    "Capacity",
    "the same capacity class on equivalent hosts: as many processors, about as much memory",
    "Choose the same class on every peer (Maintenance > Options); give hosts as many processors and as much memory.",
)
FEATURES = CheckType("features", "Same on every peer", "Options", "the same options", "Install the same options.")
DNS = CheckType(
    "dns",
    "Names",
    "DNS forward and reverse",
    "the name leads to the address, and the address back to the name",
    "Add the missing A, AAAA or PTR record, and enter on every peer a DNS server that knows them.",
    True,
)
DISTINCT_NAMES = CheckType(
    "distinct-names",
    "Names",
    "Names of their own",
    "a system name and a system host name that no other peer has",
    "Enter a different system name and system host name on every peer: System > Administration and DNS.",
)
NOT_A_ZONE_PEER = CheckType(
    "not-a-zone-peer",
    "Names",
    "Peers are not neighbours of each other",
    "no zone leads to a peer of this cluster",
    "Remove the peer's address from the zone: calls between peers need none.",
)
CERT_CHAIN = CheckType(
    "cert-chain",
    "Certificates",
    "Issuer",
    "a chain to a trusted authority",
    "Add the issuing authority to the trusted CA certificates of every peer, or use a certificate of one that is.",
)
CERT_NAME = CheckType(
    "cert-name",
    "Certificates",
    "Name",
    "the peer's name as configured is in the certificate",
    f"{_REQUEST} with the peer address as a subject alternative name, or correct the peer address.",
)
CERT_EKU_EXPIRY = CheckType(
    "cert-eku-expiry",
    "Certificates",
    "Usage and dates",
    f"for servers and clients, valid, {CERTIFICATE_DAYS_MIN:.0f} days or more left",
    f"{_REQUEST} for both usages, in time.",
)

TYPES: dict[str, CheckType] = {value.id: value for value in list(globals().values()) if isinstance(value, CheckType)}


def worst(states: list[State]) -> State:
    """Give the state that counts for several."""
    return min(states, key=STATES.index, default="unknown")
