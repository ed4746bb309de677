"""The file of events: whole lines, limits, and a disk that is full."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sextet.engine import Journal
from sextet.watch.event_log import EventLog, wall_clock
from sextet.watch.sought import Sought

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Clock:
    """One second later each time."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> datetime:
        self.calls += 1
        return START + timedelta(seconds=self.calls)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "event.log"


@contextmanager
def full_disk(path: Path, room: int) -> Iterator[None]:
    """No file may grow beyond what this one has and `room` bytes: what a write meets on a full disk."""
    limit = (path.stat().st_size if path.exists() else 0) + room
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_an_event_log_is_a_journal(path: Path) -> None:
    journal: Journal = EventLog(path, "expc01", Clock())
    journal.event("Admin Session Start", User="admin", **{"Src-ip": "192.0.2.1"})
    journal.module("developer.replication", "INFO", "Starting synchronisation", Node="x")
    first, second = path.read_text().splitlines()
    assert first.startswith('2026-01-02T03:04:06.000+00:00 expc01 web: Event="Admin Session Start" User="admin"')
    assert second.endswith('Detail="Starting synchronisation" Node="x"')


def test_only_the_owner_can_read_it(path: Path) -> None:
    path.touch(mode=0o644)
    log = EventLog(path, "expc01", Clock())
    log.event("X")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_link_in_its_place_is_not_followed(path: Path, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("")
    path.symlink_to(tmp_path / "target")
    log = EventLog(path, "expc01", Clock())
    log.event("X")
    assert log.missing == 1
    assert (tmp_path / "target").read_text() == ""


def test_lines_go_on_where_an_earlier_process_stopped(path: Path) -> None:
    for event in ("A", "B"):
        log = EventLog(path, "expc01", Clock())
        log.event(event)
        log.close()
    assert [entry.get("Event") for entry in log.tail()] == ["A", "B"]


def test_the_file_turns_over_by_size_and_only_so_many_are_kept(path: Path) -> None:
    log = EventLog(path, "expc01", Clock(), file_bytes_max=1000, files_max=3)
    for number in range(100):
        log.event("X", Detail=f"n{number:03}")
    files = sorted(path.parent.iterdir())
    assert [file.name for file in files] == ["event.log", "event.log.1", "event.log.2"]
    assert all(file.stat().st_size <= 1000 and file.stat().st_mode & 0o777 == 0o600 for file in files)
    details = [entry.get("Detail") for entry in log.search(Sought(), 1000)]
    assert details == [f"n{number:03}" for number in range(100 - len(details), 100)]
    assert len(details) > 15


def test_a_line_that_just_fits_does_not_turn_the_file_over(path: Path) -> None:
    log = EventLog(path, "expc01", Clock())
    log.event("X")
    size = path.stat().st_size
    log = EventLog(path, "expc01", Clock(), file_bytes_max=2 * size)
    log.event("X")
    assert len(list(path.parent.iterdir())) == 1
    log.event("X")
    assert len(list(path.parent.iterdir())) == 2


def test_a_file_that_is_too_large_at_the_start_is_turned_over(path: Path) -> None:
    path.write_text("old\n" * 1000)
    log = EventLog(path, "expc01", Clock(), file_bytes_max=1000)
    log.event("X")
    assert len(path.read_text().splitlines()) == 1


def test_the_newest_lines_are_found_across_files_and_blocks(path: Path) -> None:
    log = EventLog(path, "expc01", Clock(), file_bytes_max=200_000)
    for number in range(3000):
        log.event("X", Detail=f"n{number} 會議室", Id=str(number % 10))
    assert [entry.get("Detail") for entry in log.tail(3)] == ["n2997 會議室", "n2998 會議室", "n2999 會議室"]
    assert [entry.get("Detail") for entry in log.search(Sought(text="N12 "))] == ["n12 會議室"]
    assert len(log.search(Sought(text="x"), 10_000)) == 1000
    assert log.search(Sought(text="nothing like it")) == []


def test_an_empty_or_missing_log_has_no_lines(path: Path) -> None:
    log = EventLog(path, "expc01", Clock())
    assert log.tail() == []
    path.touch()
    assert log.tail() == []


def test_a_full_disk_stops_nothing_is_reported_once_and_the_gap_is_told(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = EventLog(path, "expc01", Clock())
    log.event("Before")
    with full_disk(path, room=30):
        for _ in range(5):
            log.event("Lost")
        assert log.missing == 5
        assert log.trouble
    assert len(caplog.records) == 1
    log.event("After")
    assert (log.missing, log.lost, log.trouble) == (0, 5, "")
    lines = log.tail()
    assert [entry.get("Event") for entry in lines if entry.fields] == ["Before", "Event Log Incomplete", "After"]
    assert lines[-2].get("Detail").startswith("5 lines could not be written: ")
    assert len(caplog.records) == 1


def test_a_folder_that_is_gone_stops_nothing(path: Path) -> None:
    log = EventLog(path.parent / "gone" / "event.log", "expc01", Clock())
    log.event("X")
    assert log.trouble == "No such file or directory"
    (path.parent / "gone").mkdir()
    log.event("Y")
    assert log.trouble == ""
    assert [entry.get("Event") for entry in log.tail()] == ["Event Log Incomplete", "Y"]


def test_letters_that_cannot_be_encoded_are_written_all_the_same(path: Path) -> None:
    log = EventLog(path, "expc01", Clock())
    log.event("X", Detail="\udcff\ud800")
    assert log.lost == 0
    assert os.stat(path).st_size > 0


def test_the_wall_clock_knows_its_zone() -> None:
    assert wall_clock().tzinfo is not None


def test_the_wall_clock_shows_the_hosts_zone() -> None:
    before, shown, after = datetime.now().astimezone(), wall_clock(), datetime.now().astimezone()
    assert before <= shown <= after
    assert shown.utcoffset() == before.utcoffset()


def test_the_zone_is_asked_for_again_after_a_quarter_of_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    offsets = []
    for zone, now_s in (("UTC-1", 900.0), ("UTC-2", 1799.0), ("UTC-2", 1800.0)):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        monkeypatch.setattr(time, "time", lambda now_s=now_s: now_s)
        offsets.append(wall_clock().utcoffset())
    monkeypatch.undo()
    time.tzset()
    assert offsets == [timedelta(hours=1), timedelta(hours=1), timedelta(hours=2)]
