"""A search as it is told and kept: written and read the same, and completed by answers."""

from __future__ import annotations

import json

import pytest

from sextet.model.searches import Answer, Asked, Search, Step, row_of, search_of, with_answers

STEP = Step(kind="rule", name="Out", matched=True, before="9x", after="x", finding="asked", priority=7, target="Paris")
SEARCH = Search(
    id="1", tag="t", call_id="c", method="INVITE", protocol="SIP", source_kind="zone", source="Rome", source_number=0,
    caller="a@b", alias="9x", authenticated=False, hops=3, generation=4, registered={"x": [0, 2]}, steps=(STEP,),
    asked=(Asked(target="Paris", alias="x", rule="Out"), Asked(target="Local Zone", alias="y", rule="In")), status=0,
    reason="", at="2026-03-14T09:00:00.000000+00:00",
)  # fmt: skip


def test_it_is_read_as_it_was_written() -> None:
    assert search_of(json.loads(json.dumps(row_of(SEARCH)))) == SEARCH


def test_answers_complete_it_and_the_best_of_a_target_counts() -> None:
    told = with_answers(
        SEARCH,
        200,
        [
            Answer(0, 404, 10),
            Answer(1, 486, 20),
            Answer(1, 200, 30),
            Answer(1, 487, 40),
            Answer(9, 200, 50),
            Answer(-1, 200, 1),
        ],
    )
    assert [(one.status, one.ms) for one in told.asked] == [(404, 10), (200, 30)]
    assert (told.status, told.ms) == (200, 50)


@pytest.mark.parametrize(
    ("status", "reason", "told"),
    [
        (486, "", "answered by {1}: 486 Busy Here"),
        (404, "", "answered by {0}: 404"),
        (480, "", ""),
        (480, "zone Paris: none of its addresses can be reached", "zone Paris: none of its addresses can be reached"),
        (200, "", ""),
    ],
)
def test_an_ending_says_who_said_so(status: int, reason: str, told: str) -> None:
    answers = [Answer(0, 404, 10), Answer(1, 486, 20, "Busy Here")]
    found = with_answers(SEARCH, status, answers, reason)
    assert found.reason == told.format(*(one.target for one in SEARCH.asked))
    assert [one.words for one in found.asked] == ["404", "486 Busy Here"]


@pytest.mark.parametrize(
    ("status", "method", "word"),
    [
        (0, "INVITE", "In progress"), (0, "MESSAGE", "Sent"), (200, "INVITE", "Found"), (404, "MESSAGE", "Not found"),
        (487, "INVITE", "Cancelled"), (408, "INVITE", "No answer"),
        (503, "INVITE", "Refused (503)"), (482, "INVITE", "Loop"),
    ],
)  # fmt: skip
def test_the_outcome_is_said_in_words(status: int, method: str, word: str) -> None:
    assert search_of({**row_of(SEARCH), "status": status, "method": method}).outcome == word


@pytest.mark.parametrize(
    "row", [{}, {"notes": [], "targets": []}, {**row_of(SEARCH), "notes": [["rule"]]}, {**row_of(SEARCH), "more": 1}]
)
def test_what_is_no_search_is_refused(row: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        search_of(row)
