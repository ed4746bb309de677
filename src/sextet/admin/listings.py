"""The tables of pages and command line: registrations, calls, alarms, the configuration and its history."""

from __future__ import annotations

import dataclasses
import heapq
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sextet.admin.peers.mesh import peer_name
from sextet.admin.peers.views import marks
from sextet.cluster.face import ClusterStatus, Face, Owned, Revision
from sextet.model import alarms as catalogue
from sextet.model.config import Difference, flattened, setting_at, to_document
from sextet.model.schema import Refused
from sextet.model.status import Alarm, Binding, Call, Registration, Stamp

ALL = 10_000  # revisions and edits together: a peer keeps 200 besides those that were set aside
_REGISTRATION = uuid.UUID("7a0b6a52-2f8e-5d0f-9a75-3f3b3f0d5a11")  # ours, for serial numbers; never to be changed
_SEVERITY = ("critical", "alert", "error", "warning", "notice")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationLine:
    """One device of one alias."""

    alias: str
    peer: int
    peer_name: str
    contact: str
    device: str  # by which a device with an instance is known; else its contact
    received: str
    user_agent: str
    granted_s: int
    age_s: float
    stale: bool

    @property
    def serial(self) -> str:
        """The serial number by which it can be named on every peer."""
        return serial_of(self.alias, self.device)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLine:
    """One call with all the peers that it passes."""

    tag: str
    source: str
    destination: str
    state: str
    protocol: str
    route: str
    rule: str
    nodes: str  # the way through subzones and zones
    kbps: int
    peers: tuple[int, ...]
    peer_names: tuple[str, ...]
    age_s: float
    stale: bool  # no peer that carries it can be heard


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmOfPeer:
    """Where an alarm is raised, with the cause measured there."""

    peer: int
    peer_name: str
    detail: str
    age_s: float  # since it was raised first
    last_age_s: float  # since it was raised last
    count: int
    acknowledged: bool
    stale: bool
    acknowledged_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmLine:
    """One alarm about one thing, folded over the peers that raise it."""

    number: int
    key: str
    title: str
    text: str
    action: str
    severity: str
    uuid: str
    peers: tuple[AlarmOfPeer, ...]
    acknowledged: bool  # on every peer
    age_s: float  # of the oldest
    page: str = ""  # where to mend it, "" where that is no page


@dataclass(frozen=True, slots=True, kw_only=True)
class PastAlarmLine:
    """An alarm that was raised and lowered again."""

    number: int
    key: str
    title: str
    severity: str
    peer: int
    peer_name: str
    detail: str
    age_s: float  # since it was lowered
    stood_s: float
    acknowledged_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingLine:
    """One setting of the tree."""

    path: str
    label: str
    marks: str
    value: str
    running: str  # "" when the same
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionLine:
    """One entry of the history."""

    stamp: Stamp
    revision: str
    user: str
    source: str
    age_s: float
    summary: str
    digest: str
    set_aside: bool
    in_force: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """An edit that this peer held when the cluster went on without it."""

    revision: RevisionLine
    accepted_by: str  # the peer that was the primary then; "" where it has said nothing since this one started
    differences: tuple[Difference, ...]


def serial_of(alias: str, device: str) -> str:
    """Give the serial number of a registration, the same on every peer; the device keeps it when it registers again."""
    return str(uuid.uuid5(_REGISTRATION, f"{alias} {device}"))


def registrations(face: Face, containing: str = "") -> tuple[RegistrationLine, ...]:
    """List every device of the whole cluster, by alias; `containing` filters by any shown text."""
    return first_registrations(face, containing, None)[0]


def first_registrations(face: Face, containing: str, most: int | None) -> tuple[tuple[RegistrationLine, ...], int]:
    """List the first of these devices, and count them all: lines are made of those only that are shown."""
    names, wanted = _names(face), containing.casefold()
    found = [
        (number, row, binding)
        for number, rows in face.registrations().items()
        for everything in [wanted in names.get(number, "").casefold()]
        for row in rows.values()
        for binding in row.bindings
        if everything
        or wanted in f"{row.alias}\n{binding.contact}\n{binding.received}\n{binding.user_agent}".casefold()
    ]
    return _registrations(face, found, most or len(found)), len(found)


def registrations_of(face: Face, aliases: Collection[str]) -> tuple[RegistrationLine, ...]:
    """List the devices of some aliases, written in any case; no line is made of the others."""
    wanted = {alias.lower() for alias in aliases}
    found = [
        (number, row, binding)
        for number, rows in face.registrations().items()
        for row in rows.values()
        if row.alias.lower() in wanted
        for binding in row.bindings
    ]
    return _registrations(face, found, len(found))


def calls(face: Face, containing: str = "") -> tuple[CallLine, ...]:
    """List the calls of the whole cluster, longest first; the parts on several peers are one line."""
    parts: dict[str, list[Owned[Call]]] = {}
    for owned in face.calls():
        parts.setdefault(owned.row.tag or owned.row.serial, []).append(owned)
    names = _names(face)
    lines = [_call(tag, sorted(owned, key=lambda one: (-one.age_s, one.number)), names) for tag, owned in parts.items()]
    wanted = [
        line
        for line in lines
        if _contains(containing, line.source, line.destination, line.route, line.rule, *line.peer_names)
    ]
    return tuple(sorted(wanted, key=lambda line: (-line.age_s, line.tag)))


def alarms(face: Face) -> tuple[AlarmLine, ...]:
    """List the raised alarms, worst first; the same alarm about the same thing on several peers is one line."""
    folded: dict[tuple[int, str], list[Owned[Alarm]]] = {}
    for owned in face.alarms():
        folded.setdefault((owned.row.number, owned.row.key), []).append(owned)
    names = _names(face)
    lines = [
        _alarm(number, key, sorted(owned, key=lambda one: one.number), names) for (number, key), owned in folded.items()
    ]
    return tuple(
        sorted(lines, key=lambda line: (line.acknowledged, _SEVERITY.index(line.severity), line.number, line.key))
    )


def past_alarms(face: Face) -> tuple[PastAlarmLine, ...]:
    """List the alarms of all peers that are over, the last first."""
    names = _names(face)
    lines = [
        PastAlarmLine(
            number=owned.row.number,
            key=owned.row.key,
            title=_kind(owned.row.number).title,
            severity=_kind(owned.row.number).severity,
            peer=owned.number,
            peer_name=names.get(owned.number, owned.peer),
            detail=owned.row.detail,
            age_s=owned.age_s,
            stood_s=max(0.0, owned.row.lowered_s - owned.row.since_s),
            acknowledged_by=owned.row.acknowledged_by,
        )
        for owned in face.past_alarms()
    ]
    return tuple(sorted(lines, key=lambda line: (line.age_s, line.number, line.peer)))


def configuration(face: Face, path: str = "") -> tuple[SettingLine, ...]:
    """List every setting at or below a path, secrets as dots; none means that there is nothing there."""
    saved, running = flattened(to_document(face.saved)), flattened(to_document(face.running))
    below = [
        one
        for one in saved
        if one == path or not path or (one.startswith(path) and (path[-1] == "." or one[len(path)] in ".["))
    ]
    return tuple(_setting(one, saved[one], running.get(one, "")) for one in below)


def history(face: Face, most: int = 50) -> tuple[RevisionLine, ...]:
    """List what became part of the configuration, newest first."""
    return tuple(_revision(one, face) for one in face.history(most) if not one.set_aside)


def proposals(face: Face) -> tuple[Proposal, ...]:
    """List all edits that were set aside, with what each would change: somebody has to deal with each (20011)."""
    return tuple(
        Proposal(
            revision=_revision(one, face),
            accepted_by=_author(one, face.status()),
            differences=tuple(face.difference_of(one.stamp)),
        )
        for one in face.history(ALL)
        if one.set_aside
    )


def to_plain(value: object) -> object:
    """Turn a view into JSON values with its field names as keys."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(one) for key, one in value.items()}
    return [to_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _names(face: Face) -> dict[int, str]:
    return {member.number: peer_name(member) for member in face.status().members}


def _contains(wanted: str, *texts: str) -> bool:
    return not wanted or any(wanted.casefold() in text.casefold() for text in texts)


def _registrations(
    face: Face, found: Sequence[tuple[int, Registration, Binding]], most: int
) -> tuple[RegistrationLine, ...]:
    names = _names(face)
    first = heapq.nsmallest(most, found, key=lambda one: (one[1].alias, one[0], one[2].contact))
    rows = face.owned([(number, row) for number, row, _ in first])
    return tuple(_registration(row, one[2], names) for row, one in zip(rows, first, strict=True))


def _registration(owned: Owned[Registration], binding: Binding, names: Mapping[int, str]) -> RegistrationLine:
    return RegistrationLine(
        alias=owned.row.alias,
        peer=owned.number,
        peer_name=names.get(owned.number, owned.peer),
        contact=binding.contact,
        device=binding.device,
        received=binding.received,
        user_agent=binding.user_agent,
        granted_s=binding.granted_s,
        age_s=owned.age_s,
        stale=owned.stale,
    )


def _call(tag: str, parts: Sequence[Owned[Call]], names: dict[int, str]) -> CallLine:
    first = parts[0].row
    numbers = tuple(dict.fromkeys(sorted(part.number for part in parts)))
    state = "connected" if any(part.row.state == "connected" for part in parts) else first.state
    return CallLine(
        tag=tag,
        source=first.source,
        destination=first.destination,
        state=state,
        protocol=first.protocol,
        route=first.route,
        nodes=_nodes(parts, state),
        kbps=sum(part.row.kbps for part in parts),
        rule=next((part.row.rule for part in parts if part.row.rule), ""),  # known where the search was made
        peers=numbers,
        peer_names=tuple(names.get(n, next(part.peer for part in parts if part.number == n)) for n in numbers),
        age_s=parts[0].age_s,
        stale=all(part.stale for part in parts),
    )


def _nodes(parts: Sequence[Owned[Call]], state: str) -> str:
    """Once it is answered, the peer that charges a call knows its whole way (facts 6.2)."""
    ways = [part.row.nodes for part in parts if part.row.nodes and (part.row.kbps or state != "connected")]
    return " · ".join(dict.fromkeys(ways)) or next((part.row.nodes for part in parts if part.row.nodes), "")


def _alarm(number: int, key: str, raised: Sequence[Owned[Alarm]], names: dict[int, str]) -> AlarmLine:
    kind = _kind(number)
    peers = tuple(
        AlarmOfPeer(
            peer=one.number,
            peer_name=names.get(one.number, one.peer),
            detail=one.row.detail,
            age_s=one.age_s,
            last_age_s=max(0.0, one.age_s - (one.row.last_s - one.row.since_s)),
            count=one.row.count,
            acknowledged=one.row.acknowledged,
            stale=one.stale,
            acknowledged_by=one.row.acknowledged_by,
        )
        for one in raised
    )
    return AlarmLine(
        number=number,
        key=key,
        title=kind.title,
        text=kind.text,
        action=kind.action,
        severity=kind.severity,
        uuid=kind.uuid,
        peers=peers,
        acknowledged=all(one.acknowledged for one in peers),
        age_s=max(one.age_s for one in peers),
        page=kind.page,
    )


def _kind(number: int) -> catalogue.AlarmType:
    unknown = catalogue.AlarmType(
        number, f"Alarm {number}", "Raised by a peer of another version", "Look at that peer's own pages."
    )
    return catalogue.TYPES.get(number, unknown)


def _setting(path: str, value: str, running: str) -> SettingLine:
    try:
        declared = setting_at(path)
    except Refused:  # an item whose name cannot be written as a path, such as a pattern with a bracket
        return SettingLine(
            path=path,
            label=path.rpartition(".")[2],
            marks="",
            value=value,
            running=running if running != value else "",
            help="",
        )
    return SettingLine(
        path=path,
        label=declared.label,
        marks=marks(declared),
        value=value,
        running=running if running != value else "",
        help=declared.help,
    )


def _author(one: Revision, status: ClusterStatus) -> str:
    known = (member for member in status.members if member.status and member.status.peer_id == one.stamp.author)
    return next((peer_name(member) for member in known), "")


def _revision(one: Revision, face: Face) -> RevisionLine:
    in_force = not one.set_aside and one.stamp == face.status().in_force
    return RevisionLine(
        stamp=one.stamp,
        revision=str(one.stamp),
        user=one.user,
        source=one.source,
        age_s=one.age_s,
        summary=one.summary,
        digest=one.digest,
        set_aside=one.set_aside,
        in_force=in_force,
    )
