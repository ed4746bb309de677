"""Search history, Locate, Check pattern, and what the lists of rules and transforms have besides."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from sextet.admin.dialplan import locating
from sextet.call.checked import check
from sextet.model.config import Change
from sextet.model.searches import Answer
from sextet.model.sections import Root
from tests.support.web_client import Browser, fields_of, words_of

BOB = "bob@apolo.local"
RULES = "/configuration/dial-plan/search-rules"
TRANSFORMS = "/configuration/dial-plan/transforms"
OUT = {"name": "Out", "mode": "Alias pattern match", "pattern": "9", "behavior": "Strip", "target": "London"}


@pytest.fixture
def browser() -> Browser:
    made = Browser().log_in()
    change(made, Change("add", "search_rules", OUT))
    return made


def change(browser: Browser, *changes: Change) -> None:
    asyncio.run(browser.face.change(changes, user="admin", source="cli"))


def rules(browser: Browser) -> list[tuple[str, int]]:
    return [(rule.name, rule.priority) for rule in browser.face.saved.search_rules]


def test_the_history_lists_searches_with_their_outcome_and_leads_to_the_decision(browser: Browser) -> None:
    assert "Nothing was searched yet." in words_of(browser.get("/status/search-history"))
    browser.searches.make(BOB, "1" * 16, registered=(BOB,))
    browser.searches.history.answered("1" * 16, 486, [Answer(0, 486, 70, "Busy <b>")], True)
    browser.searches.make('x"><b>@y', "2" * 16)
    text = browser.get("/status/search-history")
    assert "<b>@y" not in text
    for words in (BOB, "Busy", "answered by Local Zone: 486 Busy <b>", "Not found", "are missing: no answer"):
        assert words in words_of(text)
    assert BOB not in words_of(browser.get("/status/search-history?filter=%3E%3Cb"))
    page = words_of(browser.get(f"/status/search-history/search?id={'1' * 16}"))
    for words in (BOB, "alice@apolo.local", "LocalZoneMatch", "registered at this peer", "486 Busy <b>", "70 ms"):
        assert words in page
    missing = browser.client.get("/status/search-history/search?id=none")
    assert (missing.status_code, "no such search any more" in words_of(missing.text)) == (404, True)


def test_the_form_of_a_rule_offers_the_names_that_it_may_be_about(browser: Browser) -> None:
    change(browser, Change("add", "policy_services", {"name": "<Judge>", "servers": [{"address": "judge.example"}]}))
    offered = {
        name: re.findall(r'value="([^"]*)"', found)
        for name, found in re.findall(r'<datalist id="o-(\w+)">(.*?)</datalist>', browser.get(f"{RULES}/item?item=Out"))
    }
    assert offered == {
        "source_name": ["LocalZone", "DefaultZone", "DefaultSubZone", "London"],
        "target": ["LocalZone", "London", "&lt;Judge&gt;"],
    }


def test_locate_shows_what_would_happen_and_why(browser: Browser) -> None:
    assert "Result" not in words_of(browser.get("/maintenance/tools/locate"))
    page = words_of(browser.get("/maintenance/tools/locate?alias=9x%40y.example"))
    for words in ("Would be asked", "London: x@y.example", "LocalZoneMatch", "Out"):
        assert words in page
    assert "Would be refused" in words_of(browser.get("/maintenance/tools/locate?alias=x%40y.example"))
    wrong = words_of(browser.get("/maintenance/tools/locate?alias=x&source=Nowhere"))
    assert "There is no enabled zone 'Nowhere'" in wrong


def test_locate_counts_hops_and_asks_for_a_number(browser: Browser) -> None:
    page = "/maintenance/tools/locate?alias=9x%40y.example"
    assert "483 Too many hops" in words_of(browser.get(f"{page}&hops=0"))
    assert "Would be asked" in words_of(browser.get(f"{page}&hops="))
    for wrong in ("-1", "x", "256", "99999999"):
        assert f"Hop count: '{wrong}' is none; enter 0 to 255." in words_of(browser.get(f"{page}&hops={wrong}"))


def locate(browser: Browser, **typed: str) -> str:
    """Fill in the page Locate and press its button; gives the words of the answer."""
    form = fields_of(browser.get("/maintenance/tools/locate"), "/maintenance/tools/locate")
    return words_of(browser.send("/maintenance/tools/locate", {**form, **typed}).text)


def test_locate_without_a_draft_has_an_address_that_can_be_kept(browser: Browser) -> None:
    page = locate(browser, alias="9x@y.example", hops="3")
    assert "London: x@y.example" in page and "On a draft" not in page
    asked = browser.last.url.params
    assert (asked["alias"], asked["hops"], "draft" in asked, "csrf" in asked) == ("9x@y.example", "3", False, False)


def test_locate_asks_on_a_draft_and_saves_nothing_of_it(browser: Browser) -> None:
    draft = '[{"verb": "set", "path": "search_rules[Out].pattern", "value": "8"}]'
    page = locate(browser, alias="8x@y.example", draft=draft)
    for words in ("On a draft", "search_rules[Out].pattern", "Would be asked", "London: x@y.example"):
        assert words in page
    assert fields_of(browser.last.text, "/maintenance/tools/locate")["draft"] == draft, "it can be changed further"
    assert "Would be refused" in locate(browser, alias="9x@y.example", draft=draft)
    assert browser.face.saved.search_rules[-1].pattern == "9"


def test_a_draft_that_breaks_a_dial_plan_test_says_so(browser: Browser) -> None:
    change(browser, Change("add", "dial_plan_tests", {"name": "good", "alias": "9x@y.example", "target": "London"}))
    page = locate(browser, draft='[{"verb": "remove", "path": "search_rules[Out]"}]')
    assert "Dial plan tests that fail with it" in page and "good" in page
    assert "Dial plan tests that fail" not in locate(
        browser, draft='[{"verb": "set", "path": "system.name", "value": "x"}]'
    )


@pytest.mark.parametrize(
    ("draft", "words"),
    [
        ("[" * 100_000, "The draft cannot be read; write a list of changes such as"),
        ('[{"verb": "set", "path": "nowhere", "value": 1}]', "There is no setting nowhere"),
        ('[{"verb": "set", "path": "search_rules[Out].target", "value": "Mars"}]', "Mars"),
    ],
)
def test_a_draft_that_cannot_be_used_is_told_and_stays(browser: Browser, draft: str, words: str) -> None:
    page = locate(browser, alias="x", draft=draft)
    assert "It cannot be located." in page and words in page
    assert fields_of(browser.last.text, "/maintenance/tools/locate")["draft"] == draft


@pytest.mark.parametrize(
    ("item", "typed"), [("?item=Out", {"pattern": "8"}), ("", OUT | {"name": "New", "pattern": "8"})]
)
def test_the_form_of_a_rule_that_nobody_saved_is_a_draft(browser: Browser, item: str, typed: dict[str, str]) -> None:
    form = {**browser.form(f"{RULES}/item{item}"), **typed}
    browser.send(f"{RULES}/item/locate{item}", form)
    again = fields_of(browser.last.text, "/maintenance/tools/locate")
    assert "On a draft" in words_of(browser.last.text)
    page = words_of(browser.send("/maintenance/tools/locate", {**again, "alias": "8x@y.example"}).text)
    assert "London: x@y.example" in page
    assert rules(browser) == [("LocalZoneMatch", 50), ("Out", 100)]
    assert browser.face.saved.search_rules[-1].pattern == "9"


def test_a_draft_is_judged_once_for_a_page(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[object] = []

    def counted(*given: Any, **more: Any) -> Root:
        judged.append(given)
        return check(*given, **more)

    monkeypatch.setattr(locating, "check", counted)
    browser.send(f"{RULES}/item/locate?item=Out", {**browser.form(f"{RULES}/item?item=Out"), "pattern": "8"})
    assert "On a draft" in words_of(browser.last.text) and len(judged) == 1
    again = {**fields_of(browser.last.text, "/maintenance/tools/locate"), "alias": "8x@y.example"}
    browser.send("/maintenance/tools/locate", again)
    assert "London: x@y.example" in words_of(browser.last.text) and len(judged) == 2


def test_a_form_that_cannot_be_saved_is_no_draft_and_keeps_what_was_typed(browser: Browser) -> None:
    form = {**browser.form(f"{RULES}/item?item=Out"), "pattern": "(", "pattern_type": "Regex"}
    answer = browser.send(f"{RULES}/item/locate?item=Out", form)
    assert answer.status_code == 422 and "is not a regular expression" in words_of(answer.text)
    assert fields_of(answer.text, f"{RULES}/item?item=Out")["pattern"] == "("


def test_who_may_only_read_may_ask_on_a_draft() -> None:
    reader = Browser().read_only()
    assert "On a draft" in locate(reader, draft='[{"verb": "set", "path": "system.name", "value": "x"}]')


def test_locate_shows_what_a_script_says_of_a_busy_device(browser: Browser) -> None:
    script = (
        '<cpl xmlns="urn:ietf:params:xml:ns:cpl" xmlns:taa="http://www.tandberg.net/cpl-extensions"><taa:routed>'
        '<proxy><busy><taa:location url="desk@y.example"/></busy></proxy></taa:routed></cpl>'
    )
    change(browser, Change("set", "call_policy.mode", "Local CPL"), Change("set", "call_policy.script", script))
    page = words_of(browser.get("/maintenance/tools/locate?alias=9x%40y.example"))
    assert "Afterwards" in page and "is busy: desk@y.example would be searched" in page


def test_check_pattern_compares_and_says_what_is_wrong(browser: Browser) -> None:
    asked = "/maintenance/tools/check-pattern?alias=912&pattern={}&type={}&behavior={}&replace={}"
    page = words_of(browser.get(asked.format("9", "Prefix", "Strip", "")))
    assert "Matches" in page and "12" in page
    assert "Does not match" in words_of(browser.get(asked.format("8", "Prefix", "Leave", "")))
    assert "is not a regular expression" in words_of(browser.get(asked.format("(", "Regex", "Leave", "")))


def test_the_rules_show_hits_and_warnings(browser: Browser) -> None:
    browser.searches.make("9x@y.example")
    change(
        browser,
        Change("set", "search_rules[Out].on_match", "Stop"),
        Change("add", "search_rules", {**OUT, "name": "Never", "pattern": "91", "priority": 300}),
    )
    page = words_of(browser.get(RULES))
    assert "It is shadowed by rule Out" in page
    assert "Hits count the whole cluster since" in page
    assert "It is never reached" not in words_of(browser.get(TRANSFORMS))


def test_a_clone_is_a_new_rule_with_everything_of_the_old_one(browser: Browser) -> None:
    browser.send(f"{RULES}/item", {**browser.form(f"{RULES}/item?clone=Out"), "priority": "120"})
    copy = browser.face.saved.search_rules[-1]
    assert (copy.name, copy.priority, copy.pattern, copy.behavior, copy.target) == (
        "Out copy",
        120,
        "9",
        "Strip",
        "London",
    )
    assert len(browser.face.saved.search_rules) == len(rules(browser))


def test_rules_are_moved_up_and_down(browser: Browser) -> None:
    change(browser, Change("add", "search_rules", {**OUT, "name": "Last", "pattern": "7"}))
    form = fields_of(browser.get(RULES), f"{RULES}/move?item=Last")
    browser.send(f"{RULES}/move?item=Last", {**form, "where": "up"})
    assert rules(browser) == [("LocalZoneMatch", 50), ("Out", 100), ("Last", 99)]
    browser.send(f"{RULES}/move?item=Last", {**form, "where": "down"})
    assert rules(browser) == [("LocalZoneMatch", 50), ("Out", 99), ("Last", 100)]
    browser.send(f"{RULES}/move?item=Last", {**form, "where": "down"})
    assert "at the end of the list already" in words_of(browser.last.text)


def test_a_new_transform_makes_room_at_its_priority(browser: Browser) -> None:
    for pattern in ("1", "2", "3"):
        change(browser, Change("add", "transforms", {"priority": 1, "pattern": pattern}))
    assert [(row.pattern, row.priority) for row in browser.face.saved.transforms] == [("1", 3), ("2", 2), ("3", 1)]


def test_the_tests_run_and_name_what_fails(browser: Browser) -> None:
    change(
        browser,
        Change("add", "dial_plan_tests", {"name": "good", "alias": "9x@y.example", "target": "London"}),
        Change("add", "dial_plan_tests", {"name": "bad", "alias": "x", "target": "London", "state": "Disabled"}),
    )
    page = words_of(browser.get("/configuration/dial-plan/tests/run"))
    assert "1 of 2 tests passed" in page
    assert "Failed" in page


def test_a_save_that_breaks_a_test_says_which(browser: Browser) -> None:
    change(browser, Change("add", "dial_plan_tests", {"name": "good", "alias": "9x@y.example", "target": "London"}))
    answer = browser.save(f"{RULES}/item?item=Out", pattern="8")
    assert "Dial plan test good: 9x@y.example from LocalZone should be found at London" in words_of(answer.text)
    assert browser.face.saved.search_rules[-1].pattern == "9"
