"""Maintenance: backup and restore, what is stored on this peer, and system snapshots for support."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from sextet.admin.disk.safekeeping import Kept, Safekeeping
from sextet.admin.disk.snapshot import KINDS, Snapshots
from sextet.cluster.disk.backup import BACKUP_BYTES_MAX
from sextet.model.schema import Problem, Refused
from sextet.web.desk import Message
from sextet.web.guard import Handler, Visit, logged_in

BACKUP = "/maintenance/backup"
SNAPSHOT = "/maintenance/diagnostics/snapshot"
UPLOAD_BYTES_MAX = BACKUP_BYTES_MAX + (64 << 10)  # the file and the fields beside it
DIFFERENCES_MAX = 200  # lines of a preview: more is not read by anybody

Action = Callable[[Visit], Awaitable[Response]]


def _keeping(visit: Visit) -> Safekeeping:
    if visit.desk.keeping is None:
        raise HTTPException(404)
    return visit.desk.keeping


def _snapshots(visit: Visit) -> Snapshots:
    if visit.desk.snapshots is None:
        raise HTTPException(404)
    return visit.desk.snapshots


def _written(page: str, what: str, action: Action) -> Handler:
    """Let only accounts that may write do it; what is refused is told on the page from which it came."""

    async def act(visit: Visit) -> Response:
        try:
            visit.desk.door.demand_write(visit.actor, what)
            return await action(visit)
        except Refused as refused:
            lines = tuple(problem.sentence for problem in refused.problems)
            return visit.go(page, Message(tone="bad", title="That was not done.", lines=lines))

    return act


async def show_backup(visit: Visit) -> Response:
    keeping = _keeping(visit)
    health = await asyncio.to_thread(keeping.health)
    refusal = keeping.vault.why_no_restore()
    return visit.page("backup.html", health=health, backups=keeping.backups(), refusal=refusal)


async def create(visit: Visit) -> Response:
    passphrase = visit.posted.get("passphrase", "")
    if passphrase != visit.posted.get("again", ""):
        raise Refused(Problem("again", "The two passphrases are not the same; no backup was made."))
    path = await _keeping(visit).back_up(visit.actor, passphrase)
    lines = ("Download it and keep it, and its passphrase, elsewhere.",)
    return visit.go(BACKUP, Message(tone="ok", title=f"Backup made: {path.name}", lines=lines))


async def download(visit: Visit) -> Response:
    keeping = _keeping(visit)
    return FileResponse(keeping.find(_named(visit, keeping.backups())), filename=visit.posted["name"])


async def verify(visit: Visit) -> Response:
    """Show what restoring would change; an uploaded file is kept among the backups."""
    keeping = _keeping(visit)
    if data := visit.files.get("file"):
        name = await keeping.take_in(data)
    elif visit.posted.get("name"):
        name = _named(visit, keeping.backups())
    else:
        raise Refused(Problem("file", "Choose a backup file."))
    preview = await keeping.preview(keeping.find(name), visit.posted.get("passphrase", ""))
    shown = preview.differences[:DIFFERENCES_MAX]
    more = len(preview.differences) - len(shown)
    return visit.page("backup_preview.html", preview=preview, name=name, differences=shown, more=more)


async def restore(visit: Visit) -> Response:
    keeping = _keeping(visit)
    path = keeping.find(_named(visit, keeping.backups()))
    await keeping.restore(visit.actor, path, visit.posted.get("passphrase", ""))
    return visit.page("restarting.html", instance=visit.desk.instance)


async def check(visit: Visit) -> Response:
    health = await _keeping(visit).check(visit.actor)
    well = not health.database and not health.system_key
    return visit.go(BACKUP, Message(tone="ok" if well else "bad", title=health.sentence))


async def recover(visit: Visit) -> Response:
    return visit.go(BACKUP, Message(tone="ok", title=await _keeping(visit).recover(visit.actor)))


async def renew_key(visit: Visit) -> Response:
    return visit.go(BACKUP, Message(tone="ok", title=await _keeping(visit).renew_key(visit.actor)))


async def show_snapshot(visit: Visit) -> Response:
    snapshots = _snapshots(visit)
    return visit.page("snapshot.html", snapshots=snapshots, kept=snapshots.kept(), kinds=KINDS)


async def take_snapshot(visit: Visit) -> Response:
    """Begin; small ones are done before the answer is sent."""
    making = _snapshots(visit).begin(visit.actor, visit.posted.get("kind", ""))
    await asyncio.wait({making}, timeout=1.0)
    if not making.done():
        return visit.go(SNAPSHOT, Message(tone="info", title="The snapshot is being made; reload this page."))
    return visit.go(SNAPSHOT, Message(tone="ok", title=f"Snapshot made: {making.result().name}"))


async def download_snapshot(visit: Visit) -> Response:
    snapshots = _snapshots(visit)
    name = _named(visit, snapshots.kept())
    return FileResponse(snapshots.folder / name, filename=name)


def _named(visit: Visit, kept: object) -> str:
    """Take only the name of a file that is listed: nothing else of this host can be reached."""
    assert isinstance(kept, list)
    name = visit.posted.get("name", "")
    if not any(isinstance(one, Kept) and one.name == name for one in kept):
        raise Refused(Problem("name", "That file is not kept here any more."))
    return name


def _post(path: str, page: str, what: str, action: Action, most: int = 0) -> Route:
    return Route(path, logged_in(_written(page, what, action), upload_bytes_max=most), methods=["POST"])


ROUTES = (
    Route(BACKUP, logged_in(show_backup), methods=["GET"]),
    _post(f"{BACKUP}/create", BACKUP, "make a backup", create),
    _post(f"{BACKUP}/download", BACKUP, "download a backup", download),
    _post(f"{BACKUP}/verify", BACKUP, "read a backup", verify, UPLOAD_BYTES_MAX),
    _post(f"{BACKUP}/restore", BACKUP, "restore a backup", restore),
    _post(f"{BACKUP}/check", BACKUP, "check the database", check),
    _post(f"{BACKUP}/recover", BACKUP, "recover the database", recover),
    _post(f"{BACKUP}/system-key", BACKUP, "renew the system key", renew_key),
    Route(SNAPSHOT, logged_in(show_snapshot), methods=["GET"]),
    _post(SNAPSHOT, SNAPSHOT, "make a system snapshot", take_snapshot),
    _post(f"{SNAPSHOT}/download", SNAPSHOT, "download a system snapshot", download_snapshot),
)
