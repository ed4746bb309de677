"""What comes after a call that could be sent nowhere, with the fake of Kamailio's interface."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sextet.model.settings.dialplan import SearchRule
from sextet.model.settings.policy import CallPolicy
from sextet.model.settings.zones import DNS, ENUM, Zone
from sextet.sip.kemi.asking import questions
from sextet.sip.kemi.routing.aftermath import TURNS_MAX
from tests.sip.kemi.test_script import BOB, CONFIG, OPEN, Bench

HEAD = '<cpl xmlns="urn:ietf:params:xml:ns:cpl" xmlns:taa="http://www.tandberg.net/cpl-extensions"><taa:routed>'
NEXT = {
    "bob@far.test": "bob@near.test",
    "1234@far.test": "bob@near.test",
    "a@far.test": "b@far.test",
    "b@far.test": "a@far.test",
}
ZONES = (Zone(name="World", type=DNS), Zone(name="Numbers", type=ENUM, dns_suffix="enum.test"))
RULES = (
    SearchRule(
        name="Numbers", target="Numbers", mode="Alias pattern match", pattern_type="Regex", pattern=r"\d+@.*",
        behavior="Leave", priority=40, on_match="Stop",
    ),
    SearchRule(name="World", target="World", behavior="Leave"),
)  # fmt: skip
HOP = "sip:192.0.2.80:5061;transport=tls"


def case(alias: str, to: str) -> str:
    then = f'<failure><taa:location clear="yes" url="{to}"><proxy/></taa:location></failure>'
    return f'<address is="{alias}"><proxy>{then}</proxy></address>'


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    cases = "".join(case(*pair) for pair in NEXT.items())
    script = f'{HEAD}<address-switch field="destination">{cases}</address-switch></taa:routed></cpl>'
    policy = CallPolicy(mode="Local CPL", script=script)
    made.follow(replace(CONFIG, authentication=OPEN, zones=ZONES, search_rules=RULES, call_policy=policy))
    known = [("dns far.test World", [], 30), ("enum 1234 Numbers", [], 30), ("dns near.test World", [HOP], 30)]
    questions.keep(made.ksr, [(name, list(hops), seconds) for name, hops, seconds in known])
    return made


@pytest.mark.parametrize("alias", ["bob@far.test", "1234@far.test"])
def test_where_a_zone_knows_no_way_the_script_says_what_comes_after(bench: Bench, alias: str) -> None:
    bench.invite(alias)
    [[(uri, _, _)]] = bench.ksr.relayed
    assert uri == "sip:bob@near.test"
    assert bench.ksr.replies == []
    first, second = (event["search"] for event in bench.searches if event["kind"] == "search")
    assert any("bob@near.test" in one for one in second["targets"])
    [answers] = [event for event in bench.searches if event["kind"] == "answers"]
    assert (answers["id"], answers["status"], answers["final"]) == (first["id"], 480, True)


def test_scripts_that_lead_from_one_dead_end_to_another_end_with_the_refusal(bench: Bench) -> None:
    bench.invite("a@far.test")
    assert (bench.ksr.relayed, [status for status, _ in bench.ksr.replies]) == ([], [480])
    assert sum(event["kind"] == "search" for event in bench.searches) == TURNS_MAX + 1


@pytest.mark.parametrize(("ours", "answer"), [("192.0.2.2", (503, "Service Unavailable")), (None, None)])
def test_a_peer_that_takes_no_calls_answers_for_the_cluster_and_another_system_does_not(
    bench: Bench, ours: str | None, answer: tuple[int, str] | None
) -> None:
    bench.ksr.htables["owner"][BOB] = "2"
    bench.follow(CONFIG)
    bench.invite(BOB)
    said = ",".join(text.encode().hex() for text in ("", 'SIP;cause=503;text="this peer is in maintenance mode"'))
    bench.ksr.values |= {"$avp(legs)": " 0=0", "$avp(said)": f" 0=503@100.5={said}", "$avp(full)": ours}
    bench.ksr.status = 503
    assert bench.script.failed(None) == 1
    assert (bench.ksr.replies or [None])[-1] == answer
    reasons = [header for header in bench.ksr.reply_headers if header.startswith("Reason")]
    assert reasons == (['Reason: SIP;cause=503;text="peer2: this peer is in maintenance mode"'] if ours else [])


@pytest.mark.parametrize(("timeout_s", "patience_ms"), [("2", 2_000), ("30", 3_000)])
def test_no_first_answer_is_waited_for_longer_than_a_script_lets_it_ring(
    bench: Bench, timeout_s: str, patience_ms: int
) -> None:
    script = f'{HEAD}<proxy timeout="{timeout_s}"/></taa:routed></cpl>'
    bench.ksr.htables["owner"][BOB] = "2"
    bench.follow(replace(CONFIG, call_policy=CallPolicy(mode="Local CPL", script=script)))
    bench.invite(BOB)
    assert (bench.ksr.ring_ms, bench.ksr.patience_ms) == (int(timeout_s) * 1000, patience_ms)
