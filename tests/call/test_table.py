"""The table: what workers get, and what they refuse."""

from __future__ import annotations

import json
import random

import pytest

from sextet.call.decision import Request, Try
from sextet.call.search import search
from sextet.call.source import LOCAL
from sextet.call.table import Table, TableError
from sextet.model.settings.dialplan import Transform
from sextet.model.settings.registration import Credential, PolicyPattern, Registration
from sextet.model.settings.system import System
from tests.support.tables import rule, table


def test_a_table_says_the_same_after_its_journey_through_json() -> None:
    made = table(
        [rule("a", "9"), rule("b", r"(\d+)@.*", "Regex", behavior="Replace", replace=r"\1@%localdomain2%")],
        transforms=(Transform(priority=3, pattern="0"), Transform(priority=2, pattern="1", state="Disabled")),
        registration=Registration(
            restriction_policy="Allow List", allow_list=(PolicyPattern(pattern="bob@b.example"),)
        ),
    )
    read = Table.from_json(made.to_json())
    for name in set(Table.__slots__) - {"rule_index", "transform_index"}:  # made of the others
        assert getattr(read, name) == getattr(made, name), name


def test_no_password_is_in_a_table() -> None:
    text = table(credentials=(Credential(name="alice", password="geheim-77"),)).to_json()
    assert "geheim-77" not in text
    assert "alice" not in text


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '"x"', "{}", '{"format": 2}', "[" * 5000, "\ud800"])
def test_what_is_no_table_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(TableError, match="not a table"):
        Table.from_json(text)


def test_a_table_of_another_format_is_refused() -> None:
    document = json.loads(table().to_json())
    document["format"] = 99
    with pytest.raises(TableError, match="format 99"):
        Table.from_json(json.dumps(document))


def test_a_table_with_a_wrong_setting_names_it() -> None:
    document = json.loads(table().to_json())
    document["config"]["protocols"]["standard_refresh_maximum"] = "long"
    with pytest.raises(TableError, match=r"protocols\.standard_refresh_maximum"):
        Table.from_json(json.dumps(document))


def test_a_rule_whose_expression_does_not_compile_is_named() -> None:
    with pytest.raises(TableError, match="search rule broken"):
        table([rule("broken", "(", "Regex")])


def test_damaged_tables_are_refused_and_never_raise_anything_else() -> None:
    dice = random.Random(3)
    text = table([rule("a", "9")]).to_json()
    for _ in range(300):
        place = dice.randrange(len(text))
        damaged = text[:place] + dice.choice('"0}],x{') + text[place + dice.randrange(1, 4) :]
        try:
            read = Table.from_json(damaged)
        except TableError:
            continue
        search(read, Request(protocol="SIP", alias="9@x", source=LOCAL), lambda _: False, lambda _: ())


def test_the_system_is_registrar_of_its_own_names_and_address() -> None:
    assert table().hosts == {"expc01.apolo.local", "expc-cluster.apolo.local", "192.0.2.1"}


def test_a_system_without_names_is_known_by_its_place_in_the_peer_list() -> None:
    assert "expc01.apolo.local" in table(system=System()).hosts
    assert table(system=System(dns_host_name="expc09")).hosts == table(system=System()).hosts, "half a name is none"


def test_variables_stand_for_the_addresses_of_all_peers_in_patterns_and_for_this_peers_in_replacements() -> None:
    any_of_ours = rule("r", ".*@%ipv4%", "Regex", target="Paris", behavior="Replace", replace="x@%ipv4%-%ipv6%")
    made = table([any_of_ours])
    found = search(
        made, Request(protocol="SIP", alias="b@192.0.2.3", source=LOCAL), lambda _: False, lambda _: ()
    ).decision
    assert isinstance(found, Try)
    assert found.rounds[0].targets[0].alias == "x@192.0.2.1-%ipv6%"
    made = table([rule("r", ".*@%ipv6%", "Regex")])
    found = search(
        made, Request(protocol="SIP", alias="b@192.0.2.3", source=LOCAL), lambda _: False, lambda _: ()
    ).decision
    assert not isinstance(found, Try)


def test_zone_addresses_become_uris_with_port_and_transport() -> None:
    zones = table().zones
    assert zones["London"].uris == ("sip:192.0.2.10:5062;transport=tls", "sip:192.0.2.11:5062;transport=tls")
    assert zones["Paris"].uris == ("sip:[2001:db8::5]:5060;transport=udp",)
