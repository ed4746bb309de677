"""Status > Registrations: which devices came, went or were turned away, and buttons that end what is not over."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from sextet.admin.newest import LIST_MAX
from sextet.cluster.face import Moved, NoPrimary
from sextet.model.schema import Refused
from sextet.web.desk import Message
from sextet.web.guard import Visit, logged_in

FILTER_MAX = 128
REGISTRATIONS, REMOVE = "/status/registrations", "/status/registrations/remove"
HISTORY = "/status/registration-history"
DEVICE = "device "  # before alias and device in the name of a box that was ticked


async def show_history(visit: Visit) -> Response:
    """Show what all peers of the cluster kept last."""
    if visit.desk.registrations is None:
        raise HTTPException(404, "This peer keeps no registrations.")
    wanted = visit.query.get("filter", "").strip()[:FILTER_MAX]
    found = await visit.desk.registrations.newest(wanted)
    return visit.page("registration_history.html", lines=found.lines, silent=found.silent, filter=wanted, most=LIST_MAX)


async def remove(visit: Visit) -> Response:
    """End the registrations that were ticked, after a question."""
    desk = visit.desk.unregistering
    if desk is None:
        raise HTTPException(404, "This peer has no registrations.")
    names = [name.removeprefix(DEVICE) for name in visit.posted if name.startswith(DEVICE)]
    devices = [(alias, device) for alias, _, device in (name.partition(" ") for name in names)]
    block = visit.posted.get("block") == "yes"
    if not devices:
        return visit.go(REGISTRATIONS, Message(tone="info", title="No device was ticked; nothing was changed."))
    try:
        if visit.posted.get("sure") != "yes":
            rows = desk.chosen(devices)
            return visit.page("unregister.html", rows=rows, block=block, unused=desk.unused())
        done = await desk.unregister(visit.actor, devices, block=block)
    except (Refused, NoPrimary, Moved) as refused:
        problems = refused.problems if isinstance(refused, Refused) else ()
        lines = tuple(problem.sentence for problem in problems) or (str(refused),)
        return visit.go(REGISTRATIONS, Message(tone="bad", title="Nothing was unregistered.", lines=lines))
    tone = "warn" if done.warnings else "ok"
    return visit.go(REGISTRATIONS, Message(tone=tone, title=done.done[0], lines=(*done.done[1:], *done.warnings)))


ROUTES = (
    Route(REMOVE, logged_in(remove), methods=["POST"]),
    Route(HISTORY, logged_in(show_history), methods=["GET"]),
)
