"""Who may see a page: log-in, the token in every form, limits, and the headers that keep browsers honest."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sextet.admin.access import Session, Throttled, actor_of, csrf_matches
from sextet.admin.actor import Actor
from sextet.model.schema import Refused
from sextet.web.desk import Desk, Url, templates
from sextet.web.desk import Message as Notice
from sextet.web.language import NAMES, keep, language_of

COOKIE = "__Host-sextet"  # the prefix makes browsers insist on Secure, Path=/ and no Domain (RFC 6265bis 4.1.3.2)
LOGIN_COOKIE = "__Host-sextet-login"
BODY_BYTES_MAX = 1 << 20  # a CPL script of 128 Ki characters, twice, escaped; every other form is far smaller
ROWS_MAX = 500  # of a list on one page: a browser shows them at once, and the filter finds the others
FIELDS_MAX = ROWS_MAX + 100  # each of these rows ticked, and what stands beside them; other forms have fewer
UPLOADS_MAX = 4  # files of one form; a certificate and its key are two
TOKEN_MAX = 128
FOREIGN_FORM = "This form was not made by this page, or by an earlier log-in. Go back, reload the page and try again."
ENDED = "You are not logged in any more; nothing was changed. Log in in another tab, come back and send the form again."
# No Strict-Transport-Security: nothing is served without TLS, and with it nobody could get past a certificate that has
# expired to put a new one in its place (RFC 6797 12.1).
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request of somebody who is logged in; `posted` is the form that came with it."""

    desk: Desk
    request: Request
    session: Session
    posted: Mapping[str, str]
    files: Mapping[str, bytes] = field(default_factory=dict)  # that were uploaded with it

    @property
    def actor(self) -> Actor:
        return actor_of(self.session, ip=caller(self.request)[0], port=caller(self.request)[1])

    @property
    def query(self) -> Mapping[str, str]:
        return dict(self.request.query_params)

    def page(self, template: str, status: int = 200, **context: Any) -> Response:
        """Answer with a page."""
        return HTMLResponse(self.desk.page(template, self.session, url_of(self.request), **context), status)

    def go(self, path: str, message: Notice | None = None) -> Response:
        """Answer an action: the browser fetches another page, so that a reload repeats nothing."""
        if message:
            self.desk.tell(self.session, message)
        return RedirectResponse(path, 303)


Handler = Callable[[Visit], Awaitable[Response]]


def logged_in(handler: Handler, *, upload_bytes_max: int = 0) -> Callable[[Request], Awaitable[Response]]:
    """Let only those in who are logged in, and take forms only with their session's token; files where allowed."""

    async def endpoint(request: Request) -> Response:
        desk: Desk = request.app.state.desk
        session = desk.access.session(token_of(request))
        if session is None:
            return _to_login(request)
        posted: Mapping[str, str] = {}
        files: Mapping[str, bytes] = {}
        if request.method == "POST" and upload_bytes_max and _is_upload(request):
            posted, files = await _upload_of(request, upload_bytes_max)
        elif request.method == "POST":
            posted = await form_of(request)
        if request.method == "POST" and not csrf_matches(session, posted.get("csrf", "")):
            raise HTTPException(403, FOREIGN_FORM)
        return await handler(Visit(desk=desk, request=request, session=session, posted=posted, files=files))

    return endpoint


async def form_of(request: Request) -> dict[str, str]:
    """Read a posted form; of a name that is there twice the last one counts."""
    _demand_same_origin(request)
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise HTTPException(415, "Forms are sent as application/x-www-form-urlencoded.")
    _demand_length(request, BODY_BYTES_MAX)
    try:
        text = (await request.body()).decode()
        if text.count("&") + 1 > FIELDS_MAX:
            raise HTTPException(413, f"The form has more than {FIELDS_MAX} fields; send fewer at once.")
        return dict(parse_qsl(text, keep_blank_values=True, errors="strict"))
    except (ValueError, ClientDisconnect) as error:
        raise HTTPException(400, "The form cannot be read.") from error


def _demand_length(request: Request, most: int) -> None:
    length = request.headers.get("content-length", "")
    if not length.isdigit():
        raise HTTPException(411, "The length of the form must be given.")
    if int(length) > most:
        raise HTTPException(413, f"The form is larger than {most >> 10} KiB.")


def _is_upload(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("multipart/form-data")


async def _upload_of(request: Request, most: int) -> tuple[dict[str, str], dict[str, bytes]]:
    """Read a posted form with files, all of it in memory; an empty file is one that was not chosen."""
    _demand_same_origin(request)
    _demand_length(request, most)
    async with request.form(max_files=UPLOADS_MAX, max_fields=FIELDS_MAX) as form:
        texts = {name: value for name, value in form.items() if isinstance(value, str)}
        files = {name: await value.read() for name, value in form.items() if not isinstance(value, str)}
    return texts, {name: data for name, data in files.items() if data}


async def show_login(request: Request) -> Response:
    """Show the log-in page."""
    desk: Desk = request.app.state.desk
    if desk.access.session(token_of(request)):
        return RedirectResponse(_inside(request.query_params.get("next", "")), 303)
    return _login_page(request, next=request.query_params.get("next", ""))


async def log_in(request: Request) -> Response:
    """Check name and password; the page's own token keeps others from logging a browser in."""
    desk: Desk = request.app.state.desk
    posted = await form_of(request)
    given, wanted = posted.get("csrf", ""), request.cookies.get(LOGIN_COOKIE, "")
    if not wanted or not hmac.compare_digest(given.encode(), wanted.encode()):
        return _login_page(request, 403, problem="The log-in page was too old; try again.", **_kept(posted))
    ip, port = caller(request)
    try:
        token = await desk.access.log_in(posted.get("user", ""), posted.get("password", ""), ip=ip, port=port)
    except Throttled as refused:
        answer = _login_page(request, 429, problem=refused.problems[0].sentence, **_kept(posted))
        answer.headers["Retry-After"] = str(max(1, round(refused.wait_s)))
        return answer
    except Refused as refused:
        return _login_page(request, 401, problem=refused.problems[0].sentence, **_kept(posted))
    response = RedirectResponse(_inside(posted.get("next", "")), 303)
    response.set_cookie(COOKIE, token, secure=True, httponly=True, samesite="strict", path="/")
    response.delete_cookie(LOGIN_COOKIE, secure=True, httponly=True, samesite="strict", path="/")
    return response


async def choose_language(request: Request) -> Response:
    """Keep a choice of language, and go back to the page on which it was made; nobody need be logged in for it."""
    posted = await form_of(request)
    target = posted.get("next", "")
    before_log_in = target == "/login" or target.startswith("/login?next=/")
    response = RedirectResponse(target if before_log_in else _inside(target), 303)
    if posted.get("language") in NAMES:
        keep(response, posted["language"])
    return response


async def log_out(visit: Visit) -> Response:
    """End the session."""
    ip, port = caller(visit.request)
    visit.desk.access.log_out(token_of(visit.request), ip=ip, port=port)
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE, secure=True, httponly=True, samesite="strict", path="/")
    return response


def token_of(request: Request) -> str:
    """Read the session's token from the cookie."""
    return request.cookies.get(COOKIE, "")[:TOKEN_MAX]


def caller(request: Request) -> tuple[str, int]:
    """Name who is on the other end of the connection."""
    return (request.client.host, request.client.port) if request.client else ("", 0)


def url_of(request: Request) -> Url:
    """Say where the browser is, by its own words."""
    return Url(request.headers.get("host", ""), request.url.path, request.url.query, language_of(request))


class Headers:
    """Put the security headers on every answer; pages are never kept by caches."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers["Cache-Control"] = "max-age=86400" if scope["path"].startswith("/static/") else "no-store"
            await send(message)

        await self._app(scope, receive, marked if scope["type"] == "http" else send)


def _to_login(request: Request) -> Response:
    if request.method != "GET":
        raise HTTPException(403, ENDED)
    if request.headers.get("sec-fetch-site") == "cross-site" and not token_of(request):
        # SameSite=Strict keeps the cookie back on a link from another peer's page; asking once more from here sends it.
        return HTMLResponse('<!doctype html><meta http-equiv="refresh" content="0"><title>sextet</title>')
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse("/login" if target == "/" else f"/login?next={quote(target)}", 303)


def _demand_same_origin(request: Request) -> None:
    """Refuse forms of other sites, as far as the browser says where they come from (tokens do the rest)."""
    origin, host = request.headers.get("origin"), request.headers.get("host", "")
    foreign = origin is not None and urlsplit(origin).netloc.lower() != host.lower()
    if foreign or request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise HTTPException(403, "This form came from another site; nothing was changed.")


def _login_page(request: Request, status: int = 200, *, problem: str = "", user: str = "", next: str = "") -> Response:
    desk: Desk = request.app.state.desk
    csrf = secrets.token_urlsafe(32)
    name = desk.face.saved.system.name or "this system"
    context = {"problem": problem, "user": user, "next": _inside(next), "csrf": csrf, "name": name}
    text = templates(language_of(request)).get_template("login.html").render(context)
    response = HTMLResponse(text, status)
    response.set_cookie(LOGIN_COOKIE, csrf, secure=True, httponly=True, samesite="strict", path="/", max_age=3600)
    return response


def _kept(posted: Mapping[str, str]) -> dict[str, str]:
    return {"user": posted.get("user", "")[:TOKEN_MAX], "next": posted.get("next", "")}


def _inside(path: str) -> str:
    """Accept only a place on this peer: browsers take // and /\\ for another host."""
    safe = path.startswith("/") and path[1:2] not in ("/", "\\") and path.isprintable()
    return path if safe and not path.startswith("/log") else "/status/overview"
