"""Status > Policy services."""

from __future__ import annotations

import asyncio

from sextet.cluster.face import Owned
from sextet.model.config import Change
from sextet.model.status import POLICY_SERVICE_TYPE, ZoneAddress, ZoneStatus
from tests.support.web_client import Browser, words_of


def test_every_server_is_shown_as_each_peer_finds_it() -> None:
    browser = Browser().log_in()
    assert "There is no policy service" in words_of(browser.get("/status/policy-services"))
    services = [{"name": "Judge", "servers": [{"address": "192.0.2.9"}]}]
    asyncio.run(browser.face.change([Change("set", "policy_services", services)], user="a", source="t"))
    dead = ZoneAddress(host="192.0.2.9", uri="192.0.2.9", state="failed", since_s=2.0, reason="it answered <500>")
    row = ZoneStatus(name="Judge", type=POLICY_SERVICE_TYPE, state="Failed", since_s=1.0, addresses=(dead,))
    browser.face.zone_rows = [Owned(1, "expc01", row, 60.0)]
    words = words_of(browser.get("/status/policy-services"))
    for shown in ("Judge", "192.0.2.9", "Failed", "It answered <500>", "Neither call policy nor registration"):
        assert shown in words.replace("&lt;", "<").replace("&gt;", ">"), shown
    assert "Judge" not in words_of(browser.get("/status/zones"))
    assert "Judge" in words_of(browser.get("/configuration/dial-plan/policy-services"))
