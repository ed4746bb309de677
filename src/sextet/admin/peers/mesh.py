"""Which peer sees which: the worst of both directions for every pair, and half-open pairs shown as such."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sextet.cluster.face import ClusterStatus, Face, Member
from sextet.model.status import LinkStatus, PeerStatus

WORDS = {"LIVE": "live", "SYNCHRONISING": "joining", "CONNECTING": "joining", "DOWN": "down", "DISABLED": "disabled"}
_WORST = ("down", "disabled", "joining", "unknown", "live")  # of two directions that are not one live and one down


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """How one peer sees another."""

    state: str  # live joining down disabled unknown
    reason: str = ""
    round_trip_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One peer of the picture."""

    number: int
    name: str
    address: str
    state: str  # live joining down unknown: as this peer knows it
    this_system: bool
    primary: bool
    in_step: bool
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One pair of peers; `there` is how `a` sees `b`, `back` how `b` sees `a`."""

    a: int
    b: int
    state: str  # live joining half-open down disabled unknown
    there: Sight
    back: Sight
    round_trip_ms: float
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mesh:
    """The picture and its table twin."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    @property
    def broken(self) -> tuple[Edge, ...]:
        """Those pairs that do not see each other both ways, as far as it is known."""
        return tuple(edge for edge in self.edges if edge.state in ("down", "half-open", "disabled"))


def mesh(face: Face) -> Mesh:
    """Draw what is known on this peer; what a silent peer last said is not taken for the present."""
    status = face.status()
    heard = {owned.number: owned.row for owned in face.statuses() if not owned.stale}
    sights = _sights(status, heard)
    nodes = tuple(_node(member) for member in status.members)
    pairs = [(a, b) for a in nodes for b in nodes if a.number < b.number]
    return Mesh(nodes=nodes, edges=tuple(_edge(a, b, sights) for a, b in pairs))


def peer_name(member: Member) -> str:
    """Call a peer by its host name where it said one, else by its address."""
    return (member.status.host_name if member.status else "") or member.address


def _sights(status: ClusterStatus, heard: Mapping[int, PeerStatus]) -> dict[tuple[int, int], Sight]:
    numbers = {member.address.lower(): member.number for member in status.members}
    sights: dict[tuple[int, int], Sight] = {}
    for number, row in heard.items():
        for link in row.links:
            if link.peer.lower() in numbers:
                sights[number, numbers[link.peer.lower()]] = _sight(link)
    own = status.number
    for member in status.members:
        if member.link is not None and own:
            sights[own, member.number] = _sight(member.link)
    return sights


def _sight(link: LinkStatus) -> Sight:
    # A lost peer is dialled every few seconds; that is no reason to take the link for one that is coming up.
    state = "down" if link.state == "CONNECTING" and link.tried else WORDS.get(link.state, "unknown")
    return Sight(state=state, reason=link.reason, round_trip_ms=link.round_trip_ms)


def _node(member: Member) -> Node:
    link = WORDS.get(member.link.state, "unknown") if member.link else "unknown"
    state = "live" if member.clustering_ok else "joining" if link == "live" else link
    return Node(
        number=member.number,
        name=peer_name(member),
        address=member.address,
        state=state,
        this_system=member.this_system,
        primary=member.primary,
        in_step=member.in_step,
        sentence=member.clustering,
    )


def _edge(a: Node, b: Node, sights: Mapping[tuple[int, int], Sight]) -> Edge:
    there = sights.get((a.number, b.number)) or Sight(state="unknown", reason=f"{a.name} cannot be asked")
    back = sights.get((b.number, a.number)) or Sight(state="unknown", reason=f"{b.name} cannot be asked")
    states = {there.state, back.state}
    if states == {"live", "unknown"}:
        state = "live"
    elif "live" in states and states & {"down", "disabled"}:
        state = "half-open"
    else:
        state = next(word for word in _WORST if word in states)
    round_trip_ms = max(there.round_trip_ms, back.round_trip_ms)
    return Edge(
        a=a.number,
        b=b.number,
        state=state,
        there=there,
        back=back,
        round_trip_ms=round_trip_ms,
        sentence=_sentence(a.name, b.name, state, there, back, round_trip_ms),
    )


def _sentence(a: str, b: str, state: str, there: Sight, back: Sight, round_trip_ms: float) -> str:
    because = f": {there.reason or back.reason}" if there.reason or back.reason else ""
    match state:
        case "live" if "unknown" in (there.state, back.state):
            sees, seen = (a, b) if there.state == "live" else (b, a)
            return f"{sees} sees {seen}; how {seen} sees {sees} is not known."
        case "live":
            return f"{a} and {b} see each other, {round_trip_ms:.1f} ms."
        case "half-open":
            sees, seen, reason = (a, b, back.reason) if there.state == "live" else (b, a, there.reason)
            return f"{sees} sees {seen}, but {seen} does not see {sees}{f': {reason}' if reason else ''}."
        case "joining":
            return f"{a} and {b} are connecting{because}."
        case "disabled":
            return f"The link between {a} and {b} is switched off{because}."
        case "unknown":
            return f"Whether {a} and {b} see each other is not known: neither can be asked."
    return f"{a} and {b} do not see each other{because}."
