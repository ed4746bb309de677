"""The subzones, links and pipes of a configuration as one graph, and the way that a call takes through it (facts 7.10).

How it works. Nodes are subzones and zones; a call leads from the node of its caller to that of who is called. It takes
the path with the fewest links; of several such paths the one whose first link that differs stands earlier in the list
of links. Between its ends a path passes subzones only: no zone, not the Cluster Subzone, which is virtual, and the
Traversal Subzone in traversal calls only. A traversal call takes the path to the Traversal Subzone and from there on.

A call counts for the subzones (or zones) at its two ends, not for those it passes, for the Traversal Subzone in
traversal calls, and for each link and its pipes as often as the path crosses the link. Within one subzone it counts
once, a traversal call twice, since it leaves and comes back.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sextet.model.sections import Root
from sextet.model.settings.local_zone import (
    CLUSTER_SUBZONE,
    DEFAULT_SUBZONE,
    TRAVERSAL_SUBZONE,
    DefaultSubzone,
    Subzone,
)
from sextet.model.settings.zones import DEFAULT_ZONE

ROUTES_MAX = 20_000  # remembered of one plan: every pair that calls go between, on systems of usual size
SUBZONE, ZONE, LINK, PIPE = "subzone", "zone", "link", "pipe"  # beginnings of the names of elements: "pipe/London"
SHOWN = {DEFAULT_SUBZONE: "Default Subzone", TRAVERSAL_SUBZONE: "Traversal Subzone", CLUSTER_SUBZONE: "Cluster Subzone"}


@dataclass(frozen=True, slots=True)
class Edge:
    """One link as seen from one of its nodes."""

    link: str
    to: str
    pipes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cap:
    """A limit of one call, and whose it is, such as "pipe London"."""

    kbps: int
    whose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The way of a call: its nodes and links, how often it counts for which element, and the lowest per-call limit."""

    nodes: tuple[str, ...]
    links: tuple[str, ...]
    counts: tuple[tuple[str, int], ...]
    cap: Cap | None

    @property
    def shown(self) -> str:
        """Write the nodes as the original does (facts 6.2)."""
        return " -> ".join(SHOWN.get(node, node) for node in self.nodes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that is configured about bandwidth, ready for use; 0 kbit/s stands for No bandwidth."""

    default_kbps: int
    downspeed_per_call: bool
    downspeed_total: bool
    edges: Mapping[str, Sequence[Edge]]  # of each node, in the order of the links
    subzones: frozenset[str]
    totals: Mapping[str, int]  # element -> limit, of those that have one
    inter: Mapping[str, int]  # subzone -> limit of one call into or out of it
    intra: Mapping[str, int]  # subzone -> limit of one call within it
    pipes: Mapping[str, int]  # pipe -> limit of one call
    traversal_zones: frozenset[str]
    routes: dict[tuple[str, str, bool], Route | None] = field(
        default_factory=dict, compare=False
    )  # those asked for before

    def has(self, node: str) -> bool:
        """Say whether there is such a subzone or zone."""
        return node in self.edges

    def route(self, here: str, there: str, traversal: bool = False) -> Route | None:
        """Find the way of a call; None where no links lead there. A traversal zone makes it a traversal call."""
        asked = (here, there, traversal or bool({here, there} & self.traversal_zones))
        if asked not in self.routes:
            if len(self.routes) >= ROUTES_MAX:
                self.routes.clear()
            self.routes[asked] = self._route(*asked)
        return self.routes[asked]

    def _route(self, here: str, there: str, traversal: bool) -> Route | None:
        if not traversal:
            hops = self._path(here, there)
        else:
            first, second = self._path(here, TRAVERSAL_SUBZONE), self._path(TRAVERSAL_SUBZONE, there)
            hops = None if first is None or second is None else [*first, *second]
        if hops is None or not self.has(here) or not self.has(there):
            return None
        counts: Counter[str] = Counter()
        for end in {here, there} if not traversal else (here, there):
            counts[f"{SUBZONE if end in self.subzones else ZONE}/{end}"] += 1
        if traversal:
            counts[f"{SUBZONE}/{TRAVERSAL_SUBZONE}"] += 1
        for hop in hops:
            counts[f"{LINK}/{hop.link}"] += 1
            counts.update(f"{PIPE}/{pipe}" for pipe in hop.pipes)
        return Route(
            nodes=(here, *(hop.to for hop in hops)) if hops else (here,),
            links=tuple(hop.link for hop in hops),
            counts=tuple(counts.items()),
            cap=self._cap(here, there, traversal, [pipe for hop in hops for pipe in hop.pipes]),
        )

    def _path(self, here: str, there: str) -> list[Edge] | None:
        """Search breadth first, links in their order: what is found first is first in the order told above."""
        came: dict[str, tuple[str, Edge] | None] = {here: None}
        waiting = deque([here])
        while waiting and there not in came:
            node = waiting.popleft()
            if node != here and (node not in self.subzones or node in (TRAVERSAL_SUBZONE, CLUSTER_SUBZONE)):
                continue  # such a node is the end of a path only
            for edge in self.edges.get(node, ()):
                if edge.to not in came:
                    came[edge.to] = (node, edge)
                    waiting.append(edge.to)
        if there not in came:
            return None
        hops: list[Edge] = []
        while (step := came[there]) is not None:
            there, edge = step
            hops.append(edge)
        return hops[::-1]

    def _cap(self, here: str, there: str, traversal: bool, pipes: Sequence[str]) -> Cap | None:
        ends = [(node, self.inter) for node in (here, there)] if here != there else [(here, self.intra)]
        if traversal:
            ends.append((TRAVERSAL_SUBZONE, self.inter))
        caps = [
            Cap(limits[node], f"the {SHOWN.get(node, f'subzone {node}')}") for node, limits in ends if node in limits
        ]
        caps += [Cap(self.pipes[pipe], f"pipe {pipe}") for pipe in pipes if pipe in self.pipes]
        return min(caps, key=lambda cap: cap.kbps, default=None)


def of_config(config: Root) -> Plan:
    """Make the plan of a configuration."""
    subzones: list[tuple[str, DefaultSubzone | Subzone]] = [(DEFAULT_SUBZONE, config.default_subzone)]
    subzones += [(subzone.name, subzone) for subzone in config.subzones]
    traversal = config.traversal_subzone
    totals = {f"{SUBZONE}/{name}": _limit(one.total_mode, one.total_limit) for name, one in subzones}
    totals[f"{SUBZONE}/{TRAVERSAL_SUBZONE}"] = _limit(traversal.total_mode, traversal.total_limit)
    totals |= {f"{PIPE}/{pipe.name}": _limit(pipe.total_mode, pipe.total_limit) for pipe in config.pipes}
    inter = {name: _limit(one.inter_mode, one.inter_limit) for name, one in subzones}
    inter[TRAVERSAL_SUBZONE] = _limit(traversal.per_call_mode, traversal.per_call_limit)
    zones = {zone.name: str(getattr(zone, "type", "")) for zone in config.zones}
    return Plan(
        default_kbps=config.bandwidth.default_call,
        downspeed_per_call=config.bandwidth.downspeed_per_call,
        downspeed_total=config.bandwidth.downspeed_total,
        edges=_edges(config, [name for name, _ in subzones], list(zones)),
        subzones=frozenset((*(name for name, _ in subzones), TRAVERSAL_SUBZONE, CLUSTER_SUBZONE)),
        totals=_limited(totals),
        inter=_limited(inter),
        intra=_limited({name: _limit(one.intra_mode, one.intra_limit) for name, one in subzones}),
        pipes=_limited({pipe.name: _limit(pipe.per_call_mode, pipe.per_call_limit) for pipe in config.pipes}),
        traversal_zones=frozenset(name for name, kind in zones.items() if kind.startswith("Traversal")),
    )


def _edges(config: Root, subzones: Sequence[str], zones: Sequence[str]) -> dict[str, list[Edge]]:
    edges: dict[str, list[Edge]] = {
        node: [] for node in (*subzones, TRAVERSAL_SUBZONE, CLUSTER_SUBZONE, *zones, DEFAULT_ZONE)
    }
    for link in config.links:
        pipes = tuple(pipe for pipe in (link.pipe1, link.pipe2) if pipe)
        for one, other in ((link.node1, link.node2), (link.node2, link.node1)):
            if one in edges and other in edges:
                edges[one].append(Edge(link.name, other, pipes))
    return edges


def _limit(mode: str, limit: int) -> int | None:
    return {"Unlimited": None, "No bandwidth": 0}.get(mode, limit)


def _limited(limits: Mapping[str, int | None]) -> dict[str, int]:
    return {name: limit for name, limit in limits.items() if limit is not None}
