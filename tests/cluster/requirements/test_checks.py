"""Each requirement of a cluster is judged from what was seen: met, broken with its measured value, or unknown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sextet.cluster.judgement import Evidence
from sextet.cluster.requirements.checks import ALARMS, alarms_of, judge, not_inside
from sextet.cluster.requirements.clocks import CONFIRMED
from sextet.cluster.requirements.knock import Knock, ServerTime
from sextet.cluster.requirements.measured import Answer, Found, Look, Measured
from sextet.cluster.requirements.ways import outdated
from sextet.cluster.trust.certificates import Certificate, Inspection
from sextet.model import alarms, checks
from sextet.model.checks import CheckResult
from sextet.model.sections import Root
from sextet.model.settings.clustering import Clustering
from sextet.model.settings.protocols import Protocols
from sextet.model.settings.system import System
from sextet.model.settings.zones import Zone, ZonePeer
from sextet.model.status import LinkStatus, Outside, PeerStatus

NAMES = tuple(f"expc0{n}.apolo.local" for n in (1, 2, 3))
LIST = Clustering(
    cluster_name="expc-cluster.apolo.local",
    peer_1_address=NAMES[0],
    peer_2_address=NAMES[1],
    peer_3_address=NAMES[2],
)
ROOT = Root(
    system=System(name="Taipei 2", dns_host_name="expc02", dns_domain_name="apolo.local"),
    clustering=LIST,
    protocols=Protocols(h323_mode=True),
    zones=(Zone(name="London", peers=(ZonePeer(address="gw.example"),)),),
)
DAY = 86_400.0


def says(number: int, **changes: object) -> PeerStatus:
    about = {
        "peer_id": f"id{number}",
        "address": NAMES[number - 1],
        "host_name": f"expc0{number}",
        "version": "1.2",
        "now_s": 9.0,
        "started_s": 0.0,
        "h323_mode": True,
        "ip": f"127.81.0.{number}",
        "system_name": f"Taipei {number}",
        "processors": 2,
        "memory_mb": 4096,
        "clock": "synchronised",
        "system_type": "C",
        "inside_ip": f"127.81.0.{number}",
    }
    return PeerStatus(**(about | changes))  # type: ignore[arg-type]


def live(number: int, **changes: object) -> LinkStatus:
    about = {
        "peer": NAMES[number - 1],
        "state": "LIVE",
        "resolved_ip": f"127.81.0.{number}",
        "round_trip_ms": 0.4,
    }
    return LinkStatus(**(about | changes))  # type: ignore[arg-type]


def certificate(number: int, *, is_for: bool = True, trusted: bool = True, **changes: object) -> Inspection:
    about = {
        "common_name": LIST.cluster_name,
        "names": (NAMES[number - 1],),
        "addresses": (),
        "issuer": "CN=authority",
        "server_use": True,
        "client_use": True,
        "valid_in_s": -DAY,
        "expires_in_s": 400 * DAY,
        "fingerprint": "ab",
    }
    return Inspection(certificate=Certificate(**(about | changes)), is_for=is_for, trusted=trusted)  # type: ignore[arg-type]


def found(number: int, **changes: object) -> Found:
    about = {
        "knocks": {place: Knock("open", "it answers") for place in ("tcp 4371", "udp 1719", "tcp 5061")},
        "answer": Answer(clock_ahead_s=0.01, uncertain_s=0.001, seen_as="127.81.0.2"),
        "comes_from": f"127.81.0.{number}",
        "certificate": certificate(number),
    }
    return Found(**(about | changes))  # type: ignore[arg-type]


SEEN = Evidence(
    saved=ROOT,
    running=LIST,
    number=2,
    own=says(2),
    names={name: f"127.81.0.{n}" for n, name in enumerate(NAMES, 1)},
    name_failures={},
    links={1: live(1), 3: live(3)},
    statuses={1: says(1), 3: says(3)},
    behind_s={},
    writable=True,
)
MEASURED = Measured(
    others={1: found(1), 3: found(3)},
    looks={name: Look(ip=f"127.81.0.{n}", by="dns", names=(name,)) for n, name in enumerate(NAMES, 1)},
    looked=True,
    listens=frozenset({"tcp 4371", "udp 1719"}),
    certificate=certificate(2),
)
ALONE = replace(SEEN, running=Clustering(), number=0, links={}, statuses={})
DOWN = live(1, state="DOWN", reason="timed out: no answer from 127.81.0.1 port 4372")


def of(seen: Evidence, measured: Measured, check: str, peer: int) -> CheckResult:
    (result,) = (one for one in judge(seen, measured) if (one.id, one.peer) == (check, peer))
    return result


def with_status(**changes: object) -> tuple[Evidence, Measured]:
    return replace(SEEN, statuses={1: says(1, **changes), 3: says(3)}), MEASURED


def with_link(**changes: object) -> tuple[Evidence, Measured]:
    return replace(SEEN, links={1: live(1, **changes), 3: live(3)}), MEASURED


def with_found(**changes: object) -> tuple[Evidence, Measured]:
    return SEEN, replace(MEASURED, others={1: found(1, **changes), 3: found(3)})


def with_look(peer: int, **changes: object) -> tuple[Evidence, Measured]:
    look = replace(MEASURED.looks[NAMES[peer - 1]], **changes)  # type: ignore[arg-type]
    return SEEN, replace(MEASURED, looks={**MEASURED.looks, NAMES[peer - 1]: look})


def with_saved(**sections: object) -> tuple[Evidence, Measured]:
    return replace(SEEN, saved=replace(ROOT, **sections)), MEASURED  # type: ignore[arg-type]


def with_zone(address: str, state: str = "Enabled") -> tuple[Evidence, Measured]:
    return with_saved(zones=(Zone(name="Back", state=state, peers=(ZonePeer(address=address),)),))


def with_own(**changes: object) -> tuple[Evidence, Measured]:
    return replace(SEEN, own=says(2, **changes)), MEASURED


def test_a_cluster_that_meets_every_requirement_passes_every_check_of_every_peer() -> None:
    results = judge(SEEN, MEASURED)
    assert {one.state for one in results if one.id != "features"} == {"ok"}
    assert {one.id for one in results} == set(checks.TYPES)
    assert not any(one.remedy for one in results)
    assert alarms_of(SEEN, MEASURED) == {}


def test_what_this_version_does_not_have_is_said_and_not_passed() -> None:
    assert of(SEEN, MEASURED, "features", 2).state == "not applicable"
    silent = replace(MEASURED, listens=frozenset())
    for check in ("reach-4371", "reach-1719"):
        result = of(SEEN, silent, check, 1)
        assert (result.state, "in this version yet" in result.measured) == ("not applicable", True)


NATTED = (Outside(ip="127.81.0.1", what="the static NAT address of LAN 1"),)
EXTERNAL = (Outside(ip="192.0.2.1", what="the address of LAN 2, the external interface"),)
REFUSED = {
    "tcp 4371": Knock("closed", "connection refused"),
    "udp 1719": Knock("closed", "refused"),
    "tcp 5061": Knock("closed", "nobody listens"),
}
BROKEN = [
    ("reach-4372", 1, with_link(state="DOWN", reason="timed out"), "unknown", "timed out"),
    ("reach-4371", 1, with_found(knocks=REFUSED), "failed", "connection refused"),
    ("reach-1719", 1, with_found(knocks=REFUSED), "failed", "refused"),
    ("reach-1719", 1, with_found(knocks={"udp 1719": Knock("silent", "does not answer")}), "unknown", "not answer"),
    ("reach-sip", 1, with_found(knocks=REFUSED), "failed", "nobody listens"),
    ("reach-sip", 1, with_saved(protocols=Protocols(sip_mode=False)), "not applicable", "SIP is off"),
    ("rtt", 1, with_link(round_trip_ms=80.2), "failed", "80.2 ms"),
    ("rtt", 1, with_link(round_trip_ms=79.9), "ok", "79.9 ms"),
    ("rtt", 1, with_link(state="DOWN", reason="timed out"), "unknown", "timed out"),
    ("nat", 1, with_found(answer=Answer(seen_as="192.0.2.9")), "failed", "as 192.0.2.9, which is 127.81.0.2"),
    ("nat", 1, with_found(comes_from="192.0.2.8"), "failed", "from 192.0.2.8 and not from 127.81.0.1"),
    ("nat", 1, with_found(answer=Answer(failure="not asked")), "unknown", "not asked"),
    ("inside-interface", 1, with_status(outside=NATTED), "failed", "the static NAT address of LAN 1; the inside"),
    ("inside-interface", 1, with_status(inside_ip="10.0.0.9"), "failed", "the inside interface is 10.0.0.9"),
    ("inside-interface", 1, with_status(inside_ip=""), "not applicable", "System > Network interfaces > IP"),
    ("inside-interface", 1, with_status(system_type="E"), "failed", "a private address, and the system is an E"),
    ("inside-interface", 1, with_status(system_type="E", outside=EXTERNAL), "ok", "the inside interface"),
    ("inside-interface", 2, with_look(2, ip="192.0.2.2"), "failed", "the inside interface is 127.81.0.2"),
    ("type-ce", 1, with_status(system_type="E"), "failed", "E, this system C"),
    ("type-ce", 1, with_status(system_type=""), "unknown", "does not say"),
    ("clock", 1, with_found(answer=Answer(clock_ahead_s=3600.0, uncertain_s=0.1)), "failed", "3600.000 s ahead of"),
    ("clock", 1, with_found(answer=Answer(clock_ahead_s=-2.1, uncertain_s=0.01)), "failed", "2.100 s behind"),
    ("clock", 1, with_found(answer=Answer(clock_ahead_s=1.9, uncertain_s=0.5)), "unknown", "± 0.500 s"),
    ("clock", 1, with_found(answer=Answer(failure="no answer")), "unknown", "no answer"),
    ("ntp", 1, with_status(clock="unsynchronised"), "failed", "unsynchronised"),
    ("ntp", 1, with_status(clock=""), "unknown", "does not tell"),
    ("ntp", 1, with_found(answer=Answer(clock="unsynchronised")), "failed", "unsynchronised"),
    ("ntp", 1, with_found(answer=Answer(clock=CONFIRMED)), "ok", "time server"),
    ("ntp", 2, with_own(clock="unsynchronised"), "failed", "no NTP server is configured"),
    ("ntp", 2, with_own(clock="unknown"), "unknown", "does not tell"),
    ("capacity-class", 1, with_status(platform="Large"), "failed", "Large, this system"),
    ("version", 1, with_status(version="1.3"), "failed", "1.3, this system 1.2"),
    ("ip-version", 1, with_status(ip_version="IPv6"), "failed", "IPv6, this system IPv4"),
    ("ip-version", 1, with_link(resolved_ip="2001:db8::1"), "failed", "2001:db8::1 is not IPv4"),
    ("ip-version", 2, with_own(ip="2001:db8::2"), "failed", "2001:db8::2"),
    ("h323-on", 1, with_status(h323_mode=False), "failed", "Off"),
    ("h323-on", 2, with_saved(protocols=Protocols(h323_mode=False)), "failed", "Off"),
    ("capacity-class", 1, with_status(processors=8), "failed", "8 processors"),
    ("capacity-class", 1, with_status(memory_mb=2048), "failed", "2.0 GiB, this system 2 processors and 4.0 GiB"),
    ("capacity-class", 1, with_status(processors=0), "unknown", "does not say"),
    ("dns", 1, with_look(1, failure="expc01.apolo.local: no such name"), "failed", "no such name"),
    ("dns", 1, with_look(1, names=("other.example",)), "failed", "but 127.81.0.1 is other.example"),
    ("dns", 1, with_look(1, by="mapping", names=()), "ok", "DNS is not asked"),
    ("dns", 2, with_look(2, ip="127.81.0.9"), "failed", "127.81.0.9, and this system is 127.81.0.2"),
    ("distinct-names", 1, with_status(system_name="TAIPEI 2"), "failed", "system name is TAIPEI 2 too"),
    ("distinct-names", 1, with_status(host_name="expc02"), "failed", "host name is expc02 too"),
    ("distinct-names", 2, with_saved(system=System(name="x")), "failed", "no system host name"),
    ("not-a-zone-peer", 1, with_zone("EXPC01.apolo.local"), "failed", "zone Back leads to EXPC01.apolo.local"),
    ("not-a-zone-peer", 1, with_zone("127.81.0.1"), "failed", "127.81.0.1"),
    ("not-a-zone-peer", 1, with_zone("127.81.0.1", "Disabled"), "ok", ""),
    ("cert-chain", 1, with_found(certificate=certificate(1, trusted=False)), "failed", "CN=authority, not trusted"),
    ("cert-chain", 1, with_found(certificate=None, certificate_failure="no link yet"), "unknown", "no link yet"),
    ("cert-name", 1, with_found(certificate=certificate(1, is_for=False)), "failed", "for expc01.apolo.local"),
    ("cert-eku-expiry", 1, with_found(certificate=certificate(1, client_use=False)), "failed", "not for clients"),
    ("cert-eku-expiry", 1, with_found(certificate=certificate(1, expires_in_s=-3 * DAY)), "failed", "expired 3 days"),
    ("cert-eku-expiry", 1, with_found(certificate=certificate(1, expires_in_s=12 * DAY)), "failed", "in 12 days"),
    ("cert-eku-expiry", 1, with_found(certificate=certificate(1, valid_in_s=5.0)), "failed", "not yet valid"),
]


@pytest.mark.parametrize(("check", "peer", "at", "state", "words"), BROKEN, ids=lambda one: str(one)[:20])
def test_what_was_measured_decides(
    check: str, peer: int, at: tuple[Evidence, Measured], state: str, words: str
) -> None:
    result = of(*at, check, peer)
    assert (result.state, words in result.measured) == (state, True), result
    assert bool(result.remedy) == (state == "failed")
    assert state == "ok" or of(SEEN, MEASURED, check, peer).state == "ok", "the healthy one must pass"


def test_every_check_that_applies_has_a_case_in_which_it_fails() -> None:
    failing = {check for check, _, _, state, _ in BROKEN if state == "failed"}
    assert set(checks.TYPES) - failing == {"reach-4372", "features"}


def test_a_port_that_was_tried_in_vain_says_so() -> None:
    seen = replace(SEEN, links={1: DOWN, 3: live(3)})
    tried = found(1, knocks={"tcp 4372": Knock("silent", "no answer from 127.81.0.1 port 4372")})
    result = of(seen, replace(MEASURED, others={1: tried}), "reach-4372", 1)
    assert (result.state, result.measured) == ("failed", "no answer from 127.81.0.1 port 4372")
    assert "firewall" in result.remedy


def test_nothing_is_known_of_a_peer_that_is_away_but_what_needs_no_word_of_it() -> None:
    seen = replace(SEEN, links={1: DOWN, 3: live(3)})
    states = {one.id: one.state for one in judge(seen, replace(MEASURED, others={})) if one.peer == 1}
    assert {check for check, state in states.items() if state != "unknown"} == {
        "dns",
        "not-a-zone-peer",
        "inside-interface",
    }


def test_a_system_alone_is_checked_before_it_joins() -> None:
    results = judge(ALONE, replace(MEASURED, looks={}, others={}))
    assert {one.peer for one in results} == {0}
    assert {one.id for one in results if one.state == "ok"} >= {"h323-on", "ntp", "cert-chain", "distinct-names"}


def test_before_anything_was_measured_nothing_is_passed_that_needs_it() -> None:
    results = judge(SEEN, Measured())
    needs = ("clock", "nat", "dns", "cert-chain", "cert-name", "cert-eku-expiry", "reach-4371", "reach-1719")
    assert {one.state for one in results if one.id in needs} == {"unknown"}


def raised(seen: Evidence, measured: Measured) -> dict[int, str]:
    standing = alarms_of(seen, measured)
    assert set(standing) <= set(ALARMS)
    return {alarm.number: cause for (alarm, _), cause in standing.items()}


def test_the_clock_that_differs_from_most_is_the_one_that_is_wrong() -> None:
    hour = Answer(clock_ahead_s=3600.0, uncertain_s=0.01)
    both = replace(MEASURED, others={1: found(1, answer=hour), 3: found(3, answer=hour)})
    assert "-3600.0 s against expc01.apolo.local" in raised(SEEN, both)[25002]
    assert raised(*with_found(answer=hour)) == {}


def test_a_peer_address_that_leads_outside_is_named_for_alarm_20005() -> None:
    assert not_inside(SEEN, MEASURED) == ""
    assert not_inside(*with_status(outside=NATTED)) == (
        "expc01.apolo.local is 127.81.0.1, the static NAT address of LAN 1; the inside interface is 127.81.0.1."
    )
    own = (Outside(ip="127.81.0.2", what="the address of LAN 2, the external interface"),)
    assert "expc02.apolo.local is 127.81.0.2" in not_inside(*with_own(outside=own))
    down = replace(SEEN, links={1: DOWN, 3: live(3)}, statuses={1: says(1, outside=NATTED), 3: says(3)})
    assert "expc01" in not_inside(down, MEASURED), "said before it was cut off"


def test_time_servers_have_their_alarms() -> None:
    good, bad = ServerTime("ntp1", offset_s=0.01), ServerTime("ntp2", failure="no answer within 3 s")
    unkept = replace(SEEN, own=says(2, clock="unsynchronised"))
    assert raised(SEEN, replace(MEASURED, servers=(good, bad))) == {25021: "ntp2: no answer within 3 s"}
    assert set(raised(unkept, replace(MEASURED, servers=(good,)))) == {25020}
    assert set(raised(unkept, replace(MEASURED, servers=(bad,)))) == {25002, 25021}
    assert raised(unkept, MEASURED) == {}, "without servers the host keeps its time as it likes"
    assert of(unkept, replace(MEASURED, servers=(good,)), "ntp", 2).state == "ok"


def test_a_live_peer_whose_recovery_port_is_closed_is_named_and_a_lost_one_is_not() -> None:
    refused = Knock("closed", "connection refused by 127.81.0.1 port 4371")
    seen, measured = with_found(knocks={"tcp 4371": refused})
    assert raised(seen, measured) == {20021: f"No TCP connection to expc01.apolo.local on 4371: {refused.detail}."}
    assert 20021 not in raised(replace(seen, links={1: DOWN, 3: live(3)}), measured), "the link's own alarm says it"


def test_what_was_found_of_a_peer_that_was_away_is_no_alarm_and_is_asked_again_when_it_is_back() -> None:
    refused = {"tcp 4371": Knock("closed", "connection refused by 127.81.0.1 port 4371")}
    _, measured = with_found(knocks=refused, since_s=7.0)
    back = replace(SEEN, links={1: live(1, since_s=9.0), 3: live(3)})
    assert raised(back, measured) == {}
    assert outdated(back, measured) == [1]
    assert outdated(replace(SEEN, links={1: DOWN, 3: live(3)}), measured) == [], "there is nobody to ask"
    closed = replace(measured, others={1: found(1, knocks=refused, since_s=9.0), 3: found(3)})
    assert outdated(back, closed) == [1], "until the port is open"
    assert outdated(SEEN, MEASURED) == []


def test_an_unkept_clock_that_all_peers_share_is_told_as_what_a_lab_has() -> None:
    own = says(2, clock="unsynchronised", kernel="k")
    others = {number: says(number, clock="unsynchronised", kernel="k") for number in (1, 3)}
    lab = replace(SEEN, own=own, statuses=others)
    quiet = replace(MEASURED, servers=(), others={})

    def verdicts(at: Evidence, measured: Measured = quiet) -> set[tuple[str, bool]]:
        found = [one for one in judge(at, measured) if one.id == "ntp"]
        assert len(found) == 3
        return {(one.state, "share its clock, as in a lab" in one.measured) for one in found}

    assert verdicts(lab) == {("unknown", True)}
    elsewhere = replace(lab, statuses={**others, 3: says(3, clock="unsynchronised", kernel="other")})
    assert verdicts(elsewhere) == {("failed", False)}, "one peer on another computer, and it is a real cluster"
    unheard = replace(lab, links={1: live(1), 3: live(3, state="DOWN", reason="timed out")})
    assert ("failed", False) in verdicts(unheard)


def test_ids_are_stable() -> None:
    reach = ["reach-4372", "reach-4371", "reach-1719", "reach-sip", "rtt", "nat", "inside-interface"]
    first = [*reach, "clock", "ntp", "version", "ip-version", "h323-on"]
    then = ["type-ce", "capacity-class", "features", "dns", "distinct-names", "not-a-zone-peer"]
    assert [*checks.TYPES] == [*first, *then, "cert-chain", "cert-name", "cert-eku-expiry"]
    assert {alarm.number for alarm, _ in ALARMS} == {20021, 25002, 25020, 25021}
    assert alarms.TYPES[25002].title == "Date and time not validated"
