"""Status > Calls and Call history: what is over is listed, what is not can be ended after a question."""

from __future__ import annotations

from tests.support.web_client import Browser, fields_of, words_of

DISCONNECT = "/status/calls/disconnect"


def disconnect(browser: Browser, **fields: str) -> str:
    """Press a button of the page of calls; gives the page that comes then, in words."""
    token = fields_of(browser.get("/status/calls"), DISCONNECT)["csrf"]
    return words_of(browser.send(DISCONNECT, {"csrf": token, **fields}).text)


def test_calls_that_are_over_are_listed_and_found() -> None:
    browser = Browser().log_in()
    browser.calls.over("alice@apolo.local", "bob@apolo.local", lasted_s=75.0)
    browser.calls.over("carol@apolo.local", "bob@apolo.local", reason="486 Busy Here")
    words = words_of(browser.get("/status/call-history"))
    assert "486 Busy Here" in words and "not answered" in words and "alice@apolo.local" in words
    assert "missing: no answer" in words, "the other peers of this fake cluster do not answer"
    assert "carol@apolo.local" not in words_of(browser.get("/status/call-history?filter=alice"))


def test_a_call_is_ended_after_a_question() -> None:
    browser = Browser().log_in()
    tag = browser.face.calls()[0].row.tag
    assert "End this call?" in disconnect(browser, tag=tag) and browser.face.calls()
    assert "is being ended" in disconnect(browser, tag=tag, sure="yes")
    assert not browser.face.calls()


def test_a_call_that_is_over_already_is_said() -> None:
    browser = Browser().log_in()
    assert "over already" in disconnect(browser, tag="unknown", sure="yes")
