"""The firewall plan of this cluster from its configuration, with what every peer found at each port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sextet.admin.peers.mesh import peer_name
from sextet.cluster.face import Checked, Face, Member, Report
from sextet.cluster.requirements.ports import BEFORE_X88, Place, Rule, flows, nftables, plan
from sextet.model.checks import State, worst

SINCE = "X8.8 and later, and sextet"
BEFORE = "Before X8.8: sextet does not use these. Only for firewalls that still filter for older systems."


@dataclass(frozen=True, slots=True, kw_only=True)
class PortFound:
    """What one peer found at a port of another."""

    by: int
    by_name: str
    state: State
    measured: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PortLine:
    """One line of the plan; `checked` and `found` are empty in the table of old, which nobody tries."""

    purpose: str
    protocol: str
    sources: tuple[str, ...]
    source_ports: str
    destination: str
    destination_name: str
    destination_ports: str
    checked: str  # the worst that a peer found
    found: tuple[PortFound, ...]  # from each other peer
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
    reports = () if before_x88 else _reports(places, checked)
    return PortPlan(
        table=BEFORE if before_x88 else SINCE,
        in_use=not before_x88,
        lines=tuple(
            _line(rule, reports, {place.number: place.name for place in places}) for rule in plan(places, wanted)
        ),
        nft="" if before_x88 else nftables(places, wanted),
    )


def _line(rule: Rule, reports: Sequence[Report], names: Mapping[int, str]) -> PortLine:
    found = tuple(
        _found(rule, report, names.get(report.number, report.peer_name))
        for report in reports
        if report.number != rule.to and rule.flow.check
    )
    return PortLine(
        purpose=rule.flow.purpose,
        protocol=rule.flow.protocol,
        sources=rule.sources,
        source_ports=rule.flow.source_ports,
        destination=rule.destination,
        destination_name=rule.to_name,
        destination_ports=rule.flow.destination_ports,
        checked=worst([one.state for one in found]) if found else "",
        found=found,
        note=rule.flow.note,
    )


def _found(rule: Rule, report: Report, name: str) -> PortFound:
    state, measured = next(
        ((one.state, one.measured) for one in report.results if (one.id, one.peer) == (rule.flow.check, rule.to)),
        (_UNKNOWN, report.failure or "not tried yet"),
    )
    return PortFound(by=report.number, by_name=name, state=state, measured=measured)


def _reports(places: Sequence[Place], checked: Checked) -> tuple[Report, ...]:
    """Give what each peer found, in the order of the list."""
    own = next((place for place in places if place.this_system), None)
    if own is None:
        return ()
    here = Report(number=own.number, peer_name=own.name, results=checked.results, age_s=checked.age_s)
    return tuple(sorted((here, *checked.others), key=lambda one: one.number))


_UNKNOWN: State = "unknown"


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
