"""What a REGISTER asks for."""

from __future__ import annotations

import random

import pytest

from sextet.sip.kemi.registration.contacts import Contact, contacts_of, device_of, lasting, misuses_star


def test_the_contact_parameter_comes_before_the_expires_header() -> None:
    found = contacts_of("<sip:a@192.0.2.1>;expires=30, <sip:b@192.0.2.1>", "600")
    assert [(contact.uri, contact.expires_s) for contact in found] == [
        ("sip:a@192.0.2.1", 30), ("sip:b@192.0.2.1", 600)
    ]  # fmt: skip


def test_commas_in_names_and_uris_do_not_split() -> None:
    found = contacts_of('"Smith, \\"J\\" <x>" <sip:a,b@192.0.2.1;x=1,2>;q=0.5,sip:c@192.0.2.1;expires=5', "")
    assert [contact.uri for contact in found] == ["sip:a,b@192.0.2.1;x=1,2", "sip:c@192.0.2.1"]
    assert [contact.expires_s for contact in found] == [None, 5]


def test_outbound_parameters_are_read() -> None:
    text = '<sip:a@192.0.2.1;ob>;reg-id=2;+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"'
    assert contacts_of(text, "") == (
        Contact(
            uri="sip:a@192.0.2.1;ob",
            instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>",
            reg_id="2",
        ),
    )


def test_a_star_is_no_contact() -> None:
    assert contacts_of("*", "0") == ()


@pytest.mark.parametrize(
    ("header", "expires", "written"),
    [
        ("<sip:a@h;expires=9>;expires=0, <sip:b@h>", "3600", "<sip:a@h;expires=9>;expires=0, <sip:b@h>;expires=60"),
        ("<sip:b@h>; Expires = 900 ;q=0.5, sip:a@h", "0", "<sip:b@h> ;q=0.5;expires=60, sip:a@h;expires=0"),
        ("sip:b@h;expires=9;q=1, <sip:a@h>;expires=0", "", "sip:b@h;q=1;expires=60, <sip:a@h>;expires=0"),
    ],
)
def test_who_stays_while_others_leave_gets_what_was_granted(header: str, expires: str, written: str) -> None:
    assert lasting(header, expires, 60) == written
    assert [one.expires_s for one in contacts_of(written, "")] == [one and 60 for one in _asked(header, expires)]


def _asked(header: str, expires: str) -> list[int | None]:
    return [one.expires_s for one in contacts_of(header, expires)]


@pytest.mark.parametrize(
    ("header", "expires", "misused"),
    [
        ("*", "0", False), ("*", "3600", True), ("*", "", True), ("*, <sip:a@192.0.2.1>", "0", True),
        ("<sip:a@192.0.2.1>, *", "0", True), ("<sip:*@192.0.2.1>", "60", False), ('"*" <sip:a@192.0.2.1>', "60", False),
    ],
)  # fmt: skip
def test_a_star_stands_alone_and_only_for_leaving(header: str, expires: str, misused: bool) -> None:
    assert misuses_star(header, expires) is misused


def test_a_device_is_its_instance_and_flow_or_else_its_contact() -> None:
    assert device_of("<urn:uuid:1>", "2", "sip:a@192.0.2.1") == "<urn:uuid:1>;2"
    assert device_of("<urn:uuid:1>", "", "sip:a@192.0.2.1") == "<urn:uuid:1>;0"
    assert device_of("", "", "sip:a@192.0.2.1") == "sip:a@192.0.2.1"


def test_no_bytes_upset_the_reader() -> None:
    dice = random.Random(61)
    for _ in range(2000):
        text = "".join(dice.choice('<>";,=*\\ sip:@0expires\u00ff') for _ in range(dice.randrange(60)))
        for contact in contacts_of(text, text):
            assert contact.expires_s is None or 0 <= contact.expires_s < 2**32


def test_a_lifetime_of_thousands_of_digits_is_the_longest_there_is() -> None:
    assert contacts_of("<sip:a@192.0.2.1>", "9" * 5000)[0].expires_s == 2**32 - 1
