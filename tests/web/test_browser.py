"""The pages in a real browser: headless Chromium, our JavaScript, the content security policy in force."""

from __future__ import annotations

import asyncio
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, expect, sync_playwright

from sextet.model import alarms
from sextet.web.menu import MENU
from tests.support.fake_peer import FakePeer
from tests.support.fake_web import PASSWORD, USER, peer, server

pytestmark = pytest.mark.browser

ADDRESS = "127.67.0.4"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = [
    "--no-sandbox",  # tests may run as root in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CLUSTERING = "/system/clustering"


class Served:
    """The pages of a fake peer, served from an event loop in another thread."""

    def __init__(self) -> None:
        self.face: FakePeer = peer()
        with socket.socket() as probe:
            probe.bind((ADDRESS, 0))
            self.port = probe.getsockname()[1]
        self.url = f"https://{ADDRESS}:{self.port}"
        self._folder = tempfile.TemporaryDirectory()
        self.pages, _ = server(self.face, Path(self._folder.name), ADDRESS, self.port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Served:
        self._thread.start()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._folder.cleanup()

    def start(self) -> None:
        asyncio.run_coroutine_threadsafe(self.pages.start(), self._loop).result(10)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.pages.stop(), self._loop).result(10)

    def do(self, action: Callable[[], None]) -> None:
        """Let something happen to the peer, in the peer's own thread."""

        async def done() -> None:
            action()

        asyncio.run_coroutine_threadsafe(done(), self._loop).result(10)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def served() -> Iterator[Served]:
    with Served() as running:
        yield running


@pytest.fixture
def page(chromium: Chromium, served: Served) -> Iterator[Page]:
    """Open a browser that is logged in and complains about everything the page gets wrong."""
    context = chromium.new_context(ignore_https_errors=True, viewport={"width": 1280, "height": 800})
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("dialog", lambda dialog: (wrong.append(f"dialog {dialog.message}"), dialog.dismiss()))
    opened.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    log_in(opened, served)
    yield opened
    context.close()
    assert wrong == []


def log_in(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/")
    page.get_by_label("User name").fill(USER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")


def test_a_bad_form_shows_every_problem_at_its_field_and_keeps_what_was_typed(page: Page, served: Served) -> None:
    page.goto(served.url + CLUSTERING)
    page.get_by_label("Cluster name").fill("-bad-")
    page.get_by_label("Peer 2 address").fill("")
    page.get_by_label("Peer 4 address").fill("expc 04")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was saved. 3 problems to put right:")
    expect(page.get_by_role("alert")).to_be_focused()
    for label in ("Cluster name", "Peer 2 address", "Peer 4 address"):
        expect(page.get_by_label(label)).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Peer 4 address")).to_have_value("expc 04")
    page.get_by_role("alert").get_by_role("link").nth(2).click()
    expect(page.get_by_label("Peer 4 address")).to_be_in_viewport()
    assert served.face.stamp.revision == 12


def test_a_good_form_is_saved_and_says_where_it_is_in_force(page: Page, served: Served) -> None:
    page.goto(served.url + CLUSTERING)
    page.get_by_label("Cluster changes take effect").select_option("At restart")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("In force on 3 of 3 peers")
    assert served.face.saved.clustering.changes_take_effect == "At restart"
    page.reload()
    expect(page.get_by_label("Cluster changes take effect")).to_have_value("At restart")


def test_what_happens_appears_without_a_reload(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/status/registrations")
    expect(page.locator("#live-chip")).to_have_text("Live")
    page.evaluate("window.untouched = true")
    served.do(lambda: served.face.register("carol@apolo.local", 2, "sip:carol@192.0.2.9"))
    expect(page.get_by_role("cell", name="sip:carol@192.0.2.9", exact=True)).to_be_visible()
    assert page.evaluate("window.untouched") is True


def test_live_lines_change_beside_a_form_without_touching_it(page: Page, served: Served) -> None:
    page.goto(served.url + CLUSTERING)
    expect(page.locator("#live-chip")).to_have_text("Live")
    field = page.get_by_label("Peer 4 address")
    field.fill("expc04.apo")
    served.do(lambda: served.face.cut(1, 2, "handshake refused"))
    expect(page.locator("#live_peer_2")).to_contain_text("Failed: handshake refused")
    expect(field).to_have_value("expc04.apo")
    expect(field).to_be_focused()


def test_a_button_under_somebodys_hand_stays(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/status/alarms")
    expect(page.locator("#live-chip")).to_have_text("Live")
    button = page.get_by_role("button", name="Acknowledge", exact=True).first
    button.focus()
    page.evaluate("window.hold = document.activeElement")  # a new one would not be the same
    served.do(lambda: served.face.raise_alarm(alarms.COMMUNICATION_FAILURE, 2, "no answer", key="expc03"))
    expect(page.locator("#live_alarm_icon")).to_contain_text("2 alarms")
    expect(button).to_be_focused()
    assert page.evaluate("document.activeElement === window.hold")
    button.blur()
    expect(page.locator("#live_rows")).to_contain_text("no answer")  # what had waited for the hand


def test_the_page_says_when_it_is_not_live_and_comes_back(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/status/calls")
    chip = page.locator("#live-chip")
    expect(chip).to_have_text("Live")
    served.stop()
    expect(chip).to_have_text("Peer restarting")
    served.start()
    expect(chip).to_have_text("Live", timeout=15_000)


def test_a_form_with_another_token_is_refused(page: Page, served: Served) -> None:
    page.goto(served.url + CLUSTERING)
    page.evaluate("document.querySelectorAll('[name=csrf]').forEach(input => { input.value = 'stolen'; })")
    page.get_by_label("Cluster name").fill("evil.example")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Not allowed")
    assert served.face.saved.clustering.cluster_name == "expc-cluster.apolo.local"


def test_a_hostile_alias_does_nothing(page: Page, served: Served) -> None:
    hostile = '<img src=x onerror="window.owned=1;alert(1)">\'@apolo.local'
    served.do(lambda: served.face.register(hostile, 1, hostile))
    page.goto(f"{served.url}/status/registrations")
    expect(page.get_by_role("rowheader", name=hostile)).to_be_visible()
    later = "<script>window.owned=2</script>@apolo.local"
    served.do(lambda: served.face.register(later, 1, later))
    expect(page.get_by_role("rowheader", name=later)).to_be_visible()
    assert page.evaluate("typeof window.owned") == "undefined"
    assert page.locator("main img, main script").count() == 0


def test_the_restart_page_comes_back_by_itself(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/maintenance/restart")
    page.get_by_role("button", name="Restart expc01 now").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Restarting")
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview", timeout=20_000)
    assert len(served.face.restarts) == 1


def test_a_page_is_found_by_its_name_and_the_menu_says_so_when_there_is_none(page: Page, served: Served) -> None:
    menu = page.get_by_role("navigation", name="Pages")
    expect(menu.get_by_role("link", name="Pipes").first).to_be_visible()
    expect(menu.get_by_role("link", name="Search rules")).to_be_hidden()
    find = menu.get_by_label("Find a page")
    find.fill("search RULE")
    expect(menu.get_by_role("link")).to_have_count(1)
    find.fill("no such page")
    expect(menu).to_contain_text("No page has such a name.")
    find.fill("")
    expect(menu.get_by_role("link", name="Pipes").first).to_be_visible()
    expect(menu.get_by_role("link", name="Search rules")).to_be_hidden()
    find.fill("search rule")
    find.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Search rules")


def test_the_form_of_a_zone_shows_only_the_fields_that_count(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/configuration/zones/item")
    domain = page.get_by_label("Service domain")
    expect(domain).to_be_hidden()
    page.get_by_label("Look up peers by").select_option("Service record")
    expect(domain).to_be_visible()
    page.get_by_label("Type", exact=True).select_option("DNS")
    expect(page.get_by_label("Look up peers by")).to_be_hidden()
    expect(domain).to_be_hidden()


def test_everything_works_without_javascript(chromium: Chromium, served: Served) -> None:
    context = chromium.new_context(ignore_https_errors=True, java_script_enabled=False)
    plain = context.new_page()
    log_in(plain, served)
    plain.goto(f"{served.url}/configuration/domains/item")
    plain.get_by_label("Domain name").fill("example.org")
    plain.get_by_role("button", name="Add").click()
    expect(plain.get_by_role("rowheader", name="example.org")).to_be_visible()
    context.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_its_window_and_targets_are_large_enough(page: Page, served: Served, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    for entry in MENU:
        page.goto(served.url + entry.path)
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, f"{entry.path} is {over} px too wide"
        small = page.evaluate(
            """[...document.querySelectorAll("button, nav a, input:not([type=hidden]), select, summary")]
            .map(element => [element.outerHTML.slice(0, 80), element.getBoundingClientRect()])
            .filter(([_, box]) => box.width && (box.height < 24 || box.width < 24)).map(([text]) => text)"""
        )
        assert small == [], f"{entry.path}: {small}"


def test_the_keyboard_reaches_the_contents_first(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/status/overview")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page's contents")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_all_that_are_shown_are_ticked_at_once_and_nobody_who_comes_later(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/status/registrations")
    page.get_by_label("Tick all that are shown").check()
    expect(page.locator(".pick input:checked")).to_have_count(3)
    served.do(lambda: served.face.register("aaron@apolo.local", 2, "sip:aaron@127.0.0.1:5074"))
    expect(page.get_by_text("aaron@apolo.local").first).to_be_visible()
    expect(page.locator(".pick input:checked")).to_have_count(3)
    expect(page.get_by_label("Tick all that are shown")).not_to_be_checked()
    page.get_by_role("button", name="Unregister…").click()
    expect(page.get_by_text("Unregister these 3 devices?")).to_be_visible()


def test_what_is_ticked_stays_ticked_while_the_page_follows_the_cluster(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/status/registrations")
    page.get_by_label("of bob@apolo.local").check()
    page.get_by_role("heading", name="Registrations").click()
    served.do(lambda: served.face.register("aaron@apolo.local", 2, "sip:aaron@127.0.0.1:5074"))
    expect(page.get_by_text("aaron@apolo.local").first).to_be_visible()
    expect(page.get_by_label("of bob@apolo.local")).to_be_checked()
    expect(page.locator("input:checked")).to_have_count(1)
    page.get_by_role("button", name="Unregister…").click()
    expect(page.get_by_text("Unregister this device?")).to_be_visible()
    page.get_by_role("button", name="Unregister", exact=True).click()
    expect(page.get_by_text("bob@apolo.local was unregistered from expc03.")).to_be_visible()
