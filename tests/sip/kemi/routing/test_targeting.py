"""Requests to the URI of one device, outside of calls and within."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sextet.model.settings.dialplan import SearchRule
from sextet.sip.kemi.proof import Identity, prove
from sextet.sip.kemi.registration.flows import mark
from tests.sip.kemi.test_script import ALICE, BOB, CONFIG, PEER_FLAG, SECRET, ZONE, Bench

DESK, ROOM = "urn:uuid:d", "urn:uuid:e"
GRUU = f"{BOB};gr={DESK}"
D = mark(DESK)
PEERS = {number: (f"sip:{BOB};ring={D}", f"sip:192.0.2.{number}:5061;transport=tls") for number in (2, 3)}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def register(bench: Bench, name: str, instance: str, reg_id: int = 0) -> None:
    flow = f";reg-id={reg_id}" if reg_id else ""
    bench.register(BOB, f'<sip:{name}@192.0.2.9>;+sip.instance="<{instance}>"{flow}', Expires="60", Supported="gruu")


def hops(bench: Bench) -> list[tuple[str, str]]:
    return [(uri, hop.partition(";dev=")[0]) for uri, hop, _ in bench.ksr.relayed[-1]]


def test_one_device_rings_and_its_flows_follow_each_other_before_other_peers_are_asked(bench: Bench) -> None:
    register(bench, "first", DESK, 1)
    register(bench, "second", DESK, 2)
    register(bench, "room", ROOM)
    bench.ksr.htables["owner"][BOB] = "2,3"
    bench.invite(GRUU)
    assert hops(bench) == [("sip:first@192.0.2.9", "sip:first@192.0.2.9")]
    rung = [hops(bench)[0][0]]
    for branch in range(3):
        bench.ksr.values |= {"$T_branch_idx": branch, "$T_reply_code": 430}
        assert bench.script.flow(None) == 1 and bench.ksr.values["$var(next)"] == 1
        bench.ksr.t_relay()
        rung.append(bench.ksr.relayed[-1][0][0])
    assert bench.told[-1]["call"]["route"] == "peer3"
    assert rung == ["sip:first@192.0.2.9", "sip:second@192.0.2.9", PEERS[2][0], PEERS[3][0]]
    bench.ksr.values |= {"$T_branch_idx": 3, "$T_reply_code": 430}
    assert bench.script.flow(None) == 1 and bench.ksr.values["$var(next)"] == 0
    bench.ksr.status = 430
    assert bench.script.failed(None) == 1
    assert bench.ksr.replies[-1] == (480, "Temporarily Unavailable")
    assert bench.searches[-1]["status"] == 480


def test_what_the_device_answers_counts_more_than_that_it_is_not_elsewhere(bench: Bench) -> None:
    bench.ksr.htables["owner"][BOB] = "2,3"
    bench.invite(GRUU)
    bench.ksr.values["$avp(said)"] = " 0=430@1.0 1=488@2.0"
    bench.ksr.status = 430
    assert bench.script.failed(None) == 1
    assert bench.ksr.replies[-1] == (488, "Not Acceptable Here")


def test_a_device_that_is_not_registered_is_unavailable_and_an_alias_that_nobody_has_is_not_found(bench: Bench) -> None:
    register(bench, "room", ROOM)
    for uri, status in ((GRUU, 480), (f"{ALICE};gr={DESK}", 404), (f"{BOB};gr", 404)):
        bench.invite(uri)
        assert bench.ksr.replies[-1][0] == status
    assert not bench.ksr.relayed


def test_the_calls_and_searches_that_are_told_show_the_alias(bench: Bench) -> None:
    register(bench, "desk", DESK)
    bench.invite(GRUU)
    assert bench.told[-1]["call"]["destination"] == BOB
    made = bench.searches[-1]["search"]
    assert (made["alias"], made["device"], made["targets"][0][1]) == (BOB, DESK, BOB)


def test_another_system_gets_the_uri_of_the_device(bench: Bench) -> None:
    rules = (SearchRule(name="Out", target="Other"),)
    bench.follow(replace(CONFIG, zones=(ZONE,), search_rules=rules))
    for parameter in (f";gr={DESK}", ";gr", ""):
        bench.invite(f"x@other.test{parameter}")
        assert bench.ksr.relayed[-1][0][0] == f"sip:x@other.test{parameter}"


def within(bench: Bench, method: str = "INFO", uri: str = GRUU, **headers: str) -> None:
    bench.ksr.request(method, f"sip:{uri}", **headers)
    assert bench.script.target(None) == 1


def test_a_request_within_a_call_goes_to_the_device_here_else_to_the_peer_that_it_moved_to(bench: Bench) -> None:
    register(bench, "room", ROOM)
    bench.ksr.htables["owner"][BOB] = "3"
    within(bench)
    assert hops(bench) == [PEERS[3]] and bench.ksr.relayed[-1][0][2] == PEER_FLAG
    register(bench, "desk", DESK)
    within(bench)
    assert hops(bench) == [("sip:desk@192.0.2.9", "sip:desk@192.0.2.9")]


def test_a_request_within_a_call_goes_over_the_next_flow_where_one_takes_nothing(
    bench: Bench,
) -> None:
    register(bench, "first", DESK, 1)
    register(bench, "second", DESK, 2)
    bench.ksr.unreachable.add(f"sip:first@192.0.2.9;dev={D}")
    within(bench)
    assert hops(bench) == [("sip:second@192.0.2.9", "sip:second@192.0.2.9")]
    bench.ksr.unreachable.add(f"sip:second@192.0.2.9;dev={D}")
    within(bench)
    assert bench.ksr.replies[-1][0] == 480
    within(bench, uri=f"{BOB};gr={ROOM}")
    assert bench.ksr.replies[-1][0] == 480
    within(bench, uri=f"{ALICE};gr={DESK}")
    assert bench.ksr.replies[-1][0] == 404


def test_an_ack_is_sent_on_with_a_proof_and_never_answered(bench: Bench) -> None:
    bench.ksr.htables["owner"][BOB] = "2"
    within(bench, "ACK")
    assert hops(bench) == [PEERS[2]]
    assert bench.ksr.appended[-1].startswith("X-Sextet-Peer: n=1;")
    answers = len(bench.ksr.replies)
    within(bench, "ACK", uri=f"{ALICE};gr={DESK}")
    assert len(bench.ksr.replies) == answers


def test_a_peer_hands_on_what_is_for_a_device_here_and_nobody_else_does(bench: Bench) -> None:
    register(bench, "desk", DESK)
    register(bench, "room", ROOM)
    uri = f"sip:{BOB};ring={D}"
    identity = Identity(call_id="call-1", cseq="1", from_tag="tag-1", uri=uri)
    for secret, name, status in ((SECRET, D, 0), (b"wrong", D, 481), (SECRET, "0" * 16, 430), (SECRET, "", 481)):
        relayed, answers = len(bench.ksr.relayed), len(bench.ksr.replies)
        bench.ksr.request(
            "INFO", uri, source="192.0.2.2:40000;tls", X_Sextet_Peer=prove(secret, 2, "0" * 32, identity),
            **{"$(ru{uri.param,ring})": name},
        )  # fmt: skip
        assert bench.script.handed(None) == 1
        if status:
            assert bench.ksr.replies[answers][0] == status and len(bench.ksr.relayed) == relayed
        else:
            assert hops(bench) == [("sip:desk@192.0.2.9", "sip:desk@192.0.2.9")]
