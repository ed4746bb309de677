"""What every peer found when it checked the requirements, as page and command line show it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sextet.admin.peers.mesh import peer_name
from sextet.admin.wording import count, duration, listed
from sextet.cluster.face import Checked, Face, Report
from sextet.model.checks import RTT, TYPES, CheckResult, CheckType, State, worst

NEEDED_BY_ENFORCE = ("nat",)  # the sender's address is compared then; the certificate line stands for the rest


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOfPeer:
    """One check of one peer, as one peer sees it."""

    peer: int
    peer_name: str
    state: State
    measured: str
    by: int  # the peer that measured
    by_name: str
    says_more: bool  # than this system sees itself


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLine:
    """One check with what was measured of every peer."""

    id: str
    group: str
    title: str
    state: State  # the worst of all
    expected: str
    remedy: str  # "" unless it failed
    peers: tuple[CheckOfPeer, ...]  # as this system sees them
    others: tuple[CheckOfPeer, ...]  # as the other peers see them and themselves


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """All checks of one peer, as one peer sees it."""

    peer: int
    peer_name: str
    state: State
    words: str  # what is wrong, or the round trip


@dataclass(frozen=True, slots=True, kw_only=True)
class FromPeer:
    """What one peer found of every peer, itself too: a row of the matrix."""

    peer: int
    peer_name: str
    age_s: float  # -1 while it measured nothing
    failure: str  # why it is not known
    pairs: tuple[Pair, ...]  # one for each peer of the list, or none where it is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """Maintenance > Diagnostics > Preflight check."""

    state: State
    sentence: str
    failed: int
    unknown: int
    age_s: float  # -1 while nothing was measured
    lines: tuple[CheckLine, ...]
    matrix: tuple[FromPeer, ...]  # () for a system alone


def preflight(face: Face, checked: Checked, only: str = "") -> Preflight:
    """Put the results together, check by check; `only` names one check."""
    members = face.status().members
    names = {member.number: peer_name(member) for member in members}
    own = next((member.number for member in members if member.this_system), 0)
    reports = [Report(number=own, peer_name=names.get(own, ""), results=checked.results, age_s=checked.age_s)]
    reports += checked.others
    seen = [_of_peer(one, report.number, names) for report in reports for one in report.results]
    lines = tuple(
        _line(check, own, found)
        for check in TYPES
        if (not only or check == only) and (found := [one for check_id, one in seen if check_id == check])
    )
    states = [peer.state for line in lines for peer in (*line.peers, *line.others)]
    silent = [names.get(report.number, report.peer_name) for report in checked.others if report.failure]
    missing: list[State] = ["unknown"] * len(silent)
    return Preflight(
        state=worst([*(line.state for line in lines), *missing]),
        sentence=_sentence(lines, states, checked.age_s, silent),
        failed=states.count("failed"),
        unknown=states.count("unknown") + len(silent),
        age_s=checked.age_s,
        lines=lines,
        matrix=_matrix(reports, names, only) if len(names) > 1 else (),
    )


def enforce_obstacles(face: Face) -> tuple[str, ...]:
    """Name the peers that Enforce would cut off, with the cause: certificates, addresses and names that do not fit.

    What each other peer sees counts as well, for it is the one that would refuse; said where this one does not see it.
    """
    status, checked = face.status(), face.checks()
    names = {member.number: peer_name(member) for member in status.members}
    found = [f"{peer_name(one)}: {one.certificate}" for one in status.members if not one.certificate_ok]
    told: list[tuple[str, str]] = []  # what is in the way, and who sees it
    numbers = {member.address.lower(): member.number for member in status.members}
    for owned in face.statuses():
        for link in owned.row.links if not owned.stale and owned.number in names else ():
            number = numbers.get(link.peer.lower(), 0)
            if number and link.certificate.startswith("Invalid"):
                told.append((f"{names[number]}: {link.certificate}", names[owned.number]))
    for one in checked.results:
        if one.id in NEEDED_BY_ENFORCE and one.state == "failed" and one.peer in names:
            found.append(f"{names[one.peer]}: {one.measured}")
    for report in checked.others:
        for one in report.results:
            if one.id in NEEDED_BY_ENFORCE and one.state == "failed" and one.peer in names and report.number in names:
                told.append((f"{names[one.peer]}: {one.measured}", names[report.number]))
    return (*found, *(f"{obstacle}, says {who}" for obstacle, who in told if obstacle not in found))


def enforce_warnings(face: Face) -> tuple[str, ...]:
    """Say what Enforce does to peers that do not meet what it needs."""
    return tuple(f"Enforce cuts off {obstacle}." for obstacle in enforce_obstacles(face))


def _of_peer(one: CheckResult, by: int, names: dict[int, str]) -> tuple[str, CheckOfPeer]:
    return one.id, CheckOfPeer(
        peer=one.peer,
        peer_name=names.get(one.peer, one.peer_name),
        state=one.state,
        measured=one.measured,
        by=by,
        by_name=names.get(by, ""),
        says_more=False,
    )


def _line(check: str, own: int, found: list[CheckOfPeer]) -> CheckLine:
    kind, state = TYPES[check], worst([one.state for one in found])
    ordered = sorted(found, key=lambda one: (one.by, one.peer))
    here = {one.peer: one.state for one in ordered if one.by == own}
    others = [one for one in ordered if one.by != own]
    return CheckLine(
        id=check,
        group=kind.group,
        title=kind.title,
        state=state,
        expected=kind.expected,
        remedy=kind.remedy if state == "failed" else "",
        peers=tuple(one for one in ordered if one.by == own),
        others=tuple(replace(one, says_more=_says_more(kind, one, here.get(one.peer))) for one in others),
    )


def _says_more(kind: CheckType, one: CheckOfPeer, here: State | None) -> bool:
    """Tell whether it has to be read: what is measured on a way differs from peer to peer, most else does not."""
    if one.state == "not applicable":
        return False
    return kind.of_the_way or (one.state != "ok" and one.state != here)


def _matrix(reports: list[Report], names: dict[int, str], only: str) -> tuple[FromPeer, ...]:
    return tuple(
        FromPeer(
            peer=report.number,
            peer_name=names.get(report.number, report.peer_name),
            age_s=report.age_s,
            failure=report.failure,
            pairs=() if report.failure else tuple(_pair(report, number, name, only) for number, name in names.items()),
        )
        for report in sorted(reports, key=lambda one: one.number)
    )


def _pair(report: Report, number: int, name: str, only: str) -> Pair:
    found = [one for one in report.results if one.peer == number and (not only or one.id == only)]
    state = worst([one.state for one in found])
    if state in ("failed", "unknown"):
        words = ", ".join(TYPES[one.id].title for one in found if one.state == state)
    else:
        shown = only or RTT.id
        words = next((one.measured for one in found if one.id == shown), "")
    return Pair(peer=number, peer_name=name, state=state, words=words or ("" if found else "nothing to measure"))


def _sentence(lines: tuple[CheckLine, ...], states: list[State], age_s: float, silent: list[str]) -> str:
    if age_s < 0:
        return "Nothing has been measured yet; what needs no measuring is shown."
    failed = [line.title for line in lines if line.state == "failed"]
    said = f"{states.count('ok')} of {count(len(states) - states.count('not applicable'), 'check')} passed"
    if failed:
        said += f"; failed: {listed(failed)}"
    if states.count("unknown"):
        said += f"; {states.count('unknown')} could not be measured"
    if silent:
        said += f"; {listed(silent)} could not be asked"
    when = "just now" if age_s < 1 else f"{duration(age_s)} ago"
    return f"{said}. Measured {when}."
