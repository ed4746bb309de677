"""出廠重置失敗: a system that was never upgraded has no image to be reset with; both ways out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sextet import __version__
from tests.guide.conftest import Prepare
from tests.support.guide_reader import AT_RESTART, CLUSTERING, Reader, cluster
from tests.support.release import real

pytestmark = pytest.mark.scenario
Systems = Callable[[int, Prepare], Reader]
DOMAINS = ("config", "show", "domains")
RESET, FAILED = 15009, 15013
BANNER = "At the next restart this peer resets itself to factory settings"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tar.gz of the version that the systems have."""
    return real(tmp_path_factory.mktemp("release") / f"sextet-{__version__}.tar.gz", __version__)


def leave(reader: Reader, number: int) -> None:
    """Clear all peer address fields and save: the banner says what the next restart does."""
    cleared = {f"peer_{row}_address": "" for row in reader.lab.numbers}
    answered = reader.save(number, CLUSTERING, **cleared, leave_anyway="yes")
    assert BANNER in answered, answered


def failed(reader: Reader, number: int) -> None:
    """The restart that was to reset it does not: an alarm says so, and everything is as before."""
    reader.restart(number)
    words = (str(FAILED), "Factory reset failed", "sextet-image.tar.gz is missing")
    reader.until("the alarm says so", lambda: reader.type_in(number, "alarm", "list"), words)
    assert "apolo.local" in reader.type_in(number, *DOMAINS), "nothing was reset"
    assert BANNER in reader.words(number, CLUSTERING)


def is_reset(reader: Reader, number: int) -> None:
    reader.logged(number, f'Event="Alarm Raised" Id="{RESET}"', 'Event="Factory Reset Completed"')
    events = reader.lab.alarm_events()
    assert (RESET, "Raised") in events

    reader.until(f"peer {number} is as new", lambda: reader.ran(number, "-o", "json", *DOMAINS)[1], ("[]",))


def test_upgrade_all_nodes_with_the_package_restart_and_reset(systems: Systems, release: Path) -> None:
    reader = systems(2, cluster(AT_RESTART))
    reader.active()
    leave(reader, 2)
    failed(reader, 2)
    # All nodes to the same software version with the tar.gz file; at its end, restart. First the primary.
    reader.upgrade(1, release)
    reader.restart(1)
    reader.upgrade(2, release)
    reader.turn_page()
    # The reset is still armed: this restart begins it.
    assert "restarts" in reader.type_in(2, "peer", "restart", "--yes")
    is_reset(reader, 2)


def test_put_the_package_into_the_factory_reset_folder_and_reset(systems: Systems, release: Path) -> None:
    reader = systems(2, cluster(AT_RESTART))
    reader.active()
    leave(reader, 2)
    failed(reader, 2)
    # As with WinSCP: the file lies there, under its name.
    folder = reader.lab.peer(2).state_dir / "factory-reset"
    shutil.copy(release, folder / "sextet-image.tar.gz")
    reader.turn_page()
    # Restart, or from the CLI.
    assert "resets itself" in reader.type_in(2, "factory-reset", "run", "--yes")
    is_reset(reader, 2)
