"""Status > Calls: those that are over, and a button that ends one that is not."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from sextet.admin.dialplan.call_history import CallDesk
from sextet.admin.newest import LIST_MAX
from sextet.model.schema import Refused
from sextet.web.desk import Message
from sextet.web.guard import Visit, logged_in

FILTER_MAX = 128
TAG_MAX = 128
CALLS, HISTORY, DISCONNECT = "/status/calls", "/status/call-history", "/status/calls/disconnect"


async def show_history(visit: Visit) -> Response:
    """Show the newest calls of the whole cluster that are over."""
    wanted = visit.query.get("filter", "").strip()[:FILTER_MAX]
    found = await _desk(visit).newest(wanted)
    return visit.page("call_history.html", lines=found.lines, silent=found.silent, filter=wanted, most=LIST_MAX)


async def disconnect(visit: Visit) -> Response:
    """End a call; asked for twice, so that a slip of the hand ends none."""
    tag = visit.posted.get("tag", "")[:TAG_MAX]
    call = next((one.row for one in visit.desk.face.calls() if one.row.tag == tag), None)
    if call is None:
        return visit.go(CALLS, Message(tone="info", title="The call is over already."))
    if visit.posted.get("sure") != "yes":
        return visit.page("disconnect.html", call=call)
    try:
        sentence = await _desk(visit).disconnect(visit.actor, tag)
    except Refused as refused:
        lines = tuple(problem.sentence for problem in refused.problems)
        return visit.go(CALLS, Message(tone="bad", title="The call was not ended.", lines=lines))
    return visit.go(CALLS, Message(tone="ok", title=sentence))


ROUTES = (
    Route(HISTORY, logged_in(show_history), methods=["GET"]),
    Route(DISCONNECT, logged_in(disconnect), methods=["POST"]),
)


def _desk(visit: Visit) -> CallDesk:
    if visit.desk.calls is None:
        raise HTTPException(404, "This peer keeps no calls.")
    return visit.desk.calls
