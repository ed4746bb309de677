"""Whom a worker believes to be the domain that was called, on the fake of Kamailio."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sextet.model.settings.dialplan import SearchRule
from sextet.model.settings.zones import DNS, Zone
from sextet.sip.kemi.asking import questions
from sextet.sip.kemi.zones import naming
from tests.sip.kemi.test_script import CONFIG, OPEN, Bench
from tests.sip.kemi.zones.test_pinging import certificate

WORLD = Zone(name="The world", type=DNS, tls_verify=True)
FAR, OTHER = (f"sip:192.0.2.80:5061;transport=tls;sxv={name}.test" for name in ("far", "other"))
QUESTION = "dns far.test The world"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    rules = (SearchRule(name="w", target="The world", behavior="Leave"),)
    made.follow(replace(CONFIG, authentication=OPEN, zones=(WORLD,), search_rules=rules))
    return made


def shown(bench: Bench, hop: str, *names: str, verified: bool = True) -> str:
    """Let a system answer our OPTIONS with a certificate; gives what is told of it."""
    certificate(bench, *names, verified=verified)
    bench.ksr.alive.add(5)
    bench.ksr.values |= {"$uac_req(evparam)": f"{naming.ASKED} {hop} The world", "$uac_req(evtype)": 1}
    assert bench.script.pinged(None) == 1
    event = bench.told[-1]
    assert (event["kind"], event["zone"], event["hop"]) == ("named", "The world", hop)
    return str(event["reason"])


def called(bench: Bench) -> int:
    """Call bob@far.test; gives how many requests were sent."""
    before = len(bench.ksr.relayed)
    bench.invite("bob@far.test")
    return len(bench.ksr.relayed) - before


def test_who_has_to_show_a_name_is_asked_over_a_connection_whose_issuer_is_checked(bench: Bench) -> None:
    sent: list[dict[str, object]] = []
    bench.ksr.uac_req_send = lambda: sent.append(dict(bench.ksr.values))  # type: ignore[attr-defined]
    naming.ask(bench.ksr, bench.script._current.get(), "The world", [FAR, "sip:192.0.2.80:5060;transport=udp"])
    [one] = sent
    assert (one["connect_server_id"], one["$uac_req(ruri)"]) == ("verified", FAR.partition(";sxv")[0])


def test_a_call_goes_over_the_connection_that_showed_the_name(bench: Bench) -> None:
    assert shown(bench, FAR, "far.test") == ""
    questions.keep(bench.ksr, [(QUESTION, [FAR], 30)])
    assert called(bench) == 1
    bench.ksr.values["$du"] = f"{FAR};t=0;hops=15"
    bench.script.named(None)
    assert bench.ksr.values["$var(conid)"] == 5
    bench.ksr.values["$du"] = f"{OTHER};t=0;hops=15"
    bench.script.named(None)
    assert bench.ksr.values["$var(conid)"] == 0


@pytest.mark.parametrize(
    ("names", "verified", "told"),
    [
        (("other.test", "x.test"), True, "its certificate names other.test, x.test, not far.test"),
        (("*.test",), True, "its certificate names *.test, not far.test"),  # RFC 5922 7.2
        (("far.test",), False, "its certificate names nobody, not far.test"),
        ((), True, "its certificate names nobody, not far.test"),
    ],
)
def test_who_shows_another_name_is_left_and_never_called(
    bench: Bench, names: tuple[str, ...], verified: bool, told: str
) -> None:
    assert shown(bench, FAR, *names, verified=verified) == told
    assert bench.ksr.alive == set()
    questions.keep(bench.ksr, [(QUESTION, [], 5), (f"why {QUESTION}", [f"192.0.2.80:5061: {told}"], 5)])
    assert called(bench) == 0
    assert bench.ksr.replies[-1][0] == 480
    assert f'text="zone The world: 192.0.2.80:5061: {told}"' in bench.ksr.reply_headers[-1]


def test_a_wrong_name_does_not_end_the_connection_of_the_right_one(bench: Bench) -> None:
    assert shown(bench, FAR, "far.test") == ""
    assert shown(bench, OTHER, "far.test") != ""
    assert naming.connection(bench.ksr, FAR) == 5
    assert naming.connection(bench.ksr, OTHER) == 0


def test_without_the_connection_the_name_is_asked_for_again_before_anything_is_sent(bench: Bench) -> None:
    bench.script._reporter.send = lambda fields, more=False: True  # type: ignore[method-assign]
    questions.keep(bench.ksr, [(QUESTION, [FAR], 30)])
    assert (called(bench), bench.ksr.suspended) == (0, 1)
    questions.keep(bench.ksr, [(QUESTION, ["sip:192.0.2.80:5061;transport=tls"], 30)])  # from before verify mode was On
    assert (called(bench), bench.ksr.suspended) == (0, 2)


def test_a_connection_over_which_nothing_comes_is_closed(bench: Bench) -> None:
    bench.ksr.connections["192.0.2.80:5061"] = 5
    bench.ksr.alive.add(5)
    bench.ksr.values |= {"$uac_req(evparam)": f"{naming.ASKED} {FAR} The world", "$uac_req(evtype)": 2}
    assert bench.script.pinged(None) == 1
    assert bench.ksr.alive == set()
