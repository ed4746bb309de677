"""The menu and the headings lead to every page."""

from __future__ import annotations

import re

from sextet.web.menu import MENU
from tests.support.web_client import Browser


def test_the_menu_shows_only_the_part_that_the_page_belongs_to() -> None:
    text = Browser().log_in().get("/configuration/zones")
    assert re.findall(r'<details class="part" id="menu-(\w+)" open>', text) == ["configuration"]
    assert len(re.findall(r'<details class="part"', text)) == len({entry.group for entry in MENU})


def test_pages_of_one_name_have_headings_that_tell_them_apart() -> None:
    for group in {entry.group for entry in MENU}:
        headings = [entry.heading for entry in MENU if entry.group == group]
        assert len(set(headings)) == len(headings)
    headings = {entry.path: entry.heading for entry in MENU}
    assert headings["/configuration/dial-plan"] == "Dial plan configuration"
    assert headings["/users/findme/accounts"] == "FindMe accounts"
    assert headings["/configuration/protocols/sip"] == "SIP"


def test_lists_name_what_they_filter_as_it_is_written() -> None:
    browser = Browser().log_in()
    assert "Filter FindMe accounts" in browser.get("/users/findme/accounts")
    assert "Filter search rules" in browser.get("/configuration/dial-plan/search-rules")
