"""The search history of one peer: what is written when, how much is kept, and what a damaged file does."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sextet.model.searches import Answer, Asked, Search, Step
from sextet.watch.searches import CALL_S, EARLY_MAX, FILE, REQUEST_S, UNDER_WAY_MAX, UNENDED, SearchHistory


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def made(name: str = "s1", method: str = "INVITE", status: int = 0, alias: str = "bob@apolo.local") -> Search:
    return Search(
        id=name, tag="t" * 32, call_id="c1", method=method, protocol="SIP", source_kind="local", source="LocalZone",
        source_number=0, caller="alice@apolo.local", alias=alias, authenticated=True, hops=70, generation=3,
        registered={}, status=status, reason="no search rule matched" if status else "",
        steps=(
            Step(kind="rule", name="Out", matched=True, before=alias, after=alias, finding="zone Paris is asked"),
            Step(kind="rule", name="No", matched=False, before=alias, after=alias, finding="the mode is"),
            Step(kind="transform", name="transform 4", matched=True, before="9", after="", finding="Strip", priority=4),
        ),
        asked=(Asked(target="Paris", alias=alias, rule="Out"), Asked(target="Rome", alias=alias, rule="Out")),
    )  # fmt: skip


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def history(tmp_path: Path, clock: Clock) -> SearchHistory:
    return SearchHistory(tmp_path, clock, lambda: datetime(2026, 3, 14, 9, 0, tzinfo=UTC))


def lines(folder: Path) -> int:
    return sum(len(path.read_text().splitlines()) for path in folder.glob(f"{FILE}*"))


def test_a_search_is_seen_at_once_and_written_with_its_last_answer(history: SearchHistory, tmp_path: Path) -> None:
    history.made(made())
    assert [one.outcome for one in history.newest()] == ["In progress"]
    assert lines(tmp_path) == 0
    history.answered("s1", 404, [Answer(0, 404, 31)], False)
    assert [(one.status, one.asked[0].status) for one in history.newest()] == [(0, 404)]
    history.answered("s1", 200, [Answer(0, 404, 31), Answer(1, 200, 900)], True)
    (found,) = history.newest()
    assert (found.outcome, found.ms, [one.ms for one in found.asked]) == ("Found", 900, [31, 900])
    assert lines(tmp_path) == 1
    history.answered("s1", 500, [], True)  # too late
    assert history.newest() == [found]


def test_a_refused_search_is_written_at_once(history: SearchHistory, tmp_path: Path) -> None:
    history.made(made(status=404))
    assert lines(tmp_path) == 1
    assert history.newest()[0].at == "2026-03-14T09:00:00.000000+00:00"


def test_what_never_ends_is_written_after_a_while_and_is_in_progress_no_more(
    history: SearchHistory, clock: Clock, tmp_path: Path
) -> None:
    history.made(made("request", "MESSAGE"))
    clock.now = REQUEST_S
    assert [one.outcome for one in history.newest()] == ["Sent"]
    assert lines(tmp_path) == 1
    history.made(made("call"))
    clock.now += CALL_S - 1
    assert history.newest()[0].outcome == "In progress"
    clock.now += 1
    assert [(one.outcome, one.reason) for one in history.newest()] == [("Not known", UNENDED), ("Sent", "")]
    assert lines(tmp_path) == 2


def test_the_newest_come_first_and_can_be_filtered_by_any_text(history: SearchHistory) -> None:
    for number in range(5):
        history.made(made(f"s{number}", status=404, alias=f"Bob{number}@apolo.local"))
    assert [one.id for one in history.newest(most=2)] == ["s4", "s3"]
    assert [one.id for one in history.newest("bOb3")] == ["s3"]
    found = history.find("s2")
    assert found is not None
    assert found.alias == "Bob2@apolo.local"
    assert history.find("none") is None


def test_the_size_on_the_disk_is_kept_and_the_oldest_go(history: SearchHistory, tmp_path: Path) -> None:
    history.limit(20_000)
    for number in range(200):
        history.made(made(f"s{number}", status=404))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 20_000
    kept = [one.id for one in history.newest()]
    assert kept[0] == "s199"
    assert "s0" not in kept
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_searches_under_way_are_limited(history: SearchHistory, tmp_path: Path) -> None:
    for number in range(UNDER_WAY_MAX + 3):
        history.made(made(f"s{number}"))
    assert lines(tmp_path) == 3


def test_lines_that_cannot_be_read_are_passed_over(history: SearchHistory, tmp_path: Path) -> None:
    history.made(made(status=404))
    with (tmp_path / FILE).open("a") as file:
        file.write('{"id":"half\n{}\nnull\n[1]\n')
    assert [one.id for one in history.newest()] == ["s1"]


def test_matches_are_counted_by_rule_and_transform(history: SearchHistory) -> None:
    history.made(made("a"))
    history.made(made("b", status=404))
    assert (dict(history.hits), dict(history.transform_hits)) == ({"Out": 2}, {4: 2})


def test_what_is_under_way_at_the_end_is_not_lost(history: SearchHistory, tmp_path: Path, clock: Clock) -> None:
    history.made(made())
    history.close()
    assert [(one.id, one.outcome) for one in SearchHistory(tmp_path, clock).newest()] == [("s1", "Not known")]


def test_an_answer_that_comes_before_its_search_is_not_lost(history: SearchHistory, tmp_path: Path) -> None:
    history.answered("s1", 200, [Answer(0, 200, 9)], True)
    assert history.newest() == []
    history.made(made())
    assert [(one.outcome, one.asked[0].status) for one in history.newest()] == [("Found", 200)]
    assert lines(tmp_path) == 1


def test_answers_of_searches_that_never_come_are_limited(history: SearchHistory) -> None:
    for number in range(EARLY_MAX + 1):
        history.answered(f"s{number}", 200, [Answer(0, 200, 9)], True)
    for name in ("s0", "s1"):
        history.made(made(name))
    assert {one.id: one.outcome for one in history.newest()} == {"s0": "In progress", "s1": "Found"}
