"""The firewall plan of this cluster from its configuration, with what this peer found at each port."""

from __future__ import annotations

from dataclasses import dataclass

from sextet.admin.mesh import peer_name
from sextet.cluster.face import Checked, Face, Member
from sextet.cluster.requirements.ports import BEFORE_X88, Flow, Place, flows, nftables, plan

SINCE = "X8.8 and later, and sextet"
BEFORE = "Before X8.8: sextet does not use these. Only for firewalls that still filter for older systems."


@dataclass(frozen=True, slots=True, kw_only=True)
class PortLine:
    """One line of the plan; `checked` and `measured` are empty where this peer does not try it."""

    purpose: str
    protocol: str
    sources: tuple[str, ...]
    source_ports: str
    destination: str
    destination_name: str
    destination_ports: str
    checked: str
    measured: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PortPlan:
    """What `sextet ports` says."""

    table: str
    in_use: bool  # false for the table of old
    lines: tuple[PortLine, ...]
    nft: str  # rules for the host of this peer; empty for the table of old


def port_plan(face: Face, checked: Checked, *, before_x88: bool = False) -> PortPlan:
    """Write the plan; `before_x88` gives the table that older systems used."""
    places = _places(face)
    wanted = BEFORE_X88 if before_x88 else flows(face.running.protocols)
    found = {} if before_x88 else {(one.id, one.peer): (one.state, one.measured) for one in checked.results}
    lines = []
    for rule in plan(places, wanted):
        state, measured = found.get((rule.flow.check, rule.to), ("", ""))
        lines.append(_line(rule.flow, rule.sources, rule.destination, rule.to_name, state, measured))
    return PortPlan(
        table=BEFORE if before_x88 else SINCE,
        in_use=not before_x88,
        lines=tuple(lines),
        nft="" if before_x88 else nftables(places, wanted),
    )


def _line(flow: Flow, sources: tuple[str, ...], destination: str, name: str, state: str, measured: str) -> PortLine:
    return PortLine(
        purpose=flow.purpose,
        protocol=flow.protocol,
        sources=sources,
        source_ports=flow.source_ports,
        destination=destination,
        destination_name=name,
        destination_ports=flow.destination_ports,
        checked=state,
        measured=measured,
        note=flow.note,
    )


def _places(face: Face) -> tuple[Place, ...]:
    status = face.status()
    return tuple(
        Place(number=one.number, name=peer_name(one), ip=_ip(one), this_system=one.this_system)
        for one in status.members
    )


def _ip(member: Member) -> str:
    if member.this_system:
        return member.status.ip if member.status else ""
    return member.link.resolved_ip if member.link else ""
