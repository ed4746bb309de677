"""Requests within a call to a domain that had to show its name, on the fake of Kamailio."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sextet.model.settings.zones import DNS, Zone
from sextet.sip.kemi.asking import questions
from sextet.sip.kemi.routing import onward
from sextet.sip.kemi.zones import naming
from tests.sip.kemi.test_script import CONFIG, Bench

FAR = "sip:192.0.2.80:5061;transport=tls;sxv=far.test"
ELSEWHERE = "sip:192.0.2.81:5061;transport=tls;sxv=far.test"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def named(bench: Bench, hop: str, connection: int) -> None:
    bench.ksr.htables["named"][hop] = str(connection)
    bench.ksr.alive.add(connection)


def goes(
    bench: Bench, target: str = "sip:bob@192.0.2.80:5061;transport=tls", method: str = "BYE", route: str = "",
    mark: str = "",
) -> bool:  # fmt: skip
    """Send a request within a call to far.test; says whether it goes on at once."""
    bench.ksr.request(method, target)
    bench.ksr.values |= {onward.SHOWN: "192.0.2.80:5061/far.test" + mark, "$var(recorded)": int(bool(route))}
    if route:
        bench.ksr.values["$du"] = route
    return resumed(bench)


def resumed(bench: Bench) -> bool:
    assert bench.script.onward(None) == 1
    return bool(bench.ksr.values["$var(go)"])


def asked(bench: Bench) -> list[str]:
    return [question for event in bench.told if event["kind"] == "question" for question in event["questions"]]


@pytest.fixture(autouse=True)
def told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    tell = bench.script._reporter.send
    monkeypatch.setattr(bench.script._reporter, "send", lambda fields, more=False: tell(fields, more=more) or True)


@pytest.mark.parametrize(
    ("target", "route"),
    [
        ("sip:bob@192.0.2.80:5061;transport=tls", ""),
        ("sips:bob@192.0.2.80", ""),
        ("sip:bob@Far.test;transport=TLS", ""),
        ("sip:bob@10.0.0.1", "sip:edge.far.test;transport=tls;lr"),  # who recorded himself is at the other end of it
    ],
)
def test_what_is_meant_for_whom_the_call_is_connected_to_goes_over_that_connection(
    bench: Bench, target: str, route: str
) -> None:
    named(bench, FAR, 5)
    assert goes(bench, target, route=route)
    assert (bench.ksr._next, asked(bench)) == (FAR, [])


def test_without_the_connection_a_request_waits_and_goes_over_one_that_showed_the_name(bench: Bench) -> None:
    assert not goes(bench)
    assert (asked(bench), bench.ksr.suspended) == ([f"hop {FAR} "], 1)
    named(bench, FAR, 6)
    questions.keep(bench.ksr, [(f"hop {FAR} ", [FAR], 30)])
    assert resumed(bench)
    assert bench.ksr._next == FAR


def test_a_system_that_wants_its_requests_elsewhere_shows_one_of_its_names_there(bench: Bench) -> None:
    named(bench, FAR, 5)
    for target, hop in (
        ("sip:bob@192.0.2.81;transport=tls", ELSEWHERE),
        ("sip:bob@pbx.far.test;transport=tls", "sip:pbx.far.test;transport=tls;sxv=far.test,pbx.far.test"),
    ):
        assert not goes(bench, target)
        assert asked(bench)[-1] == f"hop {hop} "


def test_over_udp_and_tcp_there_is_nothing_to_be_shown(bench: Bench) -> None:
    for target in ("sip:bob@192.0.2.80", "sip:bob@192.0.2.80;transport=tcp"):
        assert goes(bench, target)
    assert (bench.ksr._next, asked(bench)) == ("", [])


def test_who_shows_another_name_gets_nothing_and_the_caller_hears_why(bench: Bench) -> None:
    wrong = "192.0.2.80:5061: its certificate names other.test, not far.test"
    assert not goes(bench)
    questions.keep(bench.ksr, [(f"hop {FAR} ", [], 5), (f"why hop {FAR} ", [wrong], 5)])
    assert not resumed(bench)
    assert bench.ksr.replies == [(500, "Server Internal Error")]
    assert bench.ksr.reply_headers == [f'Reason: SIP;cause=503;text="{wrong}"']
    assert not goes(bench)  # the next one, while that is known
    assert (len(bench.ksr.replies), bench.ksr.suspended) == (2, 1)


def test_a_request_that_nobody_answered_for_is_refused(bench: Bench) -> None:
    assert not goes(bench)
    assert not resumed(bench)
    assert bench.ksr.replies == [(500, "Server Internal Error")]
    assert "192.0.2.80:5061: nobody could be asked" in bench.ksr.reply_headers[0]


def test_an_ack_waits_for_nothing_and_the_next_one_finds_the_connection(bench: Bench) -> None:
    assert not goes(bench, method="ACK")
    assert (asked(bench), bench.ksr.suspended, bench.ksr.replies) == ([f"hop {FAR} "], 0, [])
    named(bench, FAR, 6)
    assert goes(bench, method="ACK")
    assert bench.ksr._next == FAR


def test_a_retransmission_asks_nothing(bench: Bench) -> None:
    bench.ksr.retransmission = True
    assert not goes(bench)
    assert (asked(bench), bench.ksr.replies) == ([], [])


def shown(bench: Bench, zone: str) -> str:
    """Give what is kept with a call of its branch to far.test, which went by a zone."""
    bench.follow(replace(CONFIG, zones=(Zone(name="The world", type=DNS, tls_verify=True),)))
    bench.ksr.values["$du"] = f"{FAR};t=0;hops=9"
    naming.pin(bench.ksr, zone)
    return str(bench.ksr.values["$var(shown)"])


@pytest.mark.parametrize(("zone", "told"), [("The world", "The world"), ("One that was removed", "")])
def test_what_is_found_out_within_a_call_is_told_of_its_zone(bench: Bench, zone: str, told: str) -> None:
    assert not goes(bench, mark=shown(bench, zone).removeprefix("192.0.2.80:5061/far.test"))
    assert asked(bench) == [f"hop {FAR} {told}"]


def bye(bench: Bench, tag: str = "tag-1", port: int = 5061) -> bool:
    """Let Kamailio make a BYE for a call to far.test; says whether it is sent."""
    kept = shown(bench, "The world")
    bench.ksr.request("BYE", "sip:bob@192.0.2.80:5061;transport=tls")
    bench.ksr.values |= {
        "$dlg_var(shown)": f"tag-1 {kept}",
        "$ft": tag,
        "$sndto(ip)": "192.0.2.80",
        "$sndto(port)": port,
    }
    assert bench.script.leaving(None) == 1
    return bool(bench.ksr.values["$var(go)"])


def test_a_bye_of_ours_goes_over_a_connection_that_showed_the_name_and_to_the_caller_as_it_is(bench: Bench) -> None:
    assert bye(bench, tag="of-who-was-called")
    bench.ksr.connections["192.0.2.80:5061"] = 5
    named(bench, "5", 1)
    assert bye(bench)
    assert asked(bench) == []


def test_a_bye_of_ours_does_not_go_over_another_connection_which_is_looked_at(bench: Bench) -> None:
    assert not bye(bench)
    bench.ksr.connections["192.0.2.80:5071"] = 6
    assert not bye(bench, port=5071)
    assert asked(bench) == [f"hop {FAR} The world", f"hop {FAR.replace('5061', '5071')} The world"]
