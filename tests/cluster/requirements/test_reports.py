"""Every peer is asked what it measured; who does not answer, or answers nonsense, is named and believed nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from sextet.cluster.face import Report
from sextet.cluster.requirements.checks import judge
from sextet.cluster.requirements.reports import RESULTS_MAX, WORDS_MAX, Reports
from sextet.cluster.wire.feed import CallFailed
from sextet.model.checks import TYPES, CheckResult
from tests.cluster.requirements.test_checks import MEASURED, NAMES, SEEN, live


def result(peer: int, measured: str = "80 ms") -> CheckResult:
    kind = TYPES["rtt"]
    return CheckResult(
        id="rtt", peer=peer, peer_name=NAMES[peer - 1], state="ok", measured=measured, expected=kind.expected, remedy=""
    )


class Measuring:
    """Counts how often it was asked to measure."""

    def __init__(self) -> None:
        self.measured, self.times = MEASURED, 0

    def age_s(self) -> float:
        return 4.0

    async def now(self) -> None:
        self.times += 1


class World:
    """Peer 2 with its reports, and what the others answer."""

    def __init__(self, answers: Mapping[int, bytes | Exception]) -> None:
        self.answers, self.now, self.seen, self.measuring = answers, 100.0, SEEN, Measuring()
        self.reports = Reports(self.measuring, self._ask, lambda: self.seen, lambda: self.now)
        self.asked: list[tuple[int, str, object]] = []

    async def _ask(self, number: int, name: str, question: bytes, limit_s: float) -> bytes:
        self.asked.append((number, name, json.loads(question)))
        answer = self.answers[number]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def fetch(self) -> tuple[Report, ...]:
        return asyncio.run(self.reports.check()).others


def said(*rows: object, age_s: object = 4.0) -> bytes:
    return json.dumps({"age_s": age_s, "results": rows}).encode()


GOOD = said(["rtt", NAMES[1], "ok", "80 ms"])


def test_what_one_answers_is_what_another_reads() -> None:
    answer = asyncio.run(World({}).reports.answer(b'{"measure": false}'))
    world = World({1: answer, 3: GOOD})
    first, third = world.fetch()
    assert (first.number, first.peer_name, first.age_s, first.failure) == (1, NAMES[0], 4.0, "")
    assert first.results == judge(SEEN, MEASURED), "all of it, just as peer 2 has it"
    assert third.results == (result(2),)
    assert world.asked == [(1, "checks", {"measure": True}), (3, "checks", {"measure": True})]


def test_measuring_is_done_only_when_it_is_asked_for() -> None:
    world = World({})
    asyncio.run(world.reports.answer(b'{"measure": false}'))
    assert world.measuring.times == 0
    asyncio.run(world.reports.answer(b'{"measure": true}'))
    assert world.measuring.times == 1


def test_a_peer_whose_link_is_down_is_not_asked_and_its_old_results_are_gone() -> None:
    world = World({1: GOOD, 3: GOOD})
    world.fetch()
    world.seen = replace(SEEN, links={1: live(1), 3: live(3, state="DOWN", reason="no heartbeat for 1.3 s")})
    _, third = world.fetch()
    assert (third.results, third.failure) == ((), "its link is DOWN: no heartbeat for 1.3 s")
    assert [number for number, *_ in world.asked] == [1, 3, 1]


def test_what_was_fetched_grows_old_and_a_new_list_forgets_who_left() -> None:
    world = World({1: GOOD, 3: GOOD})
    assert [one.failure for one in world.reports.checked().others] == ["not asked yet"] * 2
    world.fetch()
    world.now += 30
    assert [one.age_s for one in world.reports.checked().others] == [34.0, 34.0]
    world.seen = replace(SEEN, running=replace(SEEN.running, peer_3_address=""))
    assert [one.number for one in world.reports.checked().others] == [1]


@pytest.mark.parametrize(
    "answer",
    [b"", b"[]", b"7", b"{}", b'{"age_s": "x", "results": []}', said(7), said(["rtt"]), said(age_s=-7), b"[" * 9999,
     b'{"age_s": NaN, "results": []}', said([["rtt"], NAMES[1], "ok", "1"])],
)  # fmt: skip
def test_an_answer_that_cannot_be_read_is_said_to_be_one(answer: bytes) -> None:
    first, third = World({1: answer, 3: GOOD}).fetch()
    assert first.results == () and first.failure.startswith("its answer cannot be read: ")
    assert third.failure == ""


def test_of_an_answer_only_what_makes_sense_is_taken_over() -> None:
    rows = (
        ["rtt", NAMES[1], "fine", "1"],
        ["of a newer version", NAMES[1], "ok", "1"],
        ["rtt", "stranger.example", "ok", "1"],
        ["rtt", 2, "ok", "1"],
        ["rtt", NAMES[1].upper(), "failed", "a\nb" + "x" * 9999],
    )
    first, _ = World({1: said(*rows), 3: GOOD}).fetch()
    (only,) = first.results
    assert (only.peer, only.state, only.remedy) == (2, "failed", TYPES["rtt"].remedy)
    assert only.measured.startswith("a?bx") and len(only.measured) == WORDS_MAX
    first, _ = World({1: said(*[["rtt", NAMES[1], "ok", "1"]] * (2 * RESULTS_MAX)), 3: GOOD}).fetch()
    assert len(first.results) == RESULTS_MAX


def test_no_answer_is_told_with_its_cause() -> None:
    first, _ = World({1: CallFailed("no answer in time"), 3: GOOD}).fetch()
    assert first.failure == "no answer in time"


@pytest.mark.parametrize("question", [b"", b"{}", b"[]", b"7", b"[" * 9999])
def test_a_question_that_cannot_be_read_is_refused(question: bytes) -> None:
    with pytest.raises(CallFailed, match="the question cannot be read"):
        asyncio.run(World({}).reports.answer(question))
