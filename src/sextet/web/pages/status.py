"""Status: how the cluster is, who is registered, which calls there are, what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from sextet.admin import listings
from sextet.admin.peers import resources, views
from sextet.cluster.face import Face
from sextet.model.schema import Refused
from sextet.web import drawing
from sextet.web.desk import Message
from sextet.web.events import LivePage
from sextet.web.guard import ROWS_MAX, Visit, logged_in

FILTER_MAX = 128
CHANGES_SHOWN = 6


def overview(face: Face, query: Mapping[str, str]) -> dict[str, Any]:
    """Show the cluster at a glance."""
    page = views.overview(face)
    return {
        "page": page,
        "tone": {"healthy": "ok", "degraded": "warn"}.get(page.state, "bad"),
        "alarms": listings.alarms(face),
        "picture": drawing.picture(page.mesh),
        "peers": views.clustering(face).peers,
        "per_peer": _per_peer(face),
        "changes": listings.history(face, CHANGES_SHOWN),
    }


def registrations(face: Face, query: Mapping[str, str]) -> dict[str, Any]:
    """List who is registered where."""
    wanted = _filter(query)
    shown, found = listings.first_registrations(face, wanted, ROWS_MAX)
    total = sum(len(row.bindings) for rows in face.registrations().values() for row in rows.values())
    return {"rows": shown, "found": found, "total": total, "filter": wanted}


def calls(face: Face, query: Mapping[str, str]) -> dict[str, Any]:
    """List the calls."""
    wanted = _filter(query)
    found = listings.calls(face, wanted)
    total = len({row.row.tag for row in face.calls()})
    return {"rows": found[:ROWS_MAX], "found": len(found), "total": total, "filter": wanted}


def alarms(face: Face, query: Mapping[str, str]) -> dict[str, Any]:
    """List the alarms, the same one of several peers once."""
    own = face.status().number
    wanted, every = _filter(query), listings.alarms(face)
    found = [alarm for alarm in every if _mentions(alarm, wanted)]
    past = [
        alarm
        for alarm in listings.past_alarms(face)
        if _has(wanted, str(alarm.number), alarm.key, alarm.title, alarm.severity, alarm.peer_name, alarm.detail)
    ]
    return {
        "rows": found[:ROWS_MAX],
        "found": len(found),
        "total": len(every),
        "filter": wanted,
        "own_number": own,
        "past": past[:ROWS_MAX],
    }


def resource_usage(face: Face, query: Mapping[str, str]) -> dict[str, Any]:
    """Show use and limits of the whole cluster."""
    return {"page": resources.resources(face)}


PAGES = (
    LivePage("/status/overview", "overview.html", overview),
    LivePage("/status/registrations", "registrations.html", registrations),
    LivePage("/status/calls", "calls.html", calls),
    LivePage("/status/system/resource-usage", "resources.html", resource_usage),
    LivePage("/status/alarms", "alarms.html", alarms),
)


async def acknowledge(visit: Visit) -> Response:
    """Note that somebody has seen an alarm, on the peer that is named or on all that raise it."""
    number, peer, key = (visit.posted.get(name, "") for name in ("number", "peer", "key"))
    wanted = int(peer) if peer.isdecimal() else None
    alarm = int(number) if number.isdecimal() else 0
    try:
        await visit.desk.door.acknowledge(visit.actor, alarm, key, peer=wanted, everywhere=peer == "all")
    except Refused as refused:
        problems = tuple(problem.sentence for problem in refused.problems)
        return visit.go("/status/alarms", Message(tone="bad", title="Not acknowledged", lines=problems))
    text = ("It stays in the list until its cause is gone, and counts again if it is raised again.",)
    return visit.go("/status/alarms", Message(tone="ok", title=f"Alarm {number} acknowledged.", lines=text))


ROUTES = (Route("/status/alarms/acknowledge", logged_in(acknowledge), methods=["POST"]),)


def _filter(query: Mapping[str, str]) -> str:
    return query.get("filter", "").strip()[:FILTER_MAX]


def _mentions(alarm: listings.AlarmLine, wanted: str) -> bool:
    texts = [str(alarm.number), alarm.uuid, alarm.key, alarm.title, alarm.text, alarm.severity]
    texts += [text for peer in alarm.peers for text in (peer.peer_name, peer.detail)]
    return _has(wanted, *texts)


def _has(wanted: str, *texts: str) -> bool:
    return not wanted or any(wanted.casefold() in text.casefold() for text in texts)


def _per_peer(face: Face) -> dict[int, tuple[int, int]]:
    """Count registered aliases and calls of each peer."""
    through = Counter(call.number for call in face.calls())
    return {number: (len(rows), through[number]) for number, rows in face.registrations().items()}
