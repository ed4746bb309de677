"""Maintenance > Maintenance mode, as a browser without JavaScript sees it."""

from __future__ import annotations

from sextet.web.pages.lifecycle import PATH
from tests.support.web_client import Browser, fields_of, words_of


def press(browser: Browser, path: str, **typed: str) -> str:
    csrf = fields_of(browser.get(PATH), "/logout")["csrf"]
    return words_of(browser.send(path, {"csrf": csrf, **typed}).text)


def test_maintenance_mode_is_turned_on_and_off_and_says_what_still_runs() -> None:
    browser = Browser().log_in()
    assert "Maintenance mode is off" in words_of(browser.get(PATH))
    assert "1 call still running, 2 registrations" in press(browser, PATH, mode="on")
    assert browser.life.peer.maintenance
    assert "Maintenance mode is off" in press(browser, PATH, mode="off")
    assert not browser.life.peer.maintenance


def test_a_forced_update_says_what_became_of_it_or_why_it_was_refused() -> None:
    browser = Browser().log_in()
    assert "no conflict any more: r6" in press(browser, f"{PATH}/force")
    browser.life.peer.refusal = "This peer names itself."
    assert "This peer names itself." in press(browser, f"{PATH}/force")


def test_who_may_only_look_changes_nothing() -> None:
    browser = Browser().read_only()
    assert "read-only" in press(browser, PATH, mode="on")
    assert not browser.life.peer.maintenance


def test_an_armed_reset_says_that_it_would_fail_without_its_image() -> None:
    browser = Browser().log_in()
    browser.life.peer.armed = ("expc01.apolo.local", "expc02.apolo.local")
    words = words_of(browser.get(PATH))
    assert "save the same addresses in the same order again: expc01.apolo.local, expc02.apolo.local" in words
    assert "sextet-image.tar.gz is missing" in words
    words = words_of(browser.get("/maintenance/restart"))
    assert "The factory reset would fail (15013), and nothing would be reset." in words, "it is there that it is begun"
    assert "sextet-image.tar.gz is missing" in words


def test_a_banner_on_every_page_says_that_a_reset_waits_and_what_prevents_it() -> None:
    browser = Browser().log_in()
    assert "resets itself" not in words_of(browser.get("/status/overview"))
    assert "would fail" not in words_of(browser.get("/maintenance/restart"))
    browser.face.reset_list = ("expc01.apolo.local", "expc02.apolo.local")
    for path in ("/status/overview", "/maintenance/restart", "/system/clustering"):
        words = words_of(browser.get(path))
        assert "At the next restart this peer resets itself to factory settings." in words
        assert "in the same order again: expc01.apolo.local, expc02.apolo.local" in words


def test_suggested_mappings_are_shown_before_they_are_saved() -> None:
    browser = Browser().log_in()
    assert "Suggest mappings based on system information" in words_of(browser.get("/system/clustering"))
    page = browser.get("/system/clustering/suggested")
    assert "expc03.apolo.local" in words_of(page) and not browser.face.saved.clustering.address_mappings
    csrf = fields_of(page, "/logout")["csrf"]
    said = words_of(browser.send("/system/clustering/suggested", {"csrf": csrf}).text)
    assert "The suggested address mappings were saved." in said
    assert len(browser.face.saved.clustering.address_mappings) == 3
