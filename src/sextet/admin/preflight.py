"""What the system found when it checked its own requirements, as page and command line show it."""

from __future__ import annotations

from dataclasses import dataclass

from sextet.admin.mesh import peer_name
from sextet.admin.wording import count, duration, listed
from sextet.cluster.face import Checked, Face
from sextet.model.checks import TYPES, CheckResult, State, worst

NEEDED_BY_ENFORCE = ("nat",)  # the sender's address is compared then; the certificate line stands for the rest


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOfPeer:
    """One check of one peer."""

    peer: int
    peer_name: str
    state: State
    measured: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLine:
    """One check with what was measured of every peer."""

    id: str
    group: str
    title: str
    state: State  # the worst of all peers
    expected: str
    remedy: str  # "" unless it failed
    peers: tuple[CheckOfPeer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """Maintenance > Diagnostics > Preflight check."""

    state: State
    sentence: str
    failed: int
    unknown: int
    age_s: float  # -1 while nothing was measured
    lines: tuple[CheckLine, ...]


def preflight(face: Face, checked: Checked, only: str = "") -> Preflight:
    """Put the results together, check by check; `only` names one check."""
    names = {member.number: peer_name(member) for member in face.status().members}
    lines = tuple(
        _line(check, results, names)
        for check in TYPES
        if (not only or check == only) and (results := [one for one in checked.results if one.id == check])
    )
    states = [peer.state for line in lines for peer in line.peers]
    failed, unknown = states.count("failed"), states.count("unknown")
    return Preflight(
        state=worst([line.state for line in lines]),
        sentence=_sentence(lines, states, checked.age_s),
        failed=failed,
        unknown=unknown,
        age_s=checked.age_s,
        lines=lines,
    )


def enforce_obstacles(face: Face) -> tuple[str, ...]:
    """Name the peers that Enforce would cut off, with the cause: certificates, addresses and names that do not fit."""
    status = face.status()
    found = [f"{peer_name(one)}: {one.certificate}" for one in status.members if not one.certificate_ok]
    names = {member.number: peer_name(member) for member in status.members}
    for one in face.checks().results:
        if one.id in NEEDED_BY_ENFORCE and one.state == "failed" and one.peer in names:
            found.append(f"{names[one.peer]}: {one.measured}")
    return tuple(found)


def enforce_warnings(face: Face) -> tuple[str, ...]:
    """Say what Enforce does to peers that do not meet what it needs."""
    return tuple(f"Enforce cuts off {obstacle}." for obstacle in enforce_obstacles(face))


def _line(check: str, results: list[CheckResult], names: dict[int, str]) -> CheckLine:
    kind = TYPES[check]
    return CheckLine(
        id=check,
        group=kind.group,
        title=kind.title,
        state=worst([one.state for one in results]),
        expected=kind.expected,
        remedy=next((one.remedy for one in results if one.remedy), ""),
        peers=tuple(
            CheckOfPeer(
                peer=one.peer,
                peer_name=names.get(one.peer, one.peer_name),
                state=one.state,
                measured=one.measured,
            )
            for one in sorted(results, key=lambda one: one.peer)
        ),
    )


def _sentence(lines: tuple[CheckLine, ...], states: list[State], age_s: float) -> str:
    if age_s < 0:
        return "Nothing has been measured yet; what needs no measuring is shown."
    failed = [line.title for line in lines if line.state == "failed"]
    said = f"{states.count('ok')} of {count(len(states) - states.count('not applicable'), 'check')} passed"
    if failed:
        said += f"; failed: {listed(failed)}"
    if states.count("unknown"):
        said += f"; {states.count('unknown')} could not be measured"
    when = "just now" if age_s < 1 else f"{duration(age_s)} ago"
    return f"{said}. Measured {when}."
