"""Maintenance: what the configuration was, and restarting this peer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from sextet.admin import listings
from sextet.admin.peers import views
from sextet.cluster.face import Face
from sextet.model.schema import Refused
from sextet.model.status import Stamp
from sextet.web.desk import Message
from sextet.web.elsewhere import gathered
from sextet.web.events import LivePage
from sextet.web.guard import Visit, logged_in
from sextet.web.saving import Kept, Plan, Saved, save

REVISIONS_MAX = 100


def history(face: Face, query: Mapping[str, str]) -> dict[str, Any]:
    """List the revisions and what was set aside."""
    return {"revisions": listings.history(face, REVISIONS_MAX), "proposals": listings.proposals(face)}


def restart_options(face: Face, query: Mapping[str, str]) -> dict[str, Any]:
    """Show what a restart would end."""
    own = face.status().number
    silent = {row.number for row in face.statuses() if row.stale}
    others = {number: rows for number, rows in face.registrations().items() if number not in silent}
    registered = others.pop(own, {}).keys()
    elsewhere = registered & set().union(*others.values())
    return {
        "calls": len({row.row.tag for row in face.calls() if row.number == own}),
        "registrations": len(registered),
        "elsewhere": len(elsewhere),
        "reasons": views.labels(face.status().restart_reasons),
    }


HISTORY = LivePage("/maintenance/history", "history.html", history)
RESTART = LivePage("/maintenance/restart", "restart.html", restart_options)


async def show_history(visit: Visit) -> Response:
    return visit.page(HISTORY.template, live=True, **history(visit.desk.face, {}))


async def show_revision(visit: Visit) -> Response:
    """Show what one revision changed."""
    stamp = _stamp(visit.query)
    face = visit.desk.face
    aside = (proposal.revision for proposal in listings.proposals(face))
    found = [*listings.history(face, REVISIONS_MAX), *aside]
    revision = next((one for one in found if one.stamp == stamp), None)
    if revision is None:
        raise HTTPException(404, "That revision is not kept on this peer.")
    return visit.page("revision.html", revision=revision, differences=visit.desk.face.difference_of(stamp))


async def undo(visit: Visit) -> Response:
    """Take back what one revision changed."""
    stamp, face = _stamp(visit.query), visit.desk.face
    try:
        result = await save(visit, lambda: Plan(changes=tuple(face.undoing(stamp)), done=f"{stamp} was undone."))
    except Refused as refused:
        result = Kept(problems=refused.problems)
    if isinstance(result, Saved):
        return visit.go(HISTORY.path, result.message)
    problems = result.problems if result else ()
    message = result.notice if result and result.notice else None
    title = f"{stamp} was not undone."
    return visit.go(HISTORY.path, message or Message(tone="bad", title=title, lines=tuple(gathered(problems))))


async def show_restart(visit: Visit) -> Response:
    """Show what a restart would end, and whether a factory reset that waits for it would fail."""
    reset = await visit.desk.lives.reset_state() if visit.desk.lives else None
    fault = reset.fault if reset and reset.armed else ""
    return visit.page(RESTART.template, live=True, reset_fault=fault, **restart_options(visit.desk.face, {}))


async def restart(visit: Visit) -> Response:
    """Restart this peer; the answer leaves first, and its page waits until the peer is back."""
    if not visit.actor.may_write:
        try:
            await visit.desk.door.restart(visit.actor)
        except Refused as refused:
            problems = tuple(problem.sentence for problem in refused.problems)
            return visit.go(RESTART.path, Message(tone="bad", title="Not restarted", lines=problems))
    visit.desk.later(lambda: visit.desk.door.restart(visit.actor))
    return visit.page("restarting.html", instance=visit.desk.instance)


ROUTES = (
    Route(HISTORY.path, logged_in(show_history), methods=["GET"]),
    Route(f"{HISTORY.path}/revision", logged_in(show_revision), methods=["GET"]),
    Route(f"{HISTORY.path}/revision", logged_in(undo), methods=["POST"]),
    Route(RESTART.path, logged_in(show_restart), methods=["GET"]),
    Route(RESTART.path, logged_in(restart), methods=["POST"]),
)


def _stamp(query: Mapping[str, str]) -> Stamp:
    term, revision = query.get("term", ""), query.get("revision", "")
    if (
        not (term.isascii() and revision.isascii() and term.isdigit() and revision.isdigit())
        or len(term + revision) > 30
    ):
        raise HTTPException(404, "There is no such revision.")
    return Stamp(int(term), query.get("author", ""), int(revision))
