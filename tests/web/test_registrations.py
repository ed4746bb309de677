"""Status > Registration history."""

from __future__ import annotations

from tests.support.web_client import Browser, words_of

PAGE = "/status/registration-history"


def test_devices_that_came_went_and_were_turned_away_are_listed_and_found() -> None:
    browser = Browser().log_in()
    browser.registrations.came("alice@apolo.local")
    browser.registrations.went("alice@apolo.local", 3725.0, "Connection lost")
    browser.registrations.history.rejected("mallory@apolo.local", "192.0.2.9:5060;udp", "<b>x", "403 not in the list")
    words = words_of(browser.get(PAGE))
    for said in ("Registered", "Removed", "Connection lost", "1 h 2 min", "Rejected", "403 not in the list", "<b>x"):
        assert said in words, said
    assert "missing: no answer" in words, "the other peers of this fake cluster do not answer"
    only = words_of(browser.get(f"{PAGE}?filter=rejected"))
    assert "mallory@apolo.local" in only and "Connection lost" not in only
