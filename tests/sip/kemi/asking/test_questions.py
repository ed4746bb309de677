"""Calls that wait for DNS, with the fake of Kamailio's interface."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sextet.call.zones import NO_NAMES, row_of
from sextet.model.settings.dialplan import SearchRule
from sextet.model.settings.zones import DNS, ENUM, Zone
from sextet.sip.kemi.asking import questions
from tests.sip.kemi.test_script import CONFIG, OPEN, Bench

ZONES = (Zone(name="World", type=DNS), Zone(name="Phone numbers", type=ENUM, dns_suffix="enum.test"))
RULES = (
    SearchRule(
        name="Numbers", target="Phone numbers", mode="Alias pattern match", pattern_type="Regex", pattern=r"\d+@.*",
        behavior="Leave", priority=40, on_match="Stop",
    ),
    SearchRule(name="World", target="World", behavior="Leave"),
)  # fmt: skip
HOP = "sip:192.0.2.80:5061;transport=tls"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.follow(replace(CONFIG, authentication=OPEN, zones=ZONES, search_rules=RULES))
    return made


def resume(bench: Bench) -> None:
    assert bench.script.resumed(None) == 1


def test_a_call_waits_for_an_answer_and_goes_where_it_says(bench: Bench) -> None:
    reached: list[bool] = []
    send = bench.script._reporter.send
    bench.script._reporter.send = lambda fields, more=False: (reached.append(True), send(fields), True)[-1]  # type: ignore[method-assign, func-returns-value]
    bench.invite("bob@far.test")
    assert (bench.ksr.suspended, bench.ksr.relayed) == (1, [])
    [asked] = [event for event in bench.told if event["kind"] == "question"]
    assert asked["questions"] == ["dns far.test World"]
    assert asked["transaction"] == "7:9"
    questions.keep(bench.ksr, [("dns far.test World", [HOP], 30)])
    resume(bench)
    [[(uri, hop, _)]] = bench.ksr.relayed
    assert uri == "sip:bob@far.test"
    assert hop.startswith(HOP)
    bench.invite("carol@far.test")
    assert (bench.ksr.suspended, len(bench.ksr.relayed)) == (1, 2)  # the answer is kept


@pytest.mark.parametrize(("alias", "place"), [("bob@192.0.2.80", "192.0.2.80"), ("bob@2001:db8::8", "2001:db8::8")])
def test_where_an_ip_address_is_called_is_asked_as_of_a_domain(alias: str, place: str) -> None:
    assert questions.question(row_of(ZONES[0], NO_NAMES), alias) == f"dns {place} World"


def test_a_number_is_searched_again_as_the_alias_that_it_stands_for(bench: Bench) -> None:
    questions.keep(bench.ksr, [("enum 1234 Phone numbers", ["bob@far.test"], 30), ("dns far.test World", [HOP], 30)])
    bench.invite("+1234@apolo.local".removeprefix("+"))
    [[(uri, _, _)]] = bench.ksr.relayed
    assert uri == "sip:bob@far.test"


def test_a_number_that_stands_for_another_number_is_followed_and_a_circle_ends(bench: Bench) -> None:
    known = [("enum 1234 Phone numbers", ["99@far.test"], 30), ("enum 99 Phone numbers", ["bob@far.test"], 30)]
    questions.keep(bench.ksr, [*known, ("dns far.test World", [HOP], 30)])
    bench.invite("1234@apolo.local")
    [[(uri, _, _)]] = bench.ksr.relayed
    assert uri == "sip:bob@far.test"
    questions.keep(bench.ksr, [("enum 99 Phone numbers", ["1234@apolo.local"], 30)])
    bench.invite("1234@apolo.local")
    assert len(bench.ksr.relayed) == 1
    assert bench.ksr.replies[-1][0] == 404


def test_what_dns_does_not_know_is_refused(bench: Bench) -> None:
    questions.keep(bench.ksr, [("dns far.test World", [], 5)])
    bench.invite("bob@far.test")
    assert bench.ksr.suspended == 0
    assert bench.ksr.replies[-1][0] == 480


def test_while_sextetd_is_away_the_call_waits_no_longer_than_to_the_next_look(bench: Bench) -> None:
    bench.script._reporter.send = lambda fields, more=False: False  # type: ignore[method-assign]
    bench.invite("bob@far.test")
    rows = list(bench.ksr.htables["asking"].items())
    assert questions.overdue(rows, 0.0) == ["7:9"]
    resume(bench)
    assert bench.ksr.replies[-1][0] == 480


def test_what_was_not_answered_in_time_is_not_asked_again_for_the_same_call(bench: Bench) -> None:
    bench.script._reporter.send = lambda fields, more=False: True  # type: ignore[method-assign]
    bench.invite("bob@far.test")
    resume(bench)
    assert bench.ksr.suspended == 1
    assert bench.ksr.replies[-1][0] == 480


def test_who_waits_too_long_goes_on(bench: Bench) -> None:
    rows = [("1:2", "5000"), ("3:4", "9000")]
    assert questions.overdue(rows, 6.0) == ["1:2"]


def test_answers_are_kept_as_they_were_given(bench: Bench) -> None:
    questions.keep(bench.ksr, [("dns x World", [HOP], 30)])
    assert json.loads(bench.ksr.htables["dns"]["dns x World"]) == [HOP]
