"""What the Overview and Clustering pages show, as plain values; the command line shows the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sextet.admin.peers.mesh import Mesh, mesh, peer_name
from sextet.admin.wording import count, listed
from sextet.cluster.face import ClusterStatus, Face, Member
from sextet.model.alarms import MAINTENANCE_MODE
from sextet.model.config import as_text, setting_at, to_document
from sextet.model.schema import Applies, Refused, Setting
from sextet.model.settings.clustering import PEERS_MAX, Clustering
from sextet.model.status import PeerStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The first thing an administrator reads."""

    state: str  # healthy, degraded, or alone (no other peer can be heard)
    headline: str  # "Cluster <name>" or "Stand-alone system <name>"
    sentence: str  # with the headline and the state
    findings: tuple[str, ...]  # what is wrong, one sentence each
    peers_active: int
    peers: int
    survives: int  # how many more peers may be lost while one is left
    registrations: int
    calls: int
    alarms: int
    mesh: Mesh


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether this peer would take calls, for load balancers and scripts."""

    ready: bool
    reasons: tuple[str, ...]  # why not


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusLine:
    """One line beside a peer address."""

    label: str  # "Certificate", "Clustering"
    text: str
    tone: str  # ok info bad

    @property
    def tick(self) -> str:
        return {"ok": "✔", "bad": "✘"}.get(self.tone, "ℹ")

    def __str__(self) -> str:
        return f"{self.tick} {self.label}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One setting with what is saved, what is in force, and its marks."""

    path: str
    label: str
    marks: str  # "*" mandatory, "†" specific to this peer
    value: str
    running: str  # "" when the same as saved
    default: str
    help: str
    setting: Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerLine:
    """One row of the peer list with its status lines; nothing but the number where it is empty."""

    number: int
    address: str = ""
    name: str = ""
    this_system: bool = False
    primary: bool = False
    lines: tuple[StatusLine, ...] = ()
    detail: str = ""  # round trip, revision, version
    round_trip_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """One row of "Peers agree?"; a cell is "" where the peer cannot be asked."""

    label: str
    cells: tuple[str, ...]  # in the order of the peers
    differs: tuple[bool, ...]  # from the primary
    sentence: str  # "" when all that are known agree


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusteringPage:
    """System > Clustering."""

    fields: tuple[Field, ...]
    peers: tuple[PeerLine, ...]  # six rows
    database: StatusLine
    agreement: tuple[Agreement, ...]
    columns: tuple[str, ...]  # the peers' names for the table above
    role: str  # "primary", "subordinate of <name>", "stand-alone"
    writable: bool
    why_not: str
    revision: str
    digest: str
    enrolment_s: float
    restart_reasons: tuple[str, ...]


def overview(face: Face) -> Overview:
    """Say how the cluster is, as far as this peer knows."""
    status, picture = face.status(), mesh(face)
    heard = [owned.row for owned in face.statuses() if not owned.stale]
    wrong = [*_peer_findings(status), *_link_findings(picture), *_engine_findings(heard)]
    active = sum(member.clustering_ok for member in status.members) or 1
    peers = len(status.members) or 1
    state = "healthy" if not wrong else "alone" if active == 1 < peers else "degraded"
    return Overview(
        state=state,
        headline=_headline(face, status),
        sentence=_sentence(face, status, state, active),
        findings=(*wrong, *_restart_findings(heard)),
        peers_active=active,
        peers=peers,
        survives=active - 1,
        registrations=len(set().union(*face.registrations().values())),
        calls=len({row.row.tag or row.row.serial for row in face.calls()}),
        alarms=len({(row.row.number, row.row.key) for row in face.alarms()}),
        mesh=picture,
    )


def readiness(face: Face) -> Readiness:
    """Say whether calls should be sent to this peer."""
    own = face.status().number
    rows = [owned.row for owned in face.statuses() if owned.number == own]
    reasons = [sentence for row in rows for sentence in row.engines] if rows else ["This peer has not started yet."]
    if in_maintenance(face):
        reasons.append("This peer is in maintenance mode: new calls and registrations get 503.")
    return Readiness(ready=not reasons, reasons=tuple(reasons))


def in_maintenance(face: Face) -> bool:
    """Tell whether this peer sends new calls and registrations to the others."""
    own = face.status().number
    return any(owned.number == own and owned.row.number == MAINTENANCE_MODE.number for owned in face.alarms())


def labels(paths: Sequence[str]) -> tuple[str, ...]:
    """Call settings as the pages do; a peer of another version may name one that is not known here."""
    return tuple(dict.fromkeys(_label(path) for path in paths))


def clustering(face: Face) -> ClusteringPage:
    """Show the Clustering page."""
    status = face.status()
    members = {member.number: member for member in status.members}
    return ClusteringPage(
        fields=fields(Clustering, "clustering", face.saved.clustering, face.running.clustering),
        peers=tuple(
            _peer_line(number, members.get(number), face.running.clustering.tls_verification_mode)
            for number in range(1, PEERS_MAX + 1)
        ),
        database=_database(status),
        agreement=agreement(status),
        columns=tuple(peer_name(member) for member in status.members),
        role=role(status),
        writable=status.writable,
        why_not=status.why_not,
        revision=str(status.in_force),
        digest=status.digest,
        enrolment_s=0.0 if all(member.clustering_ok for member in status.members) else status.enrolment_s,
        restart_reasons=labels(status.restart_reasons),
    )


def fields(section: type, path: str, saved: object, running: object) -> tuple[Field, ...]:
    """List a section's settings as declared, with their values; lists show as JSON."""
    rows = []
    for one in dataclasses.fields(section):
        declared: Setting = one.metadata["setting"]
        values = [as_text(to_document(getattr(source, one.name))) for source in (saved, running)]
        value, now = ("•••" if text and declared.secret else text for text in values)
        rows.append(
            Field(
                path=f"{path}.{one.name}",
                label=declared.label,
                marks=marks(declared),
                value=value,
                running=now if values[0] != values[1] else "",
                default=as_text(to_document(declared.default)),
                help=declared.help,
                setting=declared,
            )
        )
    return tuple(rows)


def marks(declared: Setting) -> str:
    """Give the marks beside a label: * mandatory, † specific to this peer, ↻ needs a restart."""
    return "*" * declared.mandatory + "†" * declared.peer + "↻" * (declared.applies is Applies.RESTART)


def role(status: ClusterStatus) -> str:
    """Say what this peer is in its cluster."""
    if not status.members:
        return "stand-alone"
    primary = next((member for member in status.members if member.number == status.primary), None)
    if primary is None:
        return "subordinate of nobody: the configuration primary is not in the peer list"
    return "primary" if primary.this_system else f"subordinate of {peer_name(primary)}"


def agreement(status: ClusterStatus) -> tuple[Agreement, ...]:
    """Compare what must be the same on every peer; a peer that cannot be asked neither agrees nor differs."""
    known = {member.number: member.status for member in status.members if member.status and member.clustering_ok}
    rows = []
    for label, of, consequence in _AGREE:
        cells = [of(known[m.number]) if m.number in known else "" for m in status.members]
        by_number = {m.number: cell for m, cell in zip(status.members, cells, strict=True)}
        wanted = by_number.get(status.primary) or next((cell for cell in cells if cell), "")
        differs = [bool(cell) and cell != wanted for cell in cells]
        named = listed([peer_name(m) for m, other in zip(status.members, differs, strict=True) if other])
        differing = f"{named}: not as on the primary."
        sentence = f"{differing} {consequence}" if named else ""
        rows.append(Agreement(label=label, cells=tuple(cells), differs=tuple(differs), sentence=sentence))
    return tuple(rows)


_AGREE: tuple[tuple[str, Callable[[PeerStatus], str], str], ...] = (
    ("Cluster name", lambda s: s.cluster_name or "(none)", "Enter the same name on every peer (alarm 20012)."),
    ("Configuration primary", lambda s: str(s.primary), "Choose the same primary on every peer (alarm 20017)."),
    ("TLS verification mode", lambda s: s.tls_mode, "It follows by itself, or after a restart (alarm 20020)."),
    ("Cluster IP version", lambda s: s.ip_version, "Choose the same version on every peer (alarm 20012)."),
    (
        "Peer addresses",
        lambda s: ", ".join(s.peers) or "(none)",
        "Enter the same list in the same order on every peer (alarm 20012).",
    ),
    ("System type", lambda s: s.system_type, "Build the cluster of peers of one type: System > Administration."),
    ("H.323 mode", lambda s: as_text(s.h323_mode), "Turn it on on every peer (alarm 20018)."),
    (
        "Configuration in force",
        lambda s: s.digest[:12],
        "It follows by itself; look at the alarms if it does not within seconds (alarm 20006).",
    ),
    ("Software version", lambda s: s.version, "Upgrade every peer to the same version."),
    ("Capacity class", lambda s: s.platform, "Choose the same capacity class on every peer."),
    (
        "Capacity",
        lambda s: count(s.processors, "processor") if s.processors else "",
        "Give every peer's host the same number of processors.",
    ),
)


def _headline(face: Face, status: ClusterStatus) -> str:
    if status.members:
        return f"Cluster {status.name}" if status.name else "Cluster without a name"
    return f"Stand-alone system {_own_name(face)}"


def _sentence(face: Face, status: ClusterStatus, state: str, active: int) -> str:
    said = f"{_headline(face, status)}: {state}."
    if not status.members:
        return said
    here = "" if state == "healthy" else f" as seen from {_own_name(face)}"
    lost = f"survives the loss of {count(active - 1, 'peer')}" if active > 1 else "does not survive the loss of a peer"
    return f"{said} {active} of {count(len(status.members), 'peer')} active{here}, {lost}."


def _peer_findings(status: ClusterStatus) -> list[str]:
    lost = [m for m in status.members if not m.clustering_ok]
    found = [f"{peer_name(m)}: {m.clustering}{f', {m.cause}' if m.cause else ''}." for m in lost]
    own = next((m.status.version for m in status.members if m.this_system and m.status), "")
    apart = [m for m in status.members if m.clustering_ok and m.status and m.status.version != own]
    found += [f"{peer_name(m)} runs version {m.status.version}, this system {own}." for m in apart if m.status]
    behind = [m for m in status.members if m.clustering_ok and not m.in_step and m not in apart]
    if any(m.primary for m in behind):  # they were compared with this peer: it is this one that is behind
        behind = [m for m in status.members if m.this_system]
    found += [f"{peer_name(m)} does not have the primary's configuration in force." for m in behind]
    found += [status.why_not] if not status.writable and status.why_not else []
    return found + ([f"Cluster database: {status.database}."] if _database(status).tone == "bad" else [])


def _link_findings(picture: Mesh) -> list[str]:
    """Name the broken pairs, but not again those of a peer that is lost as a whole."""
    live = {node.number for node in picture.nodes if node.state == "live"}
    return [edge.sentence for edge in picture.broken if edge.state == "half-open" or {edge.a, edge.b} <= live]


def _engine_findings(heard: Sequence[PeerStatus]) -> list[str]:
    return [f"{row.host_name}: {sentence}" for row in heard for sentence in row.engines]


def _label(path: str) -> str:
    try:
        return setting_at(path).label
    except Refused:
        return path


def _restart_findings(heard: Sequence[PeerStatus]) -> list[str]:
    waiting = [row for row in heard if row.restart_reasons]
    return [f"{row.host_name} must be restarted: {listed(labels(row.restart_reasons))}." for row in waiting]


def _own_name(face: Face) -> str:
    own = face.status().own
    if own is not None:
        return peer_name(own)
    return next((owned.row.host_name for owned in face.statuses()), "") or face.saved.system.name


def _database(status: ClusterStatus) -> StatusLine:
    tone = (
        "ok"
        if status.database in ("Active", "Single peer")
        else "info"
        if status.database.startswith(("Synchronising", "Suspended"))
        else "bad"
    )
    return StatusLine(label="Cluster database status", text=status.database, tone=tone)


def _peer_line(number: int, member: Member | None, tls_mode: str) -> PeerLine:
    if member is None:
        return PeerLine(number=number)
    link = member.link
    unproven = (
        "info" if tls_mode == "Permissive" or member.certificate == "Not checked" else "bad"
    )  # facts 1.4: informational in Permissive
    lines = (
        StatusLine(label="Certificate", text=member.certificate, tone="ok" if member.certificate_ok else unproven),
        StatusLine(
            label="Clustering",
            text=member.clustering,
            tone="ok" if member.clustering_ok else "info" if member.clustering == "Unknown" else "bad",
        ),
    )
    return PeerLine(
        number=number,
        address=member.address,
        name=peer_name(member),
        this_system=member.this_system,
        primary=member.primary,
        lines=lines,
        detail=_detail(member),
        round_trip_ms=link.round_trip_ms if link else 0.0,
    )


def _detail(member: Member) -> str:
    if member.status is None or not member.clustering_ok:
        return member.cause
    round_trip = f"RTT {member.link.round_trip_ms:.1f} ms · " if member.link else ""
    step = "in step" if member.in_step else "not in step"
    return f"{round_trip}r{member.status.in_force.revision} {step} · v{member.status.version}"
