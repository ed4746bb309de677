"""The stream that keeps pages current: when something changes, the live parts of the page are sent again.

A fragment is sent only when its HTML differs from what was sent before. Whether or not anything changed,
a tick is sent every TICK_S, so that a browser knows how old its page is.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sextet.cluster.face import Face
from sextet.web.desk import Desk, Url
from sextet.web.guard import token_of
from sextet.web.language import language_of

TICK_S = 3.0  # live.js calls a page stale after 7 s
PAUSE_S = 0.25  # at most four times a second and browser
SHARE = 10  # a page that takes long to make rests ten times as long: nobody's browser takes the peer's time from calls
STREAMS_MAX = 60  # of all browsers: each holds a connection and renders its page up to four times a second
PAGE_MAX = 2048  # characters of the page's address

View = Callable[[Face, Mapping[str, str]], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class LivePage:
    """A page that shows what is: its path, its template, and what it shows, made anew for every look."""

    path: str
    template: str
    view: View


class Bell:
    """Rings all open streams when the peer says that something changed, and when they have to end."""

    def __init__(self, face: Face) -> None:
        self._face = face
        self._waiting: set[asyncio.Event] = set()
        self.stopping = False

    async def run(self) -> None:
        """Follow the peer until cancelled."""
        async for _ in self._face.changes():
            self.ring()

    def ring(self) -> None:
        for event in self._waiting:
            event.set()

    def stop(self) -> None:
        """Let every stream say goodbye and end."""
        self.stopping = True
        self.ring()

    @property
    def full(self) -> bool:
        return len(self._waiting) >= STREAMS_MAX

    def open(self) -> asyncio.Event:
        """Join; the first look comes at once."""
        event = asyncio.Event()
        event.set()
        self._waiting.add(event)
        return event

    def close(self, event: asyncio.Event) -> None:
        self._waiting.discard(event)


async def stream(request: Request) -> Response:
    """Follow one page; the page and its query are named by `page`."""
    target = urlsplit(request.query_params.get("page", "")[:PAGE_MAX])
    pages: Mapping[str, LivePage] = request.app.state.live_pages
    if target.path not in pages:
        raise HTTPException(404, "There is no such page to follow.")
    bell: Bell = request.app.state.bell
    if bell.full:
        raise HTTPException(503, f"{STREAMS_MAX} pages are followed already; close some.")
    url = Url(request.headers.get("host", ""), target.path, target.query, language_of(request))
    lines = _lines(request.app.state.desk, bell, pages[target.path], url, token_of(request))
    return StreamingResponse(lines, media_type="text/event-stream")


async def _lines(desk: Desk, bell: Bell, page: LivePage, url: Url, token: str) -> AsyncIterator[str]:
    query = dict(parse_qsl(url.query))
    sent: dict[str, str] = {}
    event = bell.open()
    try:
        yield "retry: 2000\n\n"
        while not bell.stopping:
            session = desk.access.peek(token)
            if session is None:
                yield _said("bye", "login")
                return
            event.clear()  # before looking: what changes from here on rings again
            started = time.monotonic()
            shown = dict(desk.fragments(page.template, session, url, page.view(desk.face, query)))
            for name in [name for name, html in shown.items() if sent.get(name) != html]:
                yield _said("fragment", json.dumps({"id": name, "html": shown[name]}))
            sent = shown
            yield _said("tick", "")
            await _rest(event, max(PAUSE_S, SHARE * (time.monotonic() - started)))
        yield _said("bye", "stopping")
    finally:
        bell.close(event)


async def _rest(event: asyncio.Event, pause_s: float) -> None:
    """Wait for news or the next tick, but never less than the pause."""
    await asyncio.sleep(min(pause_s, TICK_S))
    try:
        await asyncio.wait_for(event.wait(), max(0.0, TICK_S - pause_s))
    except TimeoutError:
        return


def _said(event: str, data: str) -> str:
    return f"event: {event}\ndata: {data}\n\n"
