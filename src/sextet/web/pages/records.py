"""Status > Logs: what happened, newest first; Maintenance > Diagnostics > Diagnostic logging: all, for a while."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from sextet.admin.commands import LOGS
from sextet.admin.logs.records import PeerRecording, Records
from sextet.model.schema import Refused
from sextet.watch.line import Entry
from sextet.watch.sought import BAD, KINDS, PERIODS
from sextet.web.desk import Message
from sextet.web.guard import Visit, logged_in

LINES_MAX = 1000  # the original's records per page (facts 11.6)
FILTER_MAX = 128
TITLES = {"event": "Event log", "configuration": "Configuration log", "network": "Network log"}
DIAGNOSTICS = "/maintenance/diagnostics/logging"
_GOOD = ("Application Start", "Admin Session Start", "Admin Session Finish", "Call Connected", "Alarm Lowered")
_WARN = ("System Shutdown", "Application Exit", "Alarm Acknowledged")
_LEVELS = {"ERROR": "bad", "WARN": "warn"}


def tone_of(entry: Entry) -> str:
    """Choose the colour of a line as the original does (facts 11.6)."""
    event = entry.get("Event")
    if event in _GOOD:
        return "ok"
    if event in _WARN:
        return "warn"
    if any(word in event for word in BAD):
        return "bad"
    return _LEVELS.get(entry.get("Level"), "info" if event in ("Diagnostic Logging", "DEBUG_MARKER") else "off")


async def show_log(visit: Visit) -> Response:
    """Show the newest lines of a log, or those that contain a text."""
    name = visit.request.path_params["log"]
    if name not in LOGS:
        raise HTTPException(404, "There is no such log.")
    wanted = visit.query.get("filter", "").strip()[:FILTER_MAX]
    kind, within = visit.query.get("kind", ""), visit.query.get("within", "")
    kind, within = kind if kind in KINDS else "", within if within in PERIODS else ""
    within_s = PERIODS.get(within, 0.0)
    found = await _records(visit).search(name, wanted, LINES_MAX, kind=kind, within_s=within_s)
    rows = [(tone_of(entry), entry) for entry in reversed(found)]
    servers = _records(visit).servers() if name == LOGS[0] else []
    sought: dict[str, Any] = {"filter": wanted, "kind": kind, "within": within}
    sought |= {"kinds": tuple(KINDS), "periods": tuple(PERIODS)}
    return visit.page("log.html", rows=rows, title=TITLES[name], most=LINES_MAX, servers=servers, **sought)


async def show_diagnostics(visit: Visit) -> Response:
    """Show how diagnostic logging is on every peer."""
    records = _records(visit)
    return visit.page("diagnostic_logging.html", peers=await records.states(), state=records.state())


async def start(visit: Visit) -> Response:
    """Start it."""
    everywhere, capture = visit.posted.get("on") == "all", visit.posted.get("capture") == "on"
    try:
        done = await _records(visit).start(visit.actor, everywhere=everywhere, capture=capture)
    except Refused as refused:
        return _refused(visit, "Diagnostic logging was not started.", refused)
    return visit.go(DIAGNOSTICS, _told("started", done))


async def stop(visit: Visit) -> Response:
    """Stop it."""
    try:
        done = await _records(visit).stop(visit.actor, everywhere=visit.posted.get("on") == "all")
    except Refused as refused:
        return _refused(visit, "Diagnostic logging was not stopped.", refused)
    return visit.go(DIAGNOSTICS, _told("stopped", done))


async def mark(visit: Visit) -> Response:
    """Write a marker."""
    try:
        _records(visit).mark(visit.actor, visit.posted.get("marker", "").strip() or "marker")
    except Refused as refused:
        return _refused(visit, "The marker was not written.", refused)
    return visit.go(DIAGNOSTICS, Message(tone="ok", title="The marker is in this peer's diagnostic log."))


async def download(visit: Visit) -> Response:
    """Send the archive of this peer."""
    try:
        path = await _records(visit).archive(visit.actor)
    except Refused as refused:
        return _refused(visit, "There is no archive to download.", refused)
    return FileResponse(path, media_type="application/gzip", filename=path.name)


ROUTES = (
    Route("/status/logs/{log}", logged_in(show_log), methods=["GET"]),
    Route(DIAGNOSTICS, logged_in(show_diagnostics), methods=["GET"]),
    Route(f"{DIAGNOSTICS}/start", logged_in(start), methods=["POST"]),
    Route(f"{DIAGNOSTICS}/stop", logged_in(stop), methods=["POST"]),
    Route(f"{DIAGNOSTICS}/marker", logged_in(mark), methods=["POST"]),
    Route(f"{DIAGNOSTICS}/download", logged_in(download), methods=["POST"]),
)


def _records(visit: Visit) -> Records:
    if visit.desk.records is None:
        raise HTTPException(404, "This peer keeps no logs.")
    return visit.desk.records


def _told(what: str, done: Sequence[PeerRecording]) -> Message:
    failed = [one for one in done if not one.ok]
    lines = [f"{one.peer_name}: {one.sentence}" for one in failed]
    lines += [f"{one.peer_name}: {one.state.capture}" for one in done if one.ok and one.state and one.state.capture]
    title = f"Diagnostic logging was {what} on {len(done) - len(failed)} of {len(done)} peers."
    return Message(tone="warn" if failed else "ok", title=title, lines=tuple(lines))


def _refused(visit: Visit, title: str, refused: Refused) -> Response:
    lines = tuple(problem.sentence for problem in refused.problems)
    return visit.go(DIAGNOSTICS, Message(tone="bad", title=title, lines=lines))
