"""Single settings: what each kind accepts, and in which words it refuses."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

import pytest

from sextet.model.schema import (
    Kind,
    Problem,
    Refused,
    Setting,
    a_name,
    a_server,
    an_address,
    an_ip,
    problems_of,
    server_place,
    setting,
)
from sextet.model.sections import KEYS, Root
from sextet.model.settings.protocols import Protocols
from sextet.model.settings.zones import Zone


def declared(section: type = Root, path: str = "") -> Iterator[tuple[str, Setting]]:
    for field in dataclasses.fields(section):
        found = field.metadata.get("setting")
        if found is None:
            yield from declared(type(field.default), f"{path}{field.name}.")
            continue
        yield path + field.name, found
        if found.item is not None:
            yield from declared(found.item, f"{path}{field.name}[].")


ALL = dict(declared())


@pytest.mark.parametrize("path", ALL)
def test_every_setting_explains_itself_and_accepts_its_default(path: str) -> None:
    one = ALL[path]
    assert one.label
    assert one.help.endswith(".")
    assert one.help[0].isupper()
    if one.kind is Kind.MANY:
        assert one.item in KEYS
        assert one.high > 0
    elif not one.mandatory or one.default:
        assert problems_of(one, path, one.default) == []


def test_every_list_has_a_key_that_its_items_declare() -> None:
    for item, key in KEYS.items():
        assert setting(item, key)


def test_every_secret_is_known_as_one() -> None:
    assert {path for path in ALL if "password" in path} == {path for path, one in ALL.items() if one.secret}


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        ("sip_udp_port", 1023, "1023 is out of range; enter 1024 to 65534"),
        ("sip_udp_port", "5060", "'5060' is not a whole number"),
        ("sip_udp_port", True, "True is not a whole number"),
        ("sip_udp_port", 5060.0, "5060.0 is not a whole number"),
        ("standard_refresh_minimum", 29, "enter 30 to 3600 seconds"),
        ("sip_udp", 1, "1 is neither On nor Off"),
        ("sip_udp", "On", "'On' is neither On nor Off"),
        ("standard_refresh_strategy", "maximum", "'maximum' is not one of Maximum, Variable"),
        ("standard_refresh_strategy", ["Maximum"], "is not one of"),
    ],
)
def test_a_wrong_value_is_refused_with_the_remedy(name: str, value: object, wrong: str) -> None:
    problems = problems_of(setting(Protocols, name), name, value)
    assert [problem.field for problem in problems] == [name]
    assert wrong in problems[0].sentence


def test_a_long_wrong_value_is_repeated_in_part() -> None:
    (problem,) = problems_of(setting(Protocols, "sip_udp_port"), "sip_udp_port", "5060 " * 1000)
    assert problem.sentence.startswith("UDP port: '5060 5060")
    assert problem.sentence.endswith("… is not a whole number; enter 1024 to 65534.")
    assert len(problem.sentence) < 150


@pytest.mark.parametrize("value", [None, 7, "", "x" * 51, "a\nb", "a\x7fb", "a\u2028b", "\ud800", "a\u202eb"])
def test_a_name_must_be_text_that_can_be_shown(value: object) -> None:
    assert problems_of(setting(Zone, "name"), "name", value)


@pytest.mark.parametrize("value", ["London", "會議室 1", "全形\u3000空白", "x" * 50, "a]b", '"q"'])
def test_a_name_may_have_any_letter(value: str) -> None:
    assert problems_of(setting(Zone, "name"), "name", value) == []


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("", True),
        ("192.0.2.1", True),
        ("2001:db8::1", True),
        ("expc01.apolo.local", True),
        ("expc01", True),
        ("192.0.2.256", False),
        ("192.0.2", False),
        ("-a.example", False),
        ("a..example", False),
        ("a.example.", False),
        ("a b.example", False),
        ("a" * 64 + ".example", False),
        ("expc01:5060", False),
        (".".join(["a" * 63] * 3 + ["b" * 61]), True),
        (".".join(["a" * 63] * 3 + ["b" * 62]), False),
    ],
)
def test_an_address_is_an_ip_or_a_name(text: str, fine: bool) -> None:
    assert (an_address(text) == "") is fine
    assert an_address(text) == "" or re.search(r"; .+\.$", an_address(text))


def test_a_server_may_have_a_port() -> None:
    assert a_server("192.0.2.53:5353") == ""
    assert a_server("2001:db8::53") == ""
    assert a_server("192.0.2.53:65535") == ""
    assert "1 to 65535" in a_server("192.0.2.53:65536")
    assert "1 to 65535" in a_server("192.0.2.53:0")
    assert a_server("192.0.2.53:dns")
    assert a_server("[2001:db8::53]:5353") == "" and a_server("[2001:db8::53]") == ""
    assert a_server("[2001:db8::53:5353") and a_server("[192.0.2.53]:53") and a_server("[ntp.example.com]:53")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("192.0.2.53", ("192.0.2.53", 53)),
        ("192.0.2.53:5353", ("192.0.2.53", 5353)),
        ("2001:db8::53", ("2001:db8::53", 53)),
        ("[2001:db8::53]", ("2001:db8::53", 53)),
        ("[2001:db8::53]:5353", ("2001:db8::53", 5353)),
        ("ntp.example.com", ("ntp.example.com", 53)),
        ("ntp.example.com:5353", ("ntp.example.com", 5353)),
    ],
)
def test_a_servers_place_is_host_and_port(text: str, place: tuple[str, int]) -> None:
    assert a_server(text) == ""
    assert server_place(text, 53) == place


def test_names_and_addresses_are_not_mixed_up() -> None:
    assert a_name("192.0.2.1")
    assert an_ip("expc01")
    assert an_ip("") == a_name("") == ""


def test_a_refusal_carries_every_problem_and_reads_as_one_sentence() -> None:
    refused = Refused(Problem("a", "is wrong."), Problem("", "All is wrong."))
    assert [problem.field for problem in refused.problems] == ["a", ""]
    assert str(refused) == "a: is wrong.; All is wrong."
