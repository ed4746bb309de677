"""Lines are found by text, by kind and by time, all at once, and old files are not read for nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sextet.watch.logs import Logs
from sextet.watch.sought import KINDS, Sought

NOW = datetime(2020, 8, 12, 19, 57, 43, tzinfo=UTC)


class Clock:
    """A wall clock that the test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    clock = Clock()
    made = Logs(tmp_path, "expc01", clock)
    made.event("Alarm Raised", Id="20004", Severity="warning", Detail="expc02 is lost")
    made.event("Call Connected", Service="SIP", Detail="alice")
    clock.now = NOW + timedelta(hours=2)
    made.event("Call Rejected", Service="SIP", Detail="alice", Reason="Not Found")
    made.event("Registration Accepted", AOR="alice")
    made.event("System Configuration Changed", Detail="x", User="ann")
    made.module("developer.replication", "INFO", "Starting synchronisation")
    return made


def events(logs: Logs, text: str = "", **more: object) -> list[str]:
    found = logs.search(text, **more)  # type: ignore[arg-type]
    return [entry.get("Event") or entry.get("Module") for entry in found]


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("problems", ["Alarm Raised", "Call Rejected"]),
        ("alarms", ["Alarm Raised"]),
        ("calls", ["Call Connected", "Call Rejected"]),
        ("registrations", ["Registration Accepted"]),
        ("changes", ["System Configuration Changed"]),
        ("administrators", ["System Configuration Changed"]),
        ("messages", []),
    ],
)
def test_each_kind_has_its_lines(logs: Logs, kind: str, wanted: list[str]) -> None:
    assert events(logs, kind=kind) == wanted


def test_the_modules_of_the_database_are_a_kind(logs: Logs) -> None:
    assert events(logs, kind="synchronisation")[-1] == "developer.replication"
    assert set(KINDS) >= {"problems", "synchronisation"}


def test_text_kind_and_time_are_asked_together(logs: Logs) -> None:
    assert events(logs, "ALICE", kind="calls") == ["Call Connected", "Call Rejected"]
    assert events(logs, "alice", kind="calls", within_s=3600.0) == ["Call Rejected"]
    assert events(logs, within_s=3 * 3600.0)[0] in ("developer.diagnostics.alarmanager", "Alarm Raised")
    assert events(logs, "20004", within_s=60.0) == []


@pytest.mark.parametrize("line", ["", "no moment at all", "2020-08-12T19:57:43 expc01 x", "9999"])
def test_a_line_without_a_moment_ends_no_search(line: str) -> None:
    assert not Sought(since=NOW).is_over(line)
