"""Where does a request come from: our own endpoints, a neighbour zone, another peer, or nobody we know?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sextet.call.alias import plain_ip
from sextet.call.table import Table
from sextet.model.settings.local_zone import DEFAULT_SUBZONE
from sextet.model.settings.zones import DEFAULT_ZONE, LOCAL_ZONE


class SourceKind(StrEnum):
    """The four kinds of origin that rules and authentication tell apart."""

    LOCAL = "local"
    ZONE = "zone"
    DEFAULT = "default"
    PEER = "peer"


@dataclass(frozen=True, slots=True)
class Source:
    """The origin of a request; `name` is what search rules call it."""

    kind: SourceKind
    name: str
    number: int = 0  # of the peer
    subzone: str = ""  # of the Local Zone, where the caller is an endpoint of ours


LOCAL = Source(SourceKind.LOCAL, LOCAL_ZONE, subzone=DEFAULT_SUBZONE)
DEFAULT = Source(SourceKind.DEFAULT, DEFAULT_ZONE)


def source_of(
    table: Table, ip: str, peer: int | None, endpoint: bool = False, flow: str = "", zone: str = ""
) -> Source:
    """Name the origin of a request, by four questions in this order (facts 6.2, 7.1, 7.2):

    1. `peer`: did a peer of this cluster prove itself as its sender? Then peer n; such a request is already routed.
       The proof must come from that peer's own address, else it is nobody's.
    2. Did it come over a traversal connection: `zone` says whose client proved itself on it, `flow` ("address:port")
       is a traversal server's to which we connected? Then that zone. Else, is `ip` a neighbour's? Then that one.
       A zone comes before the endpoints, because a neighbour passes on requests of its own users, and our users' names
       in them prove nothing.
    3. `endpoint`: is the sender an endpoint of ours, because the connection or address it sends from holds a
       registration on this peer, or because it proved a credential of the local authentication database? Then the
       Local Zone. What the From header says is never enough.
    4. Else the Default Zone.
    """
    found = plain_ip(ip)
    if peer is not None:
        sender = table.peers.get(peer)
        return Source(SourceKind.PEER, sender.name, peer) if sender is not None and sender.ip == found else DEFAULT
    known = zone if zone in table.zones else table.zone_of_flow.get(flow) or table.zone_of_ip.get(found)
    if known is not None:
        return Source(SourceKind.ZONE, known)
    return LOCAL if endpoint else DEFAULT
