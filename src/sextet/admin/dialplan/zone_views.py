"""How the zones are: for every zone a matrix of the other side's addresses and our peers.

Policy services and the H.350 directory are shown as zones are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sextet.cluster.face import Face, Owned
from sextet.model.settings.h350 import DIRECTORY
from sextet.model.settings.policy import POLICY_SERVICE
from sextet.model.status import DIRECTORY_TYPE, POLICY_SERVICE_TYPE, WORKING, ZoneAddress, ZoneStatus

TONES = {"active": "ok", "maintenance": "info", "failed": "bad", "refused": "bad", "checking": "info"}
STATE_TONES = {"Active": "ok", "On": "ok", "Checking": "info", "Failed": "bad", "Off": "off"}

NO_CALLS = "No search rule targets this zone: no call goes to it."
NOT_ASKED = "Neither call policy nor registration nor a search rule asks this policy service."


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneCell:
    """What one peer of ours measures of one address."""

    peer: int
    peer_name: str
    state: str  # "active" "maintenance" "failed" "refused" "checking", "" where it does not know the address
    tone: str
    reason: str
    round_trip_ms: float
    free: int
    age_s: float
    stale: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneLine:
    """One address of the other side, seen from all peers of ours."""

    host: str
    uri: str
    identity: str
    cells: tuple[ZoneCell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerSees:
    """The state of a zone in the original's words, seen from one peer of ours."""

    peer: int
    peer_name: str
    words: str
    tone: str
    age_s: float
    stale: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ZonePage:
    """One zone."""

    name: str
    type: str
    words: str  # over all peers: the worst that one of them says
    tone: str
    peers: tuple[PeerSees, ...]
    lines: tuple[ZoneLine, ...]
    warnings: tuple[str, ...]


def zones(face: Face, containing: str = "") -> list[ZonePage]:
    """List the zones in the order of the configuration."""
    seen: dict[str, list[Owned[ZoneStatus]]] = {}
    for owned in face.zones():
        seen.setdefault(owned.row.name, []).append(owned)
    targets = {rule.target for rule in face.saved.search_rules if rule.state == "Enabled"}
    pages = [
        _page(zone.name, zone.type, seen.get(zone.name, []), zone.name in targets or zone.state != "Enabled", NO_CALLS)
        for zone in face.saved.zones
    ]
    wanted = containing.casefold()
    return [page for page in pages if not wanted or wanted in _text(page).casefold()]


def services(face: Face) -> list[ZonePage]:
    """List the policy services in the order of the configuration, seen as zones are."""
    seen: dict[str, list[Owned[ZoneStatus]]] = {}
    for owned in face.zones():
        if owned.row.type == POLICY_SERVICE_TYPE:
            seen.setdefault(owned.row.name, []).append(owned)
    policy, registration = face.saved.call_policy, face.saved.registration
    asked = {rule.target for rule in face.saved.search_rules if rule.state == "Enabled"}
    asked |= {policy.service} if policy.mode == POLICY_SERVICE else set()
    asked |= {registration.service} if registration.restriction_policy == POLICY_SERVICE else set()
    return [
        _page(one.name, one.protocol, seen.get(one.name, []), one.name in asked, NOT_ASKED)
        for one in face.saved.policy_services
    ]


def directory(face: Face) -> list[ZonePage]:
    """Give the H.350 directory seen as a zone is; nothing while it is off."""
    seen = [owned for owned in face.zones() if owned.row.type == DIRECTORY_TYPE]
    return [_page(DIRECTORY, "LDAP", seen, True, "")] if face.saved.h350.mode else []


def worst(rows: list[Owned[ZoneStatus]]) -> tuple[str, str]:
    """Say a zone's state over all peers that can be heard, with its tone: the worst that one of them says."""
    heard = [owned.row for owned in rows if not owned.stale] or [owned.row for owned in rows]
    if not heard:
        return "Unknown", "off"
    order = ["Failed", "Checking", "Active", "On", "Off"]
    found = min(heard, key=lambda row: (order.index(row.state) if row.state in order else 0, row.working))
    partly = found.state == "Active" and found.working < len(found.addresses)
    return found.words, "warn" if partly else STATE_TONES.get(found.state, "off")


def _page(name: str, kind: str, rows: list[Owned[ZoneStatus]], used: bool, unused: str) -> ZonePage:
    words, tone = worst(rows)
    places: dict[tuple[str, str], str] = {}
    for owned in rows:
        for address in owned.row.addresses:
            key = address.host, address.uri
            places[key] = places.get(key, "") or address.identity
    return ZonePage(
        name=name,
        type=kind,
        words=words,
        tone=tone,
        peers=tuple(_sees(owned) for owned in rows),
        lines=tuple(
            ZoneLine(
                host=host,
                uri=uri,
                identity=identity,
                cells=tuple(_cell(owned, _found(owned.row, host, uri)) for owned in rows),
            )
            for (host, uri), identity in places.items()
        ),
        warnings=() if used else (unused,),
    )


def _sees(owned: Owned[ZoneStatus]) -> PeerSees:
    words, tone = worst([owned])
    return PeerSees(
        peer=owned.number,
        peer_name=owned.peer,
        words=words,
        tone="off" if owned.stale else tone,
        age_s=owned.age_s,
        stale=owned.stale,
    )


def _found(row: ZoneStatus, host: str, uri: str) -> ZoneAddress | None:
    return next((one for one in row.addresses if (one.host, one.uri) == (host, uri)), None)


def _cell(owned: Owned[ZoneStatus], address: ZoneAddress | None) -> ZoneCell:
    state = address.state if address else ""
    return ZoneCell(
        peer=owned.number,
        peer_name=owned.peer,
        state=state,
        tone="off" if owned.stale or not state else TONES.get(state, "off"),
        reason=address.reason if address else "",
        round_trip_ms=address.round_trip_ms if address and state in WORKING else 0.0,
        free=address.free if address else -1,
        age_s=max(0.0, owned.age_s + owned.row.since_s - address.since_s) if address else 0.0,
        stale=owned.stale,
    )


def _text(page: ZonePage) -> str:
    parts = [page.name, page.type, page.words, *page.warnings]
    for line in page.lines:
        parts += [line.host, line.uri, line.identity, *(cell.reason for cell in line.cells)]
    return " ".join(parts)


def states(face: Face) -> Mapping[str, tuple[str, str]]:
    """Give words and tone of every zone, for lists of zones."""
    return {page.name: (page.words, page.tone) for page in zones(face)}
