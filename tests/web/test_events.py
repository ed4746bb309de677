"""The stream of live fragments: what changed, once, and who may follow."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from sextet.web import events
from sextet.web.desk import Url
from sextet.web.guard import COOKIE
from sextet.web.site import LIVE_PAGES
from tests.support.web_client import Browser

CALLS = next(page for page in LIVE_PAGES if page.path == "/status/calls")


class Follower:
    """Reads one stream as a browser does."""

    def __init__(self, browser: Browser, page: events.LivePage = CALLS, query: str = "") -> None:
        token = browser.client.cookies[COOKIE]
        self._lines: AsyncIterator[str] = events._lines(
            browser.desk, browser.bell, page, Url("h", page.path, query), token
        )

    async def until(self, name: str) -> list[tuple[str, str]]:
        """Read events up to and with the named one."""
        found = []
        async for text in self._lines:
            fields = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
            if "event" in fields:
                found.append((fields["event"], fields.get("data", "")))
            if fields.get("event") == name:
                return found
        raise AssertionError(f"the stream ended without {name}: {found}")

    async def fragments(self) -> dict[str, str]:
        """Read the fragments up to the next tick."""
        told = [json.loads(data) for name, data in await self.until("tick") if name == "fragment"]
        return {one["id"]: one["html"] for one in told}


def test_what_changes_is_sent_and_nothing_else() -> None:
    async def play() -> None:
        browser = Browser()
        await asyncio.to_thread(browser.log_in)
        follower = Follower(browser)
        first = await follower.fragments()
        assert "alice@apolo.local" in first["live_rows"]
        assert not any(event.is_set() for event in browser.bell._waiting), "without news it would look again at once"
        browser.face.call("call-2", 2, "<b>carol</b>", "dave@apolo.local")
        browser.bell.ring()
        second = await follower.fragments()
        assert set(second) == {"live_rows"}
        assert "&lt;b&gt;carol" in second["live_rows"]
        browser.bell.ring()
        assert await follower.fragments() == {}

    asyncio.run(play())


def test_what_changes_while_a_page_is_rendered_is_not_missed() -> None:
    async def play() -> None:
        browser = Browser()
        await asyncio.to_thread(browser.log_in)
        follower = Follower(browser)
        await follower.fragments()
        browser.bell.ring()  # between the tick and the wait that follows it
        browser.face.call("call-2", 2, "carol@apolo.local", "dave@apolo.local")
        assert "carol" in (await asyncio.wait_for(follower.fragments(), events.TICK_S / 2))["live_rows"]

    asyncio.run(play())


def test_the_filter_of_the_page_holds_for_its_fragments() -> None:
    async def play() -> None:
        browser = Browser()
        await asyncio.to_thread(browser.log_in)
        first = await Follower(browser, query="filter=nobody").fragments()
        assert "alice@apolo.local" not in first["live_rows"]

    asyncio.run(play())


def test_the_peers_own_changes_ring_the_bell() -> None:
    async def play() -> None:
        browser = Browser()
        await asyncio.to_thread(browser.log_in)
        ringing = asyncio.create_task(browser.bell.run())
        await asyncio.sleep(0)  # let it begin to follow
        follower = Follower(browser)
        await follower.fragments()
        browser.face.call("call-2", 2, "carol@apolo.local", "dave@apolo.local")
        assert "carol" in (await asyncio.wait_for(follower.fragments(), 2))["live_rows"]
        ringing.cancel()

    asyncio.run(play())


def test_every_live_page_has_the_elements_that_its_fragments_replace() -> None:
    browser = Browser().log_in()
    token = browser.client.cookies[COOKIE]
    session = browser.access.peek(token)
    assert session
    for page in LIVE_PAGES:
        text = browser.get(page.path)
        names = [
            name
            for name, _ in browser.desk.fragments(
                page.template, session, Url("h", page.path), page.view(browser.face, {})
            )
        ]
        assert names
        for name in names:
            assert f'id="{name}"' in text, f"{page.path}: {name}"


def test_following_ends_with_the_session_and_does_not_keep_it_alive() -> None:
    async def play() -> None:
        browser = Browser()
        now = [1000.0]
        browser.access._clock = lambda: now[0]
        await asyncio.to_thread(browser.log_in)
        follower = Follower(browser)
        await follower.fragments()
        now[0] += 1000
        browser.bell.ring()
        await follower.until("tick")
        now[0] += 1000
        browser.bell.ring()
        assert (await asyncio.wait_for(follower.until("bye"), events.TICK_S / 2))[-1] == ("bye", "login")

    asyncio.run(play())


def test_a_stopping_peer_says_goodbye() -> None:
    async def play() -> None:
        browser = Browser()
        await asyncio.to_thread(browser.log_in)
        follower = Follower(browser)
        await follower.fragments()
        browser.bell.stop()
        assert (await follower.until("bye"))[-1] == ("bye", "stopping")
        assert not browser.bell.full

    asyncio.run(play())


def test_strangers_and_unknown_pages_are_not_followed() -> None:
    browser = Browser()
    assert "event: bye\ndata: login" in browser.client.get("/events?page=/status/calls").text
    for page in ("/nowhere", "", "//evil", "[::1"):
        assert browser.client.get(f"/events?page={page}").status_code == 404


def test_there_is_a_limit_of_streams() -> None:
    browser = Browser().log_in()
    opened = [browser.bell.open() for _ in range(events.STREAMS_MAX)]
    assert browser.client.get("/events?page=/status/calls").status_code == 503
    browser.bell.close(opened[0])
    assert not browser.bell.full
