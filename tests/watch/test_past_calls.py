"""Calls that are over are kept whole, newest first, within their size."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sextet.model.status import Call
from sextet.watch.past_calls import FILE, CallHistory

CALL = Call(
    call_id="c1", serial="s1", tag="t1", source="alice@apolo.local", destination="bob@apolo.local", state="ringing",
    since_s=0.0, route="Local Zone", rule="Here", nodes="DefaultSubZone -> DefaultSubZone", kbps=384,
)  # fmt: skip


class Stage:
    def __init__(self, folder: Path) -> None:
        self.now = 100.0
        wall = lambda: datetime.fromtimestamp(self.now, UTC)
        self.history = CallHistory(folder, lambda: self.now, wall)

    def play(self, call: Call, rang_s: float, lasted_s: float, reason: str) -> None:
        self.history.changed(call)
        self.now += rang_s
        if lasted_s:
            self.history.changed(replace(call, state="connected", kbps=768))
            self.now += lasted_s
        self.history.ended(call.call_id, reason)


def test_an_answered_call_has_its_times_its_most_bandwidth_and_its_reason(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.play(CALL, 4.0, 61.5, "Normal")
    (call,) = stage.history.newest()
    assert (call.rang_s, call.lasted_s, call.kbps, call.reason) == (4.0, 61.5, 768, "Normal")
    assert call.at.startswith("1970-01-01T00:01:40") and call.connected


def test_a_call_that_nobody_answered_did_not_last(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.play(CALL, 9.0, 0.0, "486 Busy Here")
    (call,) = stage.history.newest()
    assert (call.rang_s, call.lasted_s, call.connected) == (9.0, 0.0, False)


def test_the_newest_comes_first_and_a_text_filters(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    for number in range(3):
        stage.play(replace(CALL, call_id=f"c{number}", serial=f"s{number}", source=f"x{number}@a"), 1.0, 1.0, "Normal")
    assert [call.source for call in stage.history.newest()] == ["x2@a", "x1@a", "x0@a"]
    assert [call.serial for call in stage.history.newest("X1@")] == ["s1"]
    assert len(stage.history.newest(most=2)) == 2


def test_what_was_never_told_to_begin_has_no_end(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.history.ended("unknown", "Normal")
    assert stage.history.newest() == []


def test_old_calls_go_first_when_the_size_is_reached(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.history.limit(8 << 10)
    for number in range(100):
        stage.play(replace(CALL, call_id=f"c{number}", serial=f"s{number}"), 1.0, 1.0, "Normal")
    kept = stage.history.newest()
    assert kept[0].serial == "s99" and 5 < len(kept) < 40
    assert sum(path.stat().st_size for path in tmp_path.glob(f"{FILE}*")) <= 9 << 10


def test_a_line_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.play(CALL, 1.0, 1.0, "Normal")
    with (tmp_path / FILE).open("a") as file:
        file.write('{"tag": 1}\nnonsense\n')
    assert [call.serial for call in Stage(tmp_path).history.newest()] == ["s1"]
