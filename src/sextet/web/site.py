"""Which address leads to which page."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from sextet.admin.peers.views import in_maintenance
from sextet.web import guard
from sextet.web.desk import HERE, Desk, templates
from sextet.web.events import Bell, LivePage, stream
from sextet.web.guard import Headers, Visit, logged_in
from sextet.web.language import language_of
from sextet.web.pages import (
    bandwidth,
    calls,
    clustering,
    configuration,
    diagnostics,
    drafts,
    h350,
    lifecycle,
    maintenance,
    peer_list,
    policy_services,
    records,
    registrations,
    searches,
    status,
    zones,
)
from sextet.web.pages.safekeeping import ROUTES as SAFEKEEPING
from sextet.web.pages.security import ROUTES as SECURITY
from sextet.web.pages.upgrade import ROUTES as UPGRADE

READY = ("Active", "Single peer", "Suspended")  # while versions differ, calls and registrations go on
LIVE_PAGES = (
    *status.PAGES,
    zones.PAGE,
    policy_services.PAGE,
    h350.PAGE,
    *bandwidth.PAGES,
    clustering.PAGE,
    maintenance.HISTORY,
    maintenance.RESTART,
    diagnostics.PREFLIGHT,
)
_TITLES = {
    400: "That cannot be read",
    403: "Not allowed",
    404: "There is no such page",
    405: "That cannot be done here",
    411: "That cannot be read",
    413: "That is too much",
    415: "That cannot be read",
    500: "Something went wrong on this peer",
    503: "Not now",
}


def site(desk: Desk, bell: Bell) -> Starlette:
    """Build the application that answers every request."""
    routes: list[BaseRoute] = [
        Route("/", logged_in(_first)),
        Route("/login", guard.show_login, methods=["GET"]),
        Route("/login", guard.log_in, methods=["POST"]),
        Route("/language", guard.choose_language, methods=["POST"]),
        Route("/logout", logged_in(guard.log_out), methods=["POST"]),
        Route("/livez", _alive),
        Route("/readyz", _ready),
        Route("/events", stream),
        Mount("/static", StaticFiles(directory=HERE / "static")),
        *(_live(page) for page in (*status.PAGES, zones.PAGE, policy_services.PAGE, h350.PAGE, *bandwidth.PAGES)),
        *status.ROUTES,
        *zones.ROUTES,
        *bandwidth.ROUTES,
        *clustering.ROUTES,
        *peer_list.ROUTES,
        *configuration.ROUTES,
        *maintenance.ROUTES,
        *lifecycle.ROUTES,
        *SECURITY,
        *records.ROUTES,
        *searches.ROUTES,
        *drafts.ROUTES,
        *registrations.ROUTES,
        *calls.ROUTES,
        *diagnostics.ROUTES,
        *SAFEKEEPING,
        *UPGRADE,
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Headers)],
        exception_handlers={HTTPException: _refusal, 500: _failure},
    )
    app.state.desk, app.state.bell = desk, bell
    app.state.live_pages = {page.path: page for page in LIVE_PAGES}
    return app


def _live(page: LivePage) -> Route:
    async def show(visit: Visit) -> Response:
        return visit.page(page.template, live=True, **page.view(visit.desk.face, visit.query))

    return Route(page.path, logged_in(show), methods=["GET"])


async def _first(visit: Visit) -> Response:
    return RedirectResponse("/status/overview", 303)


async def _alive(request: Request) -> Response:
    desk: Desk = request.app.state.desk
    return PlainTextResponse(f"alive {desk.instance}\n")


async def _ready(request: Request) -> Response:
    """Say whether this peer takes calls; who asks is not known, so no names."""
    desk: Desk = request.app.state.desk
    status = desk.face.status()
    own = status.number
    engines = any(row.row.engines for row in desk.face.statuses() if row.number == own)
    database = status.database in READY or status.database.startswith("Synchronising")
    reasons = [*(["cluster database"] if not database else []), *(["engine"] if engines else [])]
    reasons += ["maintenance mode"] if in_maintenance(desk.face) else []
    return PlainTextResponse(f"not ready: {', '.join(reasons)}\n" if reasons else "ready\n", 503 if reasons else 200)


async def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = error.detail if error.detail != _PLAIN.get(error.status_code) else ""
    return _told(request, error.status_code, detail)


async def _failure(request: Request, error: Exception) -> Response:
    return _told(request, 500, "The peer itself goes on. What happened is in its log.")


_PLAIN = {404: "Not Found", 405: "Method Not Allowed"}


def _told(request: Request, status: int, detail: str) -> Response:
    title = _TITLES.get(status, "That did not work")
    template = templates(language_of(request)).get_template("error.html")
    return HTMLResponse(template.render(title=title, detail=detail, status=status, path=request.url.path), status)
