"""A call to a sips: URI as it leaves the script, on the fake of Kamailio: over TLS, and asking for it onward."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sextet.model.settings.dialplan import SearchRule
from sextet.model.settings.zones import DNS, Zone, ZonePeer
from sextet.sip.kemi.asking import questions
from tests.sip.kemi.test_script import BOB, CONFIG, OPEN, Bench

SAFE, PLAIN = "192.0.2.8:5061;tls", "192.0.2.9:5060;udp"
HOP = "sip:192.0.2.80:{};transport={}"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def goes(bench: Bench, alias: str = BOB, scheme: str = "sips") -> list[tuple[str, str]]:
    """Call an alias; gives Request-URI and next hop of each branch."""
    before = len(bench.ksr.relayed)
    bench.ksr.request("INVITE", f"{scheme}:{alias}")
    assert bench.script.initial(None) == 1
    return [(uri, hop.partition(";dev=")[0]) for branches in bench.ksr.relayed[before:] for uri, hop, _ in branches]


def test_of_two_devices_the_one_over_tls_rings(bench: Bench) -> None:
    bench.register(BOB, "<sip:b@192.0.2.9>", Expires="60", source=PLAIN)
    bench.register(BOB, "<sip:b@192.0.2.8:5061;transport=tls>", Expires="60", source=SAFE)
    assert [uri for uri, _ in goes(bench)] == ["sip:b@192.0.2.8:5061;transport=tls"]
    assert len(goes(bench, scheme="sip")) == 2


def test_who_has_no_tls_is_refused_with_the_warning_and_the_history_says_why(bench: Bench) -> None:
    bench.register(BOB, "<sip:b@192.0.2.9>", Expires="60", source=PLAIN)
    assert goes(bench) == []
    assert bench.ksr.replies[-1] == (480, "Temporarily Unavailable")
    assert 'Warning: 380 sextet "SIPS Not Allowed"' in bench.ksr.reply_headers
    made = bench.searches[-1]["search"]
    assert (made["secure"], made["status"], made["registered"]) == (True, 480, {BOB: [-1]})


def test_another_peer_is_asked_by_the_same_scheme(bench: Bench) -> None:
    bench.ksr.htables["owner"][BOB] = "2"
    [(uri, hop)] = goes(bench)
    assert (uri, hop.partition(";t=")[0]) == (f"sips:{BOB}", "sip:192.0.2.2:5061;transport=tls")


def test_a_zone_is_asked_by_the_same_scheme(bench: Bench) -> None:
    zone = Zone(name="Other", peers=(ZonePeer(address="192.0.2.71"),))
    bench.follow(replace(CONFIG, zones=(zone,), search_rules=(SearchRule(name="Out", target="Other"),)))
    assert [uri for uri, _ in goes(bench, "x@other.test")] == ["sips:x@other.test"]


@pytest.mark.parametrize("found", [["tls", "tcp"], ["tcp", "udp"]])
def test_of_what_dns_names_only_tls_is_called(bench: Bench, found: list[str]) -> None:
    zone = Zone(name="World", type=DNS)
    rule = SearchRule(name="Out", target="World", behavior="Leave")
    bench.follow(replace(CONFIG, authentication=OPEN, zones=(zone,), search_rules=(rule,)))
    questions.keep(bench.ksr, [("dns far.test World", [HOP.format(5061, name) for name in found], 30)])
    hops = [hop.partition(";t=")[0] for _, hop in goes(bench, "x@far.test")]
    assert hops == ([HOP.format(5061, "tls")] if "tls" in found else [])
    if not hops:
        assert bench.ksr.replies[-1][0] == 480
        assert 'Warning: 380 sextet "SIPS Not Allowed"' in bench.ksr.reply_headers
