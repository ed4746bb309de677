"""Status > Registrations: what is over is listed, what is not can be ended after a question."""

from __future__ import annotations

import html
import re

from sextet.admin.wording import zone
from sextet.web.guard import ROWS_MAX
from tests.support.web_client import Browser, fields_of, words_of

PAGE = "/status/registration-history"
REGISTRATIONS, REMOVE = "/status/registrations", "/status/registrations/remove"
ALICE = "device alice@apolo.local sip:alice@127.0.0.1:5071;transport=tls"
BOB = "device bob@apolo.local sip:bob@127.0.0.1:5072"


def test_devices_that_came_went_and_were_turned_away_are_listed_and_found() -> None:
    browser = Browser().log_in()
    browser.registrations.came("alice@apolo.local")
    browser.registrations.went("alice@apolo.local", 3725.0, "Connection lost")
    browser.registrations.history.rejected("mallory@apolo.local", "192.0.2.9:5060;udp", "<b>x", "403 not in the list")
    words = words_of(browser.get(PAGE))
    for said in (
        "Registered",
        "Removed",
        f"Times are in {zone()}.",
        "Connection lost",
        "1 h 2 min",
        "Rejected",
        "403 not in the list",
        "<b>x",
    ):
        assert said in words, said
    assert "missing: no answer" in words, "the other peers of this fake cluster do not answer"
    only = words_of(browser.get(f"{PAGE}?filter=rejected"))
    assert "mallory@apolo.local" in only and "Connection lost" not in only


def test_why_a_device_was_turned_away_is_said_in_chinese_behind_its_status() -> None:
    browser = Browser().log_in()
    why = "401 wrong user name or password of mallory"
    browser.registrations.history.rejected("mallory@apolo.local", "192.0.2.9:5060;udp", "x", why)
    page = words_of(browser.client.get(PAGE, headers={"accept-language": "zh-TW"}).text)
    assert "401 mallory 的使用者名稱或密碼錯誤" in page and "wrong user name" not in page


def press(browser: Browser, *boxes: str, **fields: str) -> str:
    """Tick boxes of the page of registrations and press a button; gives the page that comes then, in words."""
    text = browser.get(REGISTRATIONS)
    assert all(f'name="{html.escape(box)}"' in text for box in boxes), "such a box is on the page"
    token = fields_of(text, REMOVE)["csrf"]
    return words_of(browser.send(REMOVE, {"csrf": token, **fields, **dict.fromkeys(boxes, "on")}).text)


def test_devices_are_unregistered_after_a_question_that_says_what_happens() -> None:
    browser = Browser().log_in()
    asked = press(browser, ALICE, BOB)
    assert "Unregister these 2 devices?" in asked and "may register again at its next refresh" in asked
    assert "Calls that are up go on" in asked and "deny list" not in asked and len(browser.face.registration_rows) == 3
    sure = fields_of(browser.last.text, REMOVE)
    assert sure.pop("sure") == "yes" and "block" not in sure
    assert "2 devices were unregistered." in words_of(browser.send(REMOVE, {**sure, "sure": "yes"}).text)
    assert [one.row.alias for one in browser.face.registration_rows] == ["會議室@apolo.local"]


def test_who_is_blocked_is_told_that_the_deny_list_is_not_in_use_before_and_after() -> None:
    browser = Browser().log_in()
    asked = press(browser, BOB, block="yes")
    assert "First the alias is put on the deny list" in asked and "No device may register" not in asked
    unused = "keeps nobody out while the restriction policy is None: set Restriction policy to Deny List"
    assert unused in asked and not browser.face.saved.registration.deny_list
    said = words_of(browser.send(REMOVE, fields_of(browser.last.text, REMOVE)).text)
    assert "bob@apolo.local is on the deny list." in said and unused in said
    assert [row.pattern for row in browser.face.saved.registration.deny_list] == ["bob@apolo.local"]


def test_all_devices_of_a_full_page_are_unregistered_at_once() -> None:
    browser = Browser().log_in()
    browser.face.registration_rows.clear()
    for n in range(ROWS_MAX + 1):
        browser.face.register(f"phone{n:03}@apolo.local", 1, f"sip:{n:03}@127.0.0.1:5071")
    boxes = [f"device phone{n:03}@apolo.local sip:{n:03}@127.0.0.1:5071" for n in range(ROWS_MAX)]
    assert f"Unregister these {ROWS_MAX} devices?" in press(browser, *boxes)
    asked = fields_of(browser.last.text, REMOVE)
    assert f"{ROWS_MAX} devices were unregistered." in words_of(browser.send(REMOVE, asked).text)
    assert [one.row.alias for one in browser.face.registration_rows] == [f"phone{ROWS_MAX}@apolo.local"]


def test_a_button_without_a_tick_and_a_device_that_is_gone_are_said() -> None:
    browser = Browser().log_in()
    assert "No device was ticked" in press(browser)
    browser.face.registration_rows.clear()
    token = fields_of(browser.get(REGISTRATIONS), REMOVE)["csrf"]
    assert "Nothing is registered as" in words_of(browser.send(REMOVE, {"csrf": token, BOB: "on", "sure": "yes"}).text)


def test_a_primary_that_cannot_be_reached_keeps_who_shall_be_blocked_registered() -> None:
    browser = Browser().log_in()
    browser.face.primary = 3
    browser.face.silence(3)
    said = press(browser, ALICE, block="yes", sure="yes")
    assert "Nothing was unregistered." in said and "cannot be reached" in said
    assert len(browser.face.registration_rows) == 3


def test_who_may_only_look_can_press_nothing_and_unregisters_nobody() -> None:
    browser = Browser().read_only()
    text = browser.get(REGISTRATIONS)
    assert len(re.findall(r'<input type="checkbox"[^>]* disabled>', text)) == 3 + 1, "each device, and all"
    assert len(re.findall(r"<button[^>]* disabled>Unregister", text)) == 2
    assert "is read-only" in press(browser, BOB, sure="yes") and len(browser.face.registration_rows) == 3
