"""What became of registrations is kept with its reason, newest first, within its size."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sextet.model.past_registrations import REGISTERED, REJECTED, REMOVED
from sextet.watch.past_registrations import FILE, RegistrationHistory
from tests.support.fake_registrations import device

ALICE, BOB = "alice@apolo.local", "bob@apolo.local"


class Stage:
    def __init__(self, folder: Path) -> None:
        self.now = 100.0
        self.history = RegistrationHistory(folder, lambda: self.now, lambda: datetime.fromtimestamp(self.now, UTC))


def test_a_registration_is_told_when_it_comes_and_when_it_is_over_with_how_long_it_was(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.history.came(ALICE, device(ALICE))
    stage.now += 90.5
    stage.history.went(ALICE, device(ALICE), "Expired")
    over, came = stage.history.newest()
    assert (came.event, over.event, over.reason, over.lasted_s) == (REGISTERED, REMOVED, "Expired", 90.5)
    assert came.at.startswith("1970-01-01T00:01:40") and over.contact == device(ALICE).contact


def test_one_that_was_turned_away_has_its_reason_and_where_it_came_from(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.history.rejected(BOB, "192.0.2.9:5060;udp", "Dialer", "403 not in the allow list")
    (line,) = stage.history.newest("REJECTED")
    assert (line.event, line.alias, line.received, line.user_agent) == (REJECTED, BOB, "192.0.2.9:5060;udp", "Dialer")
    assert line.reason.startswith("403")


def test_of_a_device_that_was_there_before_the_time_since_then_counts(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.history.present(ALICE, device(ALICE))
    stage.now += 10
    stage.history.present(ALICE, device(ALICE))
    stage.now += 10
    stage.history.went(ALICE, device(ALICE), "Expired")
    assert [line.lasted_s for line in stage.history.newest()] == [20.0]


def test_the_oldest_go_first_when_the_size_is_reached(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.history.limit(8 << 10)
    for number in range(100):
        stage.history.came(f"x{number}@a", device(ALICE))
    kept = stage.history.newest()
    assert kept[0].alias == "x99@a" and 5 < len(kept) < 50
    assert sum(path.stat().st_size for path in tmp_path.glob(f"{FILE}*")) <= 9 << 10
