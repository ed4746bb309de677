"""Status > H.350 directory, and its command."""

from __future__ import annotations

import asyncio

from sextet.cluster.face import Owned
from sextet.model.config import Change
from sextet.model.settings.h350 import DIRECTORY
from sextet.model.status import DIRECTORY_TYPE, ZoneAddress, ZoneStatus
from tests.support.web_client import Browser, words_of


def test_its_server_is_shown_as_each_peer_finds_it() -> None:
    browser = Browser().log_in()
    assert "No directory is asked for devices" in words_of(browser.get("/status/h350"))
    settings = {"mode": True, "server_address": "192.0.2.9", "base_dn": "dc=local"}
    changes = [Change("set", f"h350.{name}", value) for name, value in settings.items()]
    asyncio.run(browser.face.change(changes, user="a", source="t"))
    dead = ZoneAddress(host="192.0.2.9:636", uri="", state="failed", since_s=2.0, reason="no answer within 2 s")
    row = ZoneStatus(name=DIRECTORY, type=DIRECTORY_TYPE, state="Failed", since_s=1.0, addresses=(dead,))
    browser.face.zone_rows = [Owned(1, "expc01", row, 60.0)]
    words = words_of(browser.get("/status/h350"))
    for shown in (DIRECTORY, "192.0.2.9:636", "Failed", "No answer within 2 s"):
        assert shown in words, shown
    assert "192.0.2.9" not in words_of(browser.get("/status/zones"))
    assert "192.0.2.9" not in words_of(browser.get("/status/policy-services"))
