"""The next address of a zone is asked when the way to one fails, while others ring; on the fake of Kamailio."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sextet.model.settings.dialplan import SearchRule
from sextet.model.settings.zones import Zone, ZonePeer
from sextet.sip.kemi.zones import zone_rows
from tests.sip.kemi.test_script import BOB, CONFIG, Bench

FIRST, SECOND, THIRD = (f"sip:192.0.2.{n}:5061;transport=tls" for n in (71, 72, 73))
OTHER = Zone(name="Other", peers=tuple(ZonePeer(address=f"192.0.2.{n}") for n in (71, 72, 73)))
RULES = (SearchRule(name="Here", target="LocalZone"), SearchRule(name="Out", target="Other"))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.follow(replace(CONFIG, zones=(OTHER,), search_rules=RULES))
    made.register(BOB, "<sip:b@192.0.2.9>", Expires="60")
    return made


def hops(bench: Bench) -> list[str]:
    """Give the next hops of the branches that were sent last."""
    return [hop for _, hop, _ in bench.ksr.relayed[-1]]


def fails(bench: Bench, branch: int, code: int, *, silence: bool = False) -> bool:
    """Let a branch fail while others ring; says whether another took its place."""
    bench.ksr.silence = silence
    bench.ksr.values |= {"$T_branch_idx": branch, "$T_reply_code": code}
    if not silence:
        bench.ksr.values["$avp(said)"] = f"{bench.ksr.values.get('$avp(said)') or ''} {branch}={code}@1.0"
    assert bench.script.flow(None) == 1
    if bench.ksr.values["$var(next)"]:
        bench.ksr.t_relay()  # as event_route[tm:branch-failure:FLOW] does
    return bool(bench.ksr.values["$var(next)"])


def whole_round_failed(bench: Bench, status: int) -> None:
    bench.ksr.status = status
    assert bench.script.failed(None) == 1


def test_an_address_that_fails_gives_way_to_the_next_while_a_device_rings(bench: Bench) -> None:
    bench.invite()
    assert hops(bench) == ["", FIRST]
    assert fails(bench, 1, 503)
    assert (hops(bench), bench.ksr.hops[-1]) == ([SECOND], ["15"])
    assert fails(bench, 2, 408, silence=True)
    assert hops(bench) == [THIRD]
    assert not fails(bench, 3, 503)


@pytest.mark.parametrize("code", [404, 480, 486, 500, 603])
def test_an_answer_is_no_failure_of_the_way(bench: Bench, code: int) -> None:
    bench.invite()
    assert not fails(bench, 1, code)


def test_a_device_that_fails_takes_no_address_of_a_zone(bench: Bench) -> None:
    bench.invite()
    assert not fails(bench, 0, 503)


def test_after_the_round_only_addresses_that_were_not_tried_are_asked(bench: Bench) -> None:
    bench.invite()
    assert fails(bench, 1, 503)
    assert not fails(bench, 2, 404)
    whole_round_failed(bench, 404)
    assert hops(bench) == [THIRD]
    whole_round_failed(bench, 503)
    assert [branches[-1][1] for branches in bench.ksr.relayed] == [FIRST, SECOND, THIRD]


def test_when_all_addresses_were_tried_none_is_asked_again(bench: Bench) -> None:
    bench.invite()
    for branch in (1, 2, 3):
        fails(bench, branch, 503)
    whole_round_failed(bench, 503)
    assert [branches[-1][1] for branches in bench.ksr.relayed] == [FIRST, SECOND, THIRD]


def test_an_address_that_takes_no_message_is_followed_by_the_next_though_a_device_rings(bench: Bench) -> None:
    bench.ksr.unreachable |= {FIRST, SECOND}
    bench.invite()
    assert [branches[-1][1] for branches in bench.ksr.relayed] == [FIRST, THIRD]  # t_relay to SECOND alone fails
    rows = [zone_rows.read(bench.ksr, "Other", hop) for hop in (FIRST, SECOND, THIRD)]
    assert [row["state"] if row else "" for row in rows] == ["failed", "failed", ""]


def test_a_silent_address_is_passed_over_by_the_next_caller_and_one_that_answers_503_is_not(bench: Bench) -> None:
    bench.invite()
    assert fails(bench, 1, 503)
    assert fails(bench, 2, 408, silence=True)
    rows = [zone_rows.read(bench.ksr, "Other", hop) for hop in (FIRST, SECOND, THIRD)]
    assert [row["reason"] if row else "" for row in rows] == ["", "no answer to a call", ""]


def test_an_address_that_a_script_gave_no_time_to_answer_is_asked_by_the_next_caller(bench: Bench) -> None:
    bench.invite()
    bench.ksr.values["$avp(hasty)"] = 1
    assert fails(bench, 1, 408, silence=True)
    assert zone_rows.read(bench.ksr, "Other", FIRST) is None


def test_where_no_address_answers_the_caller_is_told_so_and_an_answer_is_passed_on_as_it_is(bench: Bench) -> None:
    bench.invite()
    assert fails(bench, 1, 408, silence=True)
    bench.ksr.unreachable.add(THIRD)  # tm would answer 477 then, whatever the status of the round is
    assert fails(bench, 2, 408, silence=True)
    whole_round_failed(bench, 408)
    assert bench.ksr.replies[1:] == [(408, "Request Timeout")]  # after that to the REGISTER
    assert "nobody answered" in bench.ksr.reply_headers[-1]
    bench.ksr.replies.clear()
    bench.invite()
    for branch in (1, 2, 3):
        fails(bench, branch, 503)
    whole_round_failed(bench, 503)
    assert bench.ksr.replies == []
