"""What a REGISTER is answered with."""

from __future__ import annotations

import time

import pytest

from sextet.sip.kemi.registration.answering import FULL, GONE, accepted, objection, refusal
from sextet.sip.kemi.registration.contacts import contacts_of
from tests.support.ksr import FakeKSR

BOB = "bob@apolo.local"
DESK = "urn:uuid:d"
FLOW = f'<sip:b@192.0.2.9>;+sip.instance="<{DESK}>";reg-id=1'


def registered(contact: str, supported: str, to: str = f"sip:{BOB}", **more: str) -> FakeKSR:
    ksr = FakeKSR()
    ksr.request("REGISTER", "sip:apolo.local", to=to, Contact=contact, Supported=supported, Expires="60", **more)
    ksr.save("location", 2)
    return ksr


def test_each_device_is_shown_with_its_uri_to_who_asks_and_a_contact_that_is_no_device_without() -> None:
    ksr = registered(f"{FLOW}, <sip:plain@192.0.2.9>", "path, GRUU")
    ksr.bindings[BOB][1] |= {"q": 500, "received": "sip:192.0.2.7:5060", "expires": int(time.time()) + 600}
    ksr.bindings[BOB].append({"addr": "sip:old@192.0.2.9", "expires": int(time.time()) - 1})
    accepted(ksr, 1)
    assert ksr.replies == [(200, "OK")] and not ksr.answered_itself
    [header] = [one for one in ksr.reply_headers if one.startswith("Contact")]
    first, second = header.removeprefix("Contact: ").split(", ")
    assert first == (f'<sip:b@192.0.2.9>;expires=60;pub-gruu="sip:{BOB};gr={DESK}";+sip.instance="<{DESK}>";reg-id=1')
    assert second == '<sip:plain@192.0.2.9>;q=0.5;expires=600;received="sip:192.0.2.7:5060"'


def test_the_uri_has_the_letters_of_the_alias_as_the_device_wrote_it() -> None:
    ksr = registered(FLOW, "gruu", to="sip:Bob@APOLO.local")
    accepted(ksr, 1)
    assert f'pub-gruu="sip:Bob@apolo.local;gr={DESK}"' in ksr.reply_headers[0]


@pytest.mark.parametrize(
    ("contact", "supported", "itself", "required"),
    [
        (FLOW, "outbound", True, False),  # Kamailio's own answer requires it
        (FLOW, "gruu, outbound", False, True),
        (FLOW, "gruu", False, False),
        (FLOW.replace(";reg-id=1", ""), "outbound", False, False),
        ("<sip:b@192.0.2.9>;reg-id=1", "outbound", False, False),
        ("<sip:b@192.0.2.9>", "path", True, False),
    ],
)
def test_outbound_is_required_of_who_supports_it_and_registered_a_flow(
    contact: str, supported: str, itself: bool, required: bool
) -> None:
    ksr = registered(contact, supported)
    accepted(ksr, 1)
    assert (bool(ksr.answered_itself), "Require: outbound" in ksr.reply_headers) == (itself, required)


def test_who_removed_everything_is_shown_nothing() -> None:
    ksr = registered("*", "gruu")
    accepted(ksr, GONE)
    assert ksr.replies == [(200, "OK")] and not ksr.answered_itself
    assert not [one for one in ksr.reply_headers if one.startswith("Contact")]


@pytest.mark.parametrize(
    ("contact", "status"),
    [
        (FLOW, 0),
        (f"{FLOW}, <sip:c@192.0.2.9>", 400),
        (f"{FLOW}, <sip:c@192.0.2.9>;expires=0", 0),
        (FLOW.replace("sip:b@192.0.2.9", "tel:+4712345678"), 403),
        (FLOW.replace("sip:b@192.0.2.9", "sip:Bob@apolo.local"), 403),
        (FLOW.replace("sip:b@192.0.2.9", f"sip:{BOB};gr=urn:uuid:e"), 403),
        (FLOW.replace("sip:b@192.0.2.9", f"sip:{BOB};gr=urn:uuid:e") + ";expires=0", 0),
        (FLOW.replace("sip:b@192.0.2.9", f"sip:{BOB}:5070"), 0),
        (f"<sip:{BOB}>", 0),
    ],
)
def test_contacts_that_cannot_be_a_device_are_refused(contact: str, status: int) -> None:
    found = objection(contacts_of(contact, "60"), BOB)
    assert (found.status if found else 0) == status


@pytest.mark.parametrize(
    ("via", "path", "supported", "saved", "status"),
    [
        ("SIP/2.0/TCP a, SIP/2.0/TCP b", "", "outbound", -1, 439),
        ("SIP/2.0/TCP a, SIP/2.0/TCP b", "<sip:e.test;lr>, <sip:f.test;ob>", "outbound", -1, 439),
        ("SIP/2.0/TCP a, SIP/2.0/TCP b", "<sip:e.test;lr;ob>", "outbound", -1, 400),
        ("SIP/2.0/TCP a", "", "outbound", -1, 400),
        ("SIP/2.0/TCP a, SIP/2.0/TCP b", "", "", -1, 400),
        ("SIP/2.0/TCP a", "", "outbound", FULL, 503),
    ],
)
def test_why_nothing_was_saved_is_said(via: str, path: str, supported: str, saved: int, status: int) -> None:
    ksr = FakeKSR()
    ksr.request("REGISTER", "sip:apolo.local", Contact=FLOW, Supported=supported, Via=via, Path=path)
    assert refusal(ksr, contacts_of(FLOW, "60"), saved).status == status


@pytest.mark.parametrize(
    ("values", "contact", "words"),
    [
        (
            {"$tU": "u" * 65},
            "b",
            "the part of the alias before the @ has 65 characters, a registration may have 64 there",
        ),
        ({"$tU": "u" * 64}, "b", ""),
        ({"$tU": "u" * 62 + "%20"}, "b", "before the @ has 65 characters"),
        ({"$tU": "ü" * 33}, "b", "before the @ has 66 characters"),
        ({"$td": "d" * 129}, "b", "the domain of the alias has 129 characters, a registration may have 128"),
        ({"$ci": "c" * 256}, "b", "the header Call-ID has 256 characters, a registration may have 255"),
        ({}, "c" * 600, "the URI of the contact has 614 characters, a registration may have 512"),
    ],
)
def test_what_is_too_long_to_be_stored_is_named_with_its_length_and_the_limit(
    values: dict[str, str], contact: str, words: str
) -> None:
    ksr = FakeKSR()
    ksr.request("REGISTER", "sip:apolo.local", **values)
    found = refusal(ksr, contacts_of(f"<sip:{contact}@192.0.2.9>", "60"), -1)
    assert found.status == 400
    assert words in found.reason if words else "the contacts cannot be used" in found.reason
