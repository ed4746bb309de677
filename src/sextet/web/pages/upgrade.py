"""Maintenance > Upgrade: the versions of all peers, a package that comes in piece by piece, and what runs next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sextet.admin.disk.upgrade import Upgrades
from sextet.cluster.disk.package import PACKAGE_BYTES_MAX
from sextet.model.schema import Problem, Refused
from sextet.web.desk import Message
from sextet.web.guard import Handler, Visit, logged_in

PATH = "/maintenance/upgrade"
RESTART = ("/maintenance/restart", "Restart options")
FIELDS_BYTES = 64 << 10  # beside a file
PIECE_BYTES_MAX = (1 << 20) + FIELDS_BYTES  # static/upload.js sends half of it at once
DIFFERENCES_MAX = 200  # lines of a preview: more is not read by anybody
SOON_S = 1.0  # what is done by then is answered at once; an install shows how far it is

Action = Callable[[Visit], Awaitable[Response]]


def _upgrades(visit: Visit) -> Upgrades:
    if visit.desk.upgrades is None:
        raise HTTPException(404)
    return visit.desk.upgrades


async def show(visit: Visit) -> Response:
    """Show everything about versions."""
    return visit.page("upgrade.html", state=await _upgrades(visit).state())


async def piece(visit: Visit) -> Response:
    """Take the next piece of a package; the answer says how much is here."""
    upgrades = _upgrades(visit)
    try:
        visit.desk.door.demand_write(visit.actor, "upload a package")
        at = visit.posted.get("at", "")
        if not at.isdigit() or "file" not in visit.files:
            raise Refused(Problem("at", "A piece of a package has content, and says at which byte it begins."))
        return JSONResponse({"received": await upgrades.upload.take(int(at), visit.files["file"])})
    except Refused as refused:
        return JSONResponse({"problem": str(refused), "received": upgrades.upload.received}, 409)


async def upload(visit: Visit) -> Response:
    """Take a whole package at once, as a browser without scripts sends it."""
    upgrades = _upgrades(visit)
    visit.desk.door.demand_write(visit.actor, "upload a package")
    if "file" not in visit.files:
        raise Refused(Problem("file", "Choose a package: a file such as sextet-1.0.0.tar.gz."))
    await upgrades.upload.take(0, visit.files["file"])
    return await finish(visit)


async def finish(visit: Visit) -> Response:
    """Read what has come in."""
    said = await _upgrades(visit).finish(visit.actor, visit.posted.get("sha256", ""))
    line = "Compare this SHA-256 with that of whom you have the package from, then install it below."
    return visit.go(PATH, Message(tone="ok", title=said, lines=(line,)))


async def install(visit: Visit) -> Response:
    """Begin to install; the page shows how far it is."""
    installing = asyncio.ensure_future(_upgrades(visit).install(visit.actor, visit.posted.get("sha256", "")))
    done, _ = await asyncio.wait({installing}, timeout=SOON_S)
    if not done:
        installing.add_done_callback(lambda ended: visit.desk.tell(visit.session, _told(ended)))
        return visit.go(PATH)
    installing.result()
    return visit.go(PATH, _told(installing))


async def preview(visit: Visit) -> Response:
    """Show what selecting a version loses, before it is selected."""
    loss = await _upgrades(visit).loss(_place(visit.query.get("place", "")))
    shown = loss.differences[:DIFFERENCES_MAX]
    return visit.page("upgrade_select.html", loss=loss, differences=shown, more=len(loss.differences) - len(shown))


async def select(visit: Visit) -> Response:
    """Select a version for the next restart."""
    said = await _upgrades(visit).select(visit.actor, _place(visit.posted.get("place", "")))
    return visit.go(PATH, Message(tone="ok", title=said, link=RESTART))


async def discard(visit: Visit) -> Response:
    """Forget the package that was uploaded."""
    return visit.go(PATH, Message(tone="ok", title=await _upgrades(visit).discard(visit.actor)))


def _told(done: asyncio.Future[str]) -> Message:
    if done.cancelled() or (error := done.exception()) is None:
        said = "" if done.cancelled() else done.result()
        return Message(tone="ok", title=said or "The install was interrupted.", link=RESTART)
    return _refusal(error) if isinstance(error, Refused) else Message(tone="bad", title="The install failed.")


def _refusal(refused: Refused) -> Message:
    lines = tuple(problem.sentence for problem in refused.problems)
    return Message(tone="bad", title="That was not done.", lines=lines)


def _place(text: str) -> int:
    if text not in ("0", "1", "2"):
        raise Refused(Problem("place", "Choose one of the versions that are listed."))
    return int(text)


def _told_back(action: Action) -> Handler:
    """Tell what is refused on the page itself."""

    async def act(visit: Visit) -> Response:
        try:
            return await action(visit)
        except Refused as refused:
            return visit.go(PATH, _refusal(refused))

    return act


def _post(path: str, action: Action, most: int = 0) -> Route:
    return Route(f"{PATH}/{path}", logged_in(_told_back(action), upload_bytes_max=most), methods=["POST"])


ROUTES = (
    Route(PATH, logged_in(show), methods=["GET"]),
    Route(f"{PATH}/select", logged_in(_told_back(preview)), methods=["GET"]),
    Route(f"{PATH}/piece", logged_in(piece, upload_bytes_max=PIECE_BYTES_MAX), methods=["POST"]),
    _post("upload", upload, PACKAGE_BYTES_MAX + FIELDS_BYTES),
    _post("finish", finish),
    _post("install", install),
    _post("select", select),
    _post("discard", discard),
)
