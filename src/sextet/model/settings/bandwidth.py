"""Configuration > Bandwidth: how much a call may use, and the links and pipes between subzones and zones (facts 7.10)."""

from __future__ import annotations

from dataclasses import dataclass

from sextet.model.schema import number, switch, text
from sextet.model.settings.local_zone import (
    BUILT_IN,
    CLUSTER_SUBZONE,
    DEFAULT_SUBZONE,
    PER_CALL_KBPS,
    TOTAL_KBPS,
    TRAVERSAL_SUBZONE,
    limit_kbps,
    limit_mode,
)
from sextet.model.settings.zones import DEFAULT_ZONE, NODES

LINKS_MAX, PIPES_MAX = 3000, 1000  # facts 7.10
BUILT_IN_NODES = (*BUILT_IN, DEFAULT_ZONE)
_PIPE = "Bandwidth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bandwidth:
    """What holds for every call."""

    default_call: int = number(384, 64, 65535, unit="kbps", label="Default call bandwidth", path="Bandwidth Default", help="What a call counts for whose session description does not say how much it needs.")
    downspeed_per_call: bool = switch(True, label="Downspeed per call mode", path="Bandwidth Downspeed PerCall Mode", help="Whether a call above a per-call limit is connected with less; Off refuses it: Exceeds Call Capacity.")
    downspeed_total: bool = switch(True, label="Downspeed total mode", path="Bandwidth Downspeed Total Mode", help="Whether a call that no longer fits a total limit is connected with what is left; Off refuses it: Gatekeeper Resources Unavailable.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One way for calls between two nodes, which are subzones and zones."""

    name: str = text(low=1, high=50, mandatory=True, label="Name", path="Name", help="The name of the link.")
    node1: str = text(high=50, mandatory=True, names=NODES, choices=BUILT_IN_NODES, label="Node 1", path="Node1 Name", help="A subzone or zone; built in are DefaultSubZone, TraversalSubZone, ClusterSubZone and DefaultZone.")
    node2: str = text(high=50, mandatory=True, names=NODES, choices=BUILT_IN_NODES, label="Node 2", path="Node2 Name", help="Another subzone or zone.")
    pipe1: str = text(high=50, names=("pipes",), label="Pipe 1", path="Pipe1 Name", help="A pipe that limits this link.")
    pipe2: str = text(high=50, names=("pipes",), label="Pipe 2", path="Pipe2 Name", help="A second pipe, such as the other site's access line.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipe:
    """One real connection with a limit, which one or more links lead through."""

    name: str = text(low=1, high=50, mandatory=True, label="Name", path="Name", help="The name by which links name the pipe.")
    total_mode: str = limit_mode("Total", f"{_PIPE} Total")
    total_limit: int = limit_kbps("Total", TOTAL_KBPS, f"{_PIPE} Total")
    per_call_mode: str = limit_mode("Per call", f"{_PIPE} PerCall")
    per_call_limit: int = limit_kbps("Per call", PER_CALL_KBPS, f"{_PIPE} PerCall")


DEFAULT_LINKS = (  # facts 7.10
    Link(name="DefaultSZtoTraversalSZ", node1=DEFAULT_SUBZONE, node2=TRAVERSAL_SUBZONE),
    Link(name="DefaultSZtoDefaultZ", node1=DEFAULT_SUBZONE, node2=DEFAULT_ZONE),
    Link(name="DefaultSZtoClusterSZ", node1=DEFAULT_SUBZONE, node2=CLUSTER_SUBZONE),
    Link(name="TraversalSZtoDefaultZ", node1=TRAVERSAL_SUBZONE, node2=DEFAULT_ZONE),
)
