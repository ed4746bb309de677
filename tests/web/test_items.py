"""The items of a list: added, changed, named in what is said, and removed."""

from __future__ import annotations

import asyncio
import re

import pytest

from sextet.model.config import Change
from tests.support.web_client import Browser, fields_of, words_of


@pytest.fixture
def browser() -> Browser:
    return Browser().log_in()


def test_an_item_is_added_renamed_and_removed(browser: Browser) -> None:
    path = "/configuration/zones"
    taipei = {"name": "Taipei", "peers.0.address": "192.0.2.20", "peers.3.address": "192.0.2.21"}
    assert "Saved as r13 (term 1): the zone “Taipei” was added." in words_of(
        browser.save(f"{path}/item", **taipei).text
    )
    again = browser.save(f"{path}/item", **taipei)
    assert again.status_code == 422 and re.search(r'id="w-name">\s*<p class="wrong">.*is taken in Zones', again.text)
    zone = browser.face.saved.zones[1]
    assert (zone.name, [peer.address for peer in zone.peers]) == ("Taipei", ["192.0.2.20", "192.0.2.21"])
    renamed = browser.save(f"{path}/item?item=Taipei", name="台北", sip_port="5062")
    assert "Saved as r14 (term 1): the zone “Taipei” was changed." in words_of(renamed.text)
    assert [zone.name for zone in browser.face.saved.zones] == ["London", "台北"]
    csrf = browser.form(f"{path}/item")["csrf"]
    answer = browser.send(f"{path}/remove?item=台北", {"csrf": csrf})
    assert "Remove 台北?" in words_of(answer.text)
    assert len(browser.face.saved.zones) == 2
    gone = browser.send(f"{path}/remove?item=台北", {"csrf": csrf, "sure": "yes"})
    assert "the zone “台北” was removed." in words_of(gone.text)
    assert [zone.name for zone in browser.face.saved.zones] == ["London"]


def test_a_zone_that_rules_name_is_not_removed_and_the_rules_are_named_once(browser: Browser) -> None:
    rules = [{"name": f"Out {n}", "target": "London"} for n in range(1, 9)]
    asyncio.run(browser.face.change([Change("set", "search_rules", rules)], user="bob", source="cli"))
    csrf = browser.form("/configuration/zones/item")["csrf"]
    kept = browser.send("/configuration/zones/remove?item=London", {"csrf": csrf, "sure": "yes"})
    words = words_of(kept.text)
    assert words.count("there is no zone or policy service 'London'") == 1
    assert "In Search rules: Out 1, Out 2, Out 3, Out 4, Out 5 and 3 more." in words
    off = browser.save("/configuration/zones/item?item=London", state="Disabled")
    assert words_of(off.text).count("zone London is disabled") == 1
    assert "Out 5 and 3 more" in words_of(off.text)


def test_a_revision_is_undone_on_its_page_once(browser: Browser) -> None:
    browser.save("/configuration/zones/item", name="Taipei", **{"peers.0.address": "192.0.2.20"})
    stamp = browser.face.status().held
    page = f"/maintenance/history/revision?term={stamp.term}&author={stamp.author}&revision={stamp.revision}"
    assert "Undo these changes" in words_of(browser.get(page))
    csrf = browser.form("/configuration/zones/item")["csrf"]
    done = words_of(browser.send(page, {"csrf": csrf}).text)
    assert f"Saved as r{stamp.revision + 1} (term {stamp.term}): {stamp} was undone." in done
    assert [zone.name for zone in browser.face.saved.zones] == ["London"]
    again = words_of(browser.send(page, {"csrf": csrf}).text)
    assert f"{stamp} was not undone." in again and "Zones: Taipei was changed since; undo that first." in again


def test_problems_of_an_item_are_shown_at_its_fields(browser: Browser) -> None:
    answer = browser.save("/configuration/zones/item", name="", sip_port="many", **{"peers.0.address": "a b"})
    words = words_of(answer.text)
    assert answer.status_code == 422
    for sentence in ("Must not be empty", "'many' is not a whole number", "'a b' is neither an IP address"):
        assert sentence in words, words
    assert 'id="w-sip_port"' in answer.text


def test_a_pattern_that_cannot_stand_in_a_path_can_be_edited(browser: Browser) -> None:
    path = "/configuration/registration/allow-list"
    browser.save(f"{path}/item", pattern="[a-c].*", pattern_type="Regex")
    browser.save(f"{path}/item?item=%5Ba-c%5D.*", description="three letters")
    assert browser.face.saved.registration.allow_list[0].description == "three letters"
    csrf = browser.form(f"{path}/item")["csrf"]
    browser.send(f"{path}/remove?item=%5Ba-c%5D.*", {"csrf": csrf, "sure": "yes"})
    assert browser.face.saved.registration.allow_list == ()


def test_an_item_removed_meanwhile_is_not_lost_silently(browser: Browser) -> None:
    form = browser.form("/configuration/zones/item?item=London")
    asyncio.run(browser.face.change([Change("remove", "zones[London]")], user="bob", source="cli"))
    answer = browser.send("/configuration/zones/item?item=London", {**form, "sip_port": "5070"})
    assert "was removed by somebody meanwhile" in words_of(answer.text)
    browser.send("/configuration/zones/item", fields_of(answer.text, None))
    assert browser.face.saved.zones[0].sip_port == 5070


def test_an_account_gets_a_password_that_works_and_keeps_it(browser: Browser) -> None:
    path = "/users/administrators/item"
    answer = browser.save(path, name="carol", password_hash="short")
    assert "has 5 characters; enter 8 to 128" in words_of(answer.text).lower()
    assert 'value="short"' not in answer.text
    browser.send(path, {**fields_of(answer.text, None), "password_hash": "long enough"})
    stored = browser.face.saved.administrators[-1]
    assert stored.password_hash.startswith("scrypt$")
    browser.save(f"{path}?item=carol", access_level="Read-only")
    carol = browser.face.saved.administrators[-1]
    assert (carol.access_level, carol.password_hash) == ("Read-only", stored.password_hash)
    browser.client.cookies.clear()
    browser.log_in("carol", "long enough")
    assert "(read-only)" in browser.last.text
