"""Status > Zones, and the forms of zones."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from sextet.cluster.face import Owned
from sextet.model.config import Change
from sextet.model.status import ZoneAddress, ZoneStatus
from tests.support.web_client import Browser, words_of

UP = ZoneAddress(
    host="a.example", uri="sip:192.0.2.1:5061;transport=tls", state="active", since_s=2.0, round_trip_ms=3.5,
    identity="a.example", free=7,
)  # fmt: skip
DOWN = replace(UP, state="failed", reason="no answer to OPTIONS within 5 s: the connection is refused")


@pytest.fixture
def browser() -> Browser:
    made = Browser().log_in()
    peers = [{"address": "192.0.2.1"}]
    zones = [{"name": "London", "peers": peers}, {"name": "World", "type": "DNS"}]
    asyncio.run(made.face.change([Change("set", "zones", zones)], user="a", source="t"))
    rows = [
        (1, ZoneStatus(name="London", type="Neighbor", state="Active", since_s=1.0, addresses=(UP,))),
        (2, ZoneStatus(name="London", type="Neighbor", state="Failed", since_s=1.0, addresses=(DOWN,))),
        (1, ZoneStatus(name="World", type="DNS", state="On", since_s=1.0)),
    ]
    made.face.zone_rows = [Owned(number, f"expc0{number}", row, 60.0) for number, row in rows]
    return made


def test_every_address_is_shown_as_each_peer_sees_it(browser: Browser) -> None:
    words = words_of(browser.get("/status/zones"))
    for shown in (
        "London Neighbor", "Failed", "expc01", "expc02", "3.5 ms, 7 media sessions free", "Certificate: a.example",
        "the connection is refused", "No search rule targets this zone",
        "Its addresses are found when it is called",
    ):  # fmt: skip
        assert shown in words, shown


def test_a_zone_is_found_by_a_part_of_its_text(browser: Browser) -> None:
    assert "World" not in words_of(browser.get("/status/zones?filter=refused")).partition("Filter")[2]


def test_a_form_says_for_which_type_a_setting_counts_and_keeps_the_type(browser: Browser) -> None:
    new = browser.get("/configuration/zones/item")
    assert 'data-when="type" data-values="ENUM"' in new
    assert 'data-when="look_up" data-values="Service record"' in new
    assert '<select id="f-type"' in new
    there = browser.get("/configuration/zones/item?item=World")
    assert '<select id="f-type"' not in there
    assert 'name="type" type="text" readonly value="DNS"' in there


def test_a_zone_that_lacks_what_its_type_needs_is_refused_with_every_problem(browser: Browser) -> None:
    answer = browser.save("/configuration/zones/item", name="T", type="Traversal client")
    words = words_of(answer.text)
    assert "3 problems to put right" in words
    for label in ("Peers", "User name", "Password"):
        assert f"{label}: a Traversal client zone needs it; enter one." in words


def test_the_list_of_zones_says_how_each_is_seen(browser: Browser) -> None:
    words = words_of(browser.get("/configuration/zones"))
    assert "London Neighbor 15 Do not check credentials Enabled ✘ Failed" in words
    assert "World DNS 15 Do not check credentials Enabled ✔ On" in words
