"""Searches as administrators ask for them: on all peers, explained rule by rule, and what would happen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from sextet.admin.actor import Actor
from sextet.admin.commands import Registry
from sextet.admin.dialplan.locating import as_search
from sextet.admin.dialplan.search_commands import add_to
from sextet.admin.dialplan.searches import replayed
from sextet.call.decision import Request
from sextet.call.search import search
from sextet.call.source import LOCAL
from sextet.cluster.face import Owned
from sextet.model.config import Change
from sextet.model.schema import Refused
from sextet.model.searches import Answer
from sextet.model.status import Registration, ZoneStatus
from tests.support.fake_peer import FakePeer
from tests.support.fake_searches import SearchDesk

ADMIN = Actor(user="admin", may_write=False, door="cli")
BOB = "bob@apolo.local"
RULE = {"name": "Out", "mode": "Alias pattern match", "pattern": "9", "behavior": "Strip", "target": "London"}
TEST = {"name": "outside", "alias": "9x@y.example", "target": "London"}


def desk(number: int = 1, *changes: Change) -> SearchDesk:
    face = FakePeer(number)
    asyncio.run(face.change([Change("add", "search_rules", RULE), *changes], user="admin", source="cli"))
    return SearchDesk(face)


def run(made: SearchDesk, name: str, **arguments: Any) -> Any:
    registry = Registry(lambda actor, what: None)
    add_to(registry, made.searches)
    return asyncio.run(registry.run(name, arguments, ADMIN))


def both() -> tuple[SearchDesk, SearchDesk]:
    one, two = desk(), desk(2)
    assert two.peers.own is not None
    one.peers.others[2] = two.peers.own
    return one, two


def test_the_history_of_all_peers_is_one_list_and_says_who_did_not_answer() -> None:
    one, two = both()
    one.make("nobody@apolo.local", "aaaaaaaaaaaaaaaa")
    two.make("9x@y.example", "bbbbbbbbbbbbbbbb")
    found = run(one, "search history")
    assert [(line["peer"], line["search"]["alias"], line["outcome"]) for line in found["lines"]] == [
        (2, "9x@y.example", "In progress"),
        (1, "nobody@apolo.local", "Not found"),
    ]
    assert len(found["silent"]) == 1
    assert [line["peer"] for line in run(one, "search history", containing="y.example")["lines"]] == [2]


def test_a_search_is_explained_rule_by_rule_with_the_table_that_decided_it() -> None:
    one, two = both()
    two.make(BOB, "bbbbbbbbbbbbbbbb", registered=(BOB,))
    two.history.answered("bbbbbbbbbbbbbbbb", 200, [Answer(0, 200, 41)], True)
    steps = run(one, "search show", id="bbbbbbbbbbbbbbbb")["search"]["steps"]
    assert [(step["name"], step["matched"], step["finding"]) for step in steps if step["kind"] == "rule"] == [
        ("LocalZoneMatch", True, "registered at this peer"),
    ]
    two.make("x@y.example", "cccccccccccccccc")
    steps = run(one, "search show", id="cccccccccccccccc")["search"]["steps"]
    assert ("Out", False, "the pattern does not match") in [
        (step["name"], step["matched"], step["finding"]) for step in steps
    ]
    two.tables.kept.clear()  # the configuration changed too often since: what matched is still known
    steps = run(one, "search show", id="cccccccccccccccc")["search"]["steps"]
    assert [step["name"] for step in steps] == ["LocalZoneMatch"]


def test_an_explanation_knows_subzone_and_user_of_the_caller() -> None:
    made = desk()
    rule = {**RULE, "name": "Office", "pattern": "7", "source": "Named", "source_name": "office"}
    subzone = Change("add", "subzones", {"name": "office"})
    asyncio.run(made.face.change([subzone, Change("add", "search_rules", rule)], user="admin", source="cli"))
    table = made.tables.of(made.face.saved)
    for name, matched in (("office", True), ("DefaultSubZone", False)):
        source = replace(LOCAL, subzone=name)
        request = Request(protocol="SIP", alias="7x@y.example", source=source, user="alice")
        told = search(table, request, lambda _: False, lambda _: ())
        again = replayed(table, as_search(request, told, {}))
        assert [step.matched for step in again.steps if step.name == "Office"] == [matched]
        assert again.user == "alice"


def test_a_search_that_is_gone_is_said_to_be() -> None:
    with pytest.raises(Refused, match="There is no search 'ffff' any more"):
        run(desk(), "search show", id="ffff")


def test_hits_are_summed_over_the_peers() -> None:
    one, two = both()
    for each in (one, two):
        each.make("9x@y.example")
    hits = asyncio.run(one.searches.hits())
    assert (hits.rules["Out"], hits.rules["LocalZoneMatch"], len(hits.silent)) == (2, 2, 1)


@pytest.mark.parametrize("question", [b"", b"null", b"[]", b'{"do": "else"}', b'{"do": "list", "most": "x"}', b"\xff"])
def test_a_question_that_is_none_is_answered_with_nothing(question: bytes) -> None:
    made = desk()
    assert made.peers.own is not None
    assert json.loads(asyncio.run(made.peers.own(question))) == {}


def test_locate_says_what_would_happen() -> None:
    made = desk()
    told = run(made, "locate", alias="9x@y.example")
    assert (told["rounds"], told["draft"]) == ([["London: x@y.example"]], False)
    refused = run(made, "locate", alias="x@y.example")
    assert refused["sentence"].startswith("404 ")
    assert [step["name"] for step in refused["search"]["steps"] if step["kind"] == "rule"] == ["LocalZoneMatch", "Out"]


def test_locate_finds_who_is_registered_on_any_peer() -> None:
    made = desk()
    made.face.register(BOB, 1, "sip:bob@192.0.2.9", received="192.0.2.9:5060;udp")
    assert run(made, "locate", alias=BOB)["rounds"] == [[f"Local Zone: {BOB}"]]
    by_ip = {
        "verb": "add",
        "path": "search_rules",
        "value": {"name": "IP", "mode": "Any IP address", "target": "LocalZone"},
    }
    assert run(made, "locate", alias="192.0.2.9", draft=draft(by_ip))["rounds"] == [["Local Zone: 192.0.2.9"]]


class Unread(dict[str, Registration]):
    """Registrations that are looked up and never gone through."""

    def values(self) -> Any:
        raise AssertionError("all registrations were gone through to find one alias")

    items = __iter__ = values


class Great(FakePeer):
    def registrations(self) -> Mapping[int, Mapping[str, Registration]]:
        return {number: Unread(rows) for number, rows in super().registrations().items()}


def test_locate_looks_an_alias_up_and_goes_through_no_registrations() -> None:
    face = Great(1)
    face.register(BOB, 1, "sip:bob@192.0.2.9", received="192.0.2.9:5060;UDP")
    assert run(SearchDesk(face), "locate", alias=BOB)["rounds"] == [[f"Local Zone: {BOB}"]]


def test_locate_finds_a_device_by_the_ipv6_address_that_it_is_registered_from() -> None:
    rule = {"name": "IP", "mode": "Any IP address", "target": "LocalZone"}
    made = desk(1, Change("add", "search_rules", rule))
    made.face.register(BOB, 1, "sip:bob@[2001:db8::9]", received="[2001:db8::9]:5060;udp")
    assert run(made, "locate", alias="2001:db8::9")["rounds"] == [["Local Zone: 2001:db8::9"]]


@pytest.mark.parametrize(
    ("typed", "alias"),
    [
        (f"sip:{BOB}", BOB),
        (f" sips:{BOB}:5061;transport=tls", BOB),
        ("tel:+886212345678", "+886212345678"),
        ("192.0.2.9:5060", "192.0.2.9"),
        ("[2001:db8::9]", "2001:db8::9"),
        ("2001:DB8:0:0::9", "2001:db8::9"),
    ],
)
def test_locate_reads_what_is_typed_as_a_phones_request_for_it(typed: str, alias: str) -> None:
    assert run(desk(), "locate", alias=typed)["search"]["alias"] == alias


def test_locate_says_of_a_sips_uri_what_tls_reaches_and_why_the_rest_is_not_called() -> None:
    made = desk()
    made.face.register(BOB, 1, "sip:bob@192.0.2.9", received="192.0.2.9:5060;udp")
    told = run(made, "locate", alias=f"sips:{BOB}")
    finding = "bob@apolo.local is not registered over TLS, which a sips: URI asks for"
    assert told["sentence"].startswith(f"480 rule LocalZoneMatch: {finding}")
    assert finding in [step["finding"] for step in told["search"]["steps"]]
    assert run(made, "locate", alias=BOB)["rounds"]
    made.face.register(BOB, 1, "sip:bob@192.0.2.8:5061", received="192.0.2.8:5061;tls")
    assert run(made, "locate", alias=f"SIPS:{BOB}")["rounds"] == [[f"Local Zone: {BOB}"]]


def test_locate_asks_call_policy_with_the_user_name_of_who_proved_himself() -> None:
    script = (
        '<cpl xmlns="urn:ietf:params:xml:ns:cpl" xmlns:taa="http://www.tandberg.net/cpl-extensions"><taa:routed>'
        '<address-switch field="originating-user"><address is="alice"><reject status="403"/></address></address-switch>'
        "</taa:routed></cpl>"
    )
    made = desk(1, Change("set", "call_policy.script", script), Change("set", "call_policy.mode", "Local CPL"))
    assert run(made, "locate", alias="9x@y.example", user="alice")["sentence"] == "403 Forbidden"
    assert run(made, "locate", alias="9x@y.example", user="bob")["rounds"]
    assert run(made, "locate", alias="9x@y.example", user="alice", unauthenticated=True)["rounds"]


def test_a_search_that_took_another_way_than_the_table_says_is_not_explained_with_it() -> None:
    """A loop was refused before any rule; after a busy device, the aliases of a script were searched."""
    made = desk()
    other = made.make(BOB, "ffffffffffffffff")
    loop = replace(made.make("9x@y.example"), id="dddddddddddddddd", steps=(), asked=(), status=482, reason="Loop")
    after = replace(made.make("9x@y.example"), id="eeeeeeeeeeeeeeee", steps=other.steps)
    for told in (loop, after):
        made.history.made(told)
        steps = run(made, "search show", id=told.id)["search"]["steps"]
        assert [step["before"] for step in steps] == [step.before for step in told.steps]


def draft(*changes: Mapping[str, object]) -> str:
    return json.dumps(list(changes))


def test_locate_answers_on_a_draft_and_stores_nothing() -> None:
    made = desk()
    before = made.face.saved
    change = {"verb": "set", "path": "search_rules[Out].pattern", "value": "8"}
    told = run(made, "locate", alias="8x@y.example", draft=draft(change))
    assert (told["rounds"], told["draft"]) == ([["London: x@y.example"]], True)
    assert made.face.saved == before
    with pytest.raises(Refused) as refused:
        run(
            made, "locate", alias="x", draft=draft({"verb": "set", "path": "search_rules[Out].target", "value": "Gone"})
        )
    assert refused.value.problems[0].field == "search_rules[Out].target"


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"alias": "x", "from": "Nowhere"}, "from"),
        ({"alias": "x", "protocol": "IAX"}, "protocol"),
        ({"alias": "x", "draft": "{"}, "draft"),
        ({"alias": "x", "draft": '[{"verb": "eat", "path": "x"}]'}, "draft"),
        ({"alias": "x", "draft": "7"}, "draft"),
    ],
)
def test_what_cannot_be_located_is_refused_in_one_sentence(arguments: dict[str, str], field: str) -> None:
    with pytest.raises(Refused) as refused:
        run(desk(), "locate", **arguments)
    assert [problem.field for problem in refused.value.problems] == [field]


def test_check_pattern_compares_and_changes_as_a_rule_would() -> None:
    made = desk()
    told = run(
        made, "check-pattern", alias="123@apolo.local", pattern=r"(\d+)@%localdomains%", type="Regex",
        behavior="Replace", replace=r"0\1",
    )  # fmt: skip
    assert told == {
        "matches": True, "alias": "123@apolo.local", "result": "0123",
        "sentence": "123@apolo.local matches and becomes 0123.",
    }  # fmt: skip
    assert run(made, "check-pattern", alias="123@other", pattern="4")["matches"] is False


def test_check_pattern_takes_the_words_of_the_original_and_small_letters() -> None:
    told = run(desk(), "check-pattern", alias="12", pattern="1", type="prefix", behavior="AddPrefix", replace="9")
    assert told["result"] == "912"
    with pytest.raises(Refused) as refused:
        run(desk(), "check-pattern", alias="12", pattern="1", behavior="Cut")
    assert refused.value.problems[0].sentence == (
        "Pattern behavior: 'Cut' is not one of Leave, Strip, Replace, Add Prefix, Add Suffix; choose one."
    )


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"pattern": "(", "type": "Regex"}, "pattern"),
        ({"pattern": "(a+)+", "type": "Regex"}, "pattern"),
        ({"pattern": "a", "type": "Glob"}, "type"),
        ({"pattern": "a", "behavior": "Eat"}, "behavior"),
        ({"pattern": ""}, "pattern"),
    ],
)
def test_patterns_that_cannot_be_used_are_refused(arguments: dict[str, str], field: str) -> None:
    with pytest.raises(Refused) as refused:
        run(desk(), "check-pattern", alias="a", **arguments)
    assert refused.value.problems[0].field == field


def test_the_dial_plan_check_names_what_can_never_do_anything() -> None:
    double = {"name": "Again", "mode": "Alias pattern match", "pattern": "90", "behavior": "Strip", "target": "London"}
    made = desk(
        1,
        Change("set", "search_rules[Out].on_match", "Stop"),
        Change("add", "search_rules", double | {"priority": 200}),
    )
    told = run(made, "dialplan check")
    assert [one["name"] for one in told["warnings"]] == ["Again"]


def test_the_dial_plan_check_names_rules_whose_zone_no_peer_reaches() -> None:
    made = desk()

    def seen(*states: str) -> list[str]:
        made.face.zone_rows = [
            Owned(n, f"expc{n:02}", ZoneStatus(name="London", type="Neighbor", state=state, since_s=0.0), 0.0)
            for n, state in enumerate(states, 1)
        ]
        return [one["sentence"] for one in run(made, "dialplan check")["warnings"]]

    assert seen() == seen("Active", "Failed") == seen("Checking") == []
    assert seen("Failed", "Failed") == ["Its target, zone London, cannot be reached by any peer."]
    made.face.silent.add(1)
    assert seen("Active", "Failed") == ["Its target, zone London, cannot be reached by any peer."]


def test_locate_says_which_zone_this_peer_cannot_reach_now() -> None:
    made = desk()
    for states, said in ((("Active", "Failed"), 0), (("Failed", "Active"), 1)):
        made.face.zone_rows = [
            Owned(n, f"expc{n:02}", ZoneStatus(name="London", type="Neighbor", state=state, since_s=0.0), 0.0)
            for n, state in enumerate(states, 1)
        ]
        words = "Zone London cannot be reached from this peer now: a call passes it over."
        assert run(made, "locate", alias="9x@y.example")["unreachable"] == [words] * said
        assert run(made, "locate", alias="nobody@y.example")["unreachable"] == []


def test_the_dial_plan_tests_run_on_the_saved_configuration_and_on_a_draft() -> None:
    made = desk(1, Change("add", "dial_plan_tests", TEST))
    assert [one["passed"] for one in run(made, "dialplan test")] == [True]
    off = {"verb": "set", "path": "search_rules[Out].state", "value": "Disabled"}
    assert [one["passed"] for one in run(made, "dialplan test", draft=draft(off))] == [False]
    assert run(made, "locate", alias="9x@y.example", draft=draft(off))["rounds"] == []  # a draft may break them


def test_a_save_that_breaks_a_test_is_refused_on_the_real_way_in() -> None:
    made = desk(1, Change("add", "dial_plan_tests", TEST))
    with pytest.raises(Refused, match="Dial plan test outside"):
        asyncio.run(
            made.face.change([Change("set", "search_rules[Out].state", "Disabled")], user="admin", source="cli")
        )


def test_locate_shows_who_is_shown_as_the_caller_and_what_comes_after() -> None:
    script = (
        '<cpl xmlns="urn:ietf:params:xml:ns:cpl" xmlns:taa="http://www.tandberg.net/cpl-extensions"><taa:routed>'
        '<taa:location source-url-for-message="front@apolo.local"><proxy>'
        '<busy><taa:location url="9z@y.example"/></busy>'
        '<failure status="404"><reject status="480" reason="try later"/></failure></proxy></taa:location>'
        "</taa:routed></cpl>"
    )
    policy = [
        {"verb": "set", "path": "call_policy.mode", "value": "Local CPL"},
        {"verb": "set", "path": "call_policy.script", "value": script},
    ]
    told = run(desk(), "locate", alias="9x@y.example", draft=draft(*policy))
    assert told["rounds"] == [["London: x@y.example, called by front@apolo.local"]]
    assert told["afterwards"] == [
        "call policy, where 9x@y.example fails with 404: 480 try later",
        "call policy, where 9x@y.example is busy: 9z@y.example would be searched",
    ]
    assert any("front@apolo.local is shown as the caller" in step["finding"] for step in told["search"]["steps"])
