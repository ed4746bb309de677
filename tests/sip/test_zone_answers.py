"""What DNS and ENUM zones answer, from a stand-in server on loopback."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import dns.rdata
import pytest
from dns.rdtypes.IN.NAPTR import NAPTR

from sextet.lab.dns import Records
from sextet.model.settings.zones import DNS, Zone
from sextet.sip.resolver import Unanswered
from sextet.sip.zone_answers import aliases, hops_within, next_hops, rewritten
from tests.sip.test_resolver import resolver

EVERY = frozenset(("tls", "tcp", "udp"))
PLAIN = Zone(name="world", type=DNS)
KNOWN: Records = {
    ("h.apolo.local.", "A"): ["192.0.2.1"],
    ("other.apolo.local.", "A"): ["192.0.2.2"],
    ("both.apolo.local.", "NAPTR"): [
        '20 0 "s" "SIPS+D2T" "" tls.both.apolo.local.',
        '10 0 "s" "SIP+D2U" "" udp.both.apolo.local.',
        '5 0 "s" "H323+D2T" "" nothing.apolo.local.',
    ],
    ("tls.both.apolo.local.", "SRV"): ["1 1 5071 h.apolo.local."],
    ("udp.both.apolo.local.", "SRV"): ["1 1 5070 other.apolo.local."],
    ("_sip._udp.srv.apolo.local.", "SRV"): ["1 1 5060 h.apolo.local."],
    ("_sips._tcp.srv.apolo.local.", "SRV"): ["1 1 5061 h.apolo.local."],
    ("bare.apolo.local.", "A"): ["192.0.2.3"],
    ("4.3.2.1.enum.apolo.local.", "NAPTR"): [
        '20 0 "u" "E2U+sip" "!^.*$!sip:later@apolo.local!" .',
        '10 0 "u" "E2U+sip" "!^.(.*)$!sip:\\\\1@apolo.local!i" .',
        '5 0 "u" "E2U+mailto" "!^.*$!mailto:x@apolo.local!" .',
    ],
}


def hops(domain: str, zone: Zone = PLAIN, transports: frozenset[str] = EVERY) -> list[str]:
    async def play() -> list[str]:
        async with resolver(KNOWN) as (asked, _):
            return await next_hops(asked, zone, domain, transports)

    return asyncio.run(play())


def test_naptr_says_which_transports_in_which_order() -> None:
    assert hops("both.apolo.local") == [
        "sip:192.0.2.2:5070;transport=udp",
        "sip:192.0.2.1:5071;transport=tls;sni=both.apolo.local",
    ]


def test_without_naptr_the_usual_services_are_asked_for_tls_first() -> None:
    assert hops("srv.apolo.local") == [
        "sip:192.0.2.1:5061;transport=tls;sni=srv.apolo.local",
        "sip:192.0.2.1:5060;transport=udp",
    ]


def test_a_transport_that_is_off_is_not_used() -> None:
    assert hops("srv.apolo.local", transports=frozenset(("udp",))) == ["sip:192.0.2.1:5060;transport=udp"]


def test_an_address_record_counts_only_where_the_zone_says_so() -> None:
    assert hops("bare.apolo.local") == []
    with_address = Zone(name="w", type=DNS, include_address_record=True, default_transport="TCP")
    assert hops("bare.apolo.local", with_address) == ["sip:192.0.2.3:5060;transport=tcp"]
    with pytest.raises(Unanswered):
        hops("gone.apolo.local", with_address)


@pytest.mark.parametrize(
    ("address", "more", "expected"),
    [
        ("192.0.2.9", {}, ["sip:192.0.2.9:5060;transport=udp"]),
        ("2001:db8::9", {"default_transport": "TCP"}, ["sip:[2001:db8::9]:5060;transport=tcp"]),
        ("192.0.2.9", {"default_transport": "TLS"}, ["sip:192.0.2.9:5061;transport=tls"]),
        (
            "192.0.2.9",
            {"default_transport": "TLS", "tls_verify": True},
            ["sip:192.0.2.9:5061;transport=tls;sxv=192.0.2.9"],
        ),
    ],
)
def test_an_ip_address_is_called_itself_by_the_default_transport_and_dns_is_not_asked(
    address: str, more: dict[str, object], expected: list[str]
) -> None:
    async def play() -> None:
        async with resolver({}) as (asked, _):  # who asked this one would get REFUSED
            zone = Zone(name="w", type=DNS, **more)  # type: ignore[arg-type]
            assert await next_hops(asked, zone, address, EVERY) == expected
            assert await next_hops(asked, zone, address, frozenset()) == []

    asyncio.run(play())


def test_certificates_are_checked_over_tls_where_the_zone_says_so() -> None:
    zone = Zone(name="w", type=DNS, tls_verify=True)
    assert hops("srv.apolo.local", zone) == [
        "sip:192.0.2.1:5061;transport=tls;sxv=srv.apolo.local",
        "sip:192.0.2.1:5060;transport=udp",
    ]


@pytest.mark.parametrize(
    ("hop", "found"),
    [
        ("[2001:db8::9]:5071", ["[2001:db8::9]:5071"]),
        ("srv.apolo.local", ["192.0.2.1:5061"]),  # its service record
        ("bare.apolo.local:5071", ["192.0.2.3:5071"]),
        ("bare.apolo.local", ["192.0.2.3:5061"]),
    ],
)
def test_a_next_hop_that_is_named_within_a_call_is_found_and_keeps_the_names_to_be_shown(
    hop: str, found: list[str]
) -> None:
    async def play() -> None:
        async with resolver(KNOWN) as (asked, _):
            more = ";transport=tls;sxv=far.test,srv.apolo.local"
            assert await hops_within(asked, f"sip:{hop}{more}") == [f"sip:{one}{more}" for one in found]
            with pytest.raises(Unanswered):
                await hops_within(asked, f"sip:no name{more}")

    asyncio.run(play())


def test_the_name_that_a_certificate_has_to_show_is_the_zones_own_where_it_has_one() -> None:
    zone = Zone(name="w", type=DNS, tls_verify=True, tls_subject_name="Service.Example.")
    assert hops("srv.apolo.local", zone)[0] == "sip:192.0.2.1:5061;transport=tls;sxv=service.example"
    with pytest.raises(Unanswered):
        hops("srv.apolo.local", replace(zone, tls_subject_name="no name;x=1"))


def test_a_number_becomes_aliases_in_the_order_of_its_records() -> None:
    async def play() -> None:
        async with resolver(KNOWN) as (asked, _):
            assert await aliases(asked, "enum.apolo.local", "1234") == ["1234@apolo.local", "later@apolo.local"]
            assert await aliases(asked, "enum.apolo.local", "99") == []

    asyncio.run(play())


@pytest.mark.parametrize(
    ("rule", "alias"),
    [
        ("!^.*$!sip:a@b.example!", "a@b.example"),
        ("!^.*$!h323:a@b.example!", "a@b.example"),
        ("!^.44(.*)$!sip:0\\\\1@b.example!", "0123@b.example"),
        ("!^.99!sip:a@b.example!", ""),
        ("!(!sip:a@b.example!", ""),
        ("!^.*$!sip:\\\\5@b.example!", ""),
        ("broken", ""),
        (r"!^(\\d*)*x$!sip:a@b.example!", ""),
        ("!" + "(a*)*" * 30 + "!x!", ""),
    ],
)
def test_rules_of_strangers_rewrite_or_are_nothing(rule: str, alias: str) -> None:
    record = dns.rdata.from_text("IN", "NAPTR", f'10 0 "u" "E2U+sip" "{rule}" .')
    assert isinstance(record, NAPTR)
    assert rewritten(record, "44123") == alias
