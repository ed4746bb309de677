"""Names of people and devices, as they are read from URIs."""

from __future__ import annotations

import random

import pytest

from sextet.call.alias import domain_of, is_ip, key, of_uri, plain_ip, uri_of


@pytest.mark.parametrize(
    ("uri", "alias"),
    [
        ("sip:bob@Apolo.Local", "bob@apolo.local"),
        ("sips:Bob@apolo.local:5061;transport=tls", "Bob@apolo.local"),
        ("SIP:bob:secret@apolo.local?subject=x", "bob@apolo.local"),
        ("sip:bob;day=tuesday@apolo.local", "bob@apolo.local"),
        ("sip:%62ob@apolo.local", "bob@apolo.local"),
        ("sip:a%40b@apolo.local", "a%40b@apolo.local"),
        ("sip:%2a@apolo.local", "*@apolo.local"),
        ("sip:bob@[2001:DB8::1]:5060", "bob@2001:db8::1"),
        ("sip:192.0.2.1:5060", "192.0.2.1"),
        ("sip:[::FFFF:192.0.2.1]:5060", "192.0.2.1"),
        ("sip:bob@[::ffff:c000:201]", "bob@192.0.2.1"),
        ("sip:apolo.local.", "apolo.local"),
        ("tel:+886223456789;phone-context=x", "+886223456789"),
        ("bob@apolo.local", "bob@apolo.local"),
        ("sip:會議室@apolo.local", "會議室@apolo.local"),
        ("sip:%E6%9C%83%e8%ad%b0%E5%AE%A4%31@apolo.local", "會議室1@apolo.local"),
        ("sip:%E6%9C@apolo.local", "%E6%9C@apolo.local"),  # half a letter
        ("sip:a%e2%80%aeb%C2%85@apolo.local", "a%E2%80%AEb%C2%85@apolo.local"),  # nothing that can be seen
        ("sip:%C0%AFa@apolo.local", "%C0%AFa@apolo.local"),  # a slash, written as no text may be
        ("", ""),
    ],
)
def test_an_alias_is_what_remains_of_a_uri_without_its_technical_parts(uri: str, alias: str) -> None:
    assert of_uri(uri) == alias


def test_reading_an_alias_again_changes_nothing() -> None:
    for uri in ("sip:Bob@Apolo.Local:5060", "sip:[2001:db8::1]", "sip:a%40b@x", "tel:+1", "sip:%E6%9C%83%E6@x"):
        assert of_uri(of_uri(uri)) == of_uri(uri)


def test_any_text_can_be_read() -> None:
    dice = random.Random(7)
    for _ in range(2000):
        text = "".join(dice.choice("sip:@;?[]%2aA1.é\n ") for _ in range(dice.randrange(30)))
        assert isinstance(of_uri(text), str)


@pytest.mark.parametrize(
    ("alias", "uri"),
    [
        ("Bob@apolo.local", "sip:Bob@apolo.local"),
        ("bob@2001:db8::1", "sip:bob@[2001:db8::1]"),
        ("192.0.2.1", "sip:192.0.2.1"),
        ("a%40b@x", "sip:a%40b@x"),
        ("a b<c>\r\n@x", "sip:a%20b%3Cc%3E%0D%0A@x"),
        ("會@x", "sip:%E6%9C%83@x"),
        ("bob@x>;y\r\n", "sip:bob@x__y__"),
    ],
)
def test_the_uri_of_an_alias_is_one_that_may_be_sent(alias: str, uri: str) -> None:
    assert uri_of(alias) == uri


def test_a_bare_address_is_an_ip_destination_and_a_user_at_an_address_is_not() -> None:
    assert is_ip("192.0.2.1")
    assert is_ip("2001:db8::1")
    assert not is_ip("bob@192.0.2.1")
    assert not is_ip("face")
    assert not is_ip("")


def test_our_registrar_does_not_tell_letters_apart() -> None:
    assert key("Bob@Apolo.Local") == "bob@apolo.local"


def test_the_domain_is_what_follows_the_last_at() -> None:
    assert domain_of("a@b@Apolo.Local") == "apolo.local"
    assert domain_of("1234") == ""


def test_one_address_has_one_form() -> None:
    assert plain_ip("[2001:DB8:0::1]") == plain_ip("2001:db8::1")
    assert plain_ip("expc01") == "expc01"
    assert plain_ip("[192.0.2.1") == "[192.0.2.1"
