"""How zones are shown."""

from __future__ import annotations

import pytest

from sextet.call.zones import NO_NAMES, Names
from sextet.model.settings.zones import (
    BY_SERVICE,
    DNS,
    TRAVERSAL_SERVER,
    Zone,
    ZonePeer,
)
from sextet.model.status import ZoneAddress
from sextet.sip.zone_book import REFUSED_MAX, REFUSED_S, Report, ZoneBook

A, B = "sip:192.0.2.1:5061;transport=tls", "sip:192.0.2.2:5061;transport=tls"
LONDON = Zone(name="London", peers=(ZonePeer(address="192.0.2.1"), ZonePeer(address="192.0.2.2")))


def book(*zones: Zone, sip: bool = True, names: Names = NO_NAMES, failures: dict[str, str] | None = None) -> ZoneBook:
    made = ZoneBook()
    made.follow(zones, sip, names, failures or {})
    return made


def said(uri: str, state: str, zone: str = "London", reason: str = "") -> Report:
    return Report(zone, ZoneAddress(host="h", uri=uri, state=state, since_s=1.0, reason=reason))


@pytest.mark.parametrize(
    ("states", "words"),
    [
        (("", ""), "Checking"),
        (("active", ""), "Active (1 of 2)"),
        (("active", "active"), "Active"),
        (("active", "failed"), "Active (1 of 2)"),
        (("maintenance", "failed"), "Active (1 of 2)"),
        (("failed", ""), "Checking"),
        (("failed", "failed"), "Failed"),
    ],
)
def test_a_zone_is_as_its_addresses_are(states: tuple[str, str], words: str) -> None:
    made = book(LONDON)
    for uri, state in zip((A, B), states, strict=True):
        if state:
            made.take(said(uri, state))
    assert made.rows(5.0)["London"].words == words


def test_what_is_not_asked_is_on_and_what_is_disabled_off() -> None:
    zones = (
        Zone(name="quiet", monitor=False, peers=LONDON.peers),
        Zone(name="dns", type=DNS),
        Zone(name="off", state="Disabled", peers=LONDON.peers),
        Zone(name="server", type=TRAVERSAL_SERVER),
        Zone(name="empty"),
    )
    words = {name: row.words for name, row in book(*zones).rows(1.0).items()}
    assert words == {"quiet": "On", "dns": "On", "off": "Off", "server": "Failed", "empty": "Failed"}
    assert {row.state for row in book(*zones, sip=False).rows(1.0).values()} == {"Off"}


def test_a_name_that_dns_does_not_know_is_an_address_that_failed() -> None:
    zones = (
        Zone(name="named", peers=(ZonePeer(address="Gone.example"),)),
        Zone(name="srv", look_up=BY_SERVICE, service_domain="paris.example"),
    )
    made = book(*zones, failures={"gone.example": "gone.example has no address"})
    rows = made.rows(1.0)
    assert (rows["named"].words, rows["named"].addresses[0].reason) == ("Failed", "gone.example has no address")
    assert rows["srv"].addresses[0].host == "paris.example"
    assert made.rows(9.0) == rows  # since when does not move


def test_the_measured_cause_stands_beside_what_was_noticed_until_the_address_answers() -> None:
    made = book(LONDON)
    made.take(said(A, "failed", reason="no answer"))
    made.explain("London", A, "the connection is refused")
    assert made.rows(1.0)["London"].addresses[0].reason == "no answer: the connection is refused"
    made.take(said(A, "failed", reason="refused"))
    assert made.rows(1.0)["London"].addresses[0].reason == "refused"
    made.take(said(A, "active"))
    made.take(said(A, "failed", reason="no answer"))
    assert made.rows(1.0)["London"].addresses[0].reason == "no answer"


def test_clients_of_a_traversal_server_come_and_go() -> None:
    made = book(Zone(name="E", type=TRAVERSAL_SERVER))
    uri = "sip:198.51.100.7:40000;transport=tls"
    made.take(said(uri, "active", "E"))
    assert made.rows(1.0)["E"].words == "Active"
    made.take(said(uri, "gone", "E"))
    assert made.rows(1.0)["E"].addresses == ()


def test_a_picture_replaces_everything() -> None:
    made = book(LONDON)
    made.take(said(A, "active"))
    made.replace([said(B, "active")])
    assert [one.state for one in made.rows(1.0)["London"].addresses] == ["checking", "active"]


def test_a_domain_with_a_wrong_certificate_is_shown_for_a_while_and_the_zone_stays_on() -> None:
    made = book(Zone(name="World", type=DNS, tls_verify=True))
    where = ("World", "192.0.2.1:5061", "far.test")
    assert made.take_named(*where, "its certificate names x", 5.0)
    assert made.take_named(*where, "its certificate names x", 105.0)
    row = made.rows(100.0 + REFUSED_S)["World"]
    [shown] = row.addresses
    assert (row.words, shown.host, shown.state, shown.since_s) == ("On", "far.test", "refused", 5.0)
    assert made.rows(105.0 + REFUSED_S)["World"].addresses == ()
    assert made.take_named(*where, "", 110.0)
    assert not made.take_named(*where, "", 111.0)
    assert made.rows(112.0)["World"].addresses == ()


def test_strangers_domains_fill_no_list() -> None:
    made = book(Zone(name="World", type=DNS, tls_verify=True))
    for number in range(REFUSED_MAX + 5):
        made.take_named("World", "192.0.2.1:5061", f"d{number}.test", "wrong", 1.0)
    hosts = [one.host for one in made.rows(2.0)["World"].addresses]
    assert (len(hosts), hosts[-1]) == (REFUSED_MAX, f"d{REFUSED_MAX + 4}.test")
