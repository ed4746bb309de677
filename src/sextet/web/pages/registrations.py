"""Status > Registration history: which devices came, went or were turned away."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from sextet.admin.newest import LIST_MAX
from sextet.web.guard import Visit, logged_in

FILTER_MAX = 128
HISTORY = "/status/registration-history"


async def show_history(visit: Visit) -> Response:
    """Show what all peers of the cluster kept last."""
    if visit.desk.registrations is None:
        raise HTTPException(404, "This peer keeps no registrations.")
    wanted = visit.query.get("filter", "").strip()[:FILTER_MAX]
    found = await visit.desk.registrations.newest(wanted)
    return visit.page("registration_history.html", lines=found.lines, silent=found.silent, filter=wanted, most=LIST_MAX)


ROUTES = (Route(HISTORY, logged_in(show_history), methods=["GET"]),)
