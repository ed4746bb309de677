"""出廠重置失敗: a system that was never upgraded has no image to be reset with; both ways out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sextet import __version__
from tests.guide.conftest import Prepare
from tests.support.guide_reader import AT_ONCE, AT_RESTART, CLUSTERING, Reader, cluster
from tests.support.release import real

pytestmark = pytest.mark.scenario
DOMAINS = ("config", "show", "domains")
RESET, FAILED = 15009, 15013
BANNER = "At the next restart this peer resets itself to factory settings"
UPGRADED, GIVEN = (2, 3), (4, 5)  # by the first way out, and by the second; of each, one for each setting


def leave(reader: Reader, *numbers: int) -> None:
    """Clear all peer address fields and save: the banner says what the next restart does."""
    cleared = {f"peer_{row}_address": "" for row in reader.lab.numbers}
    for number in numbers:
        answered = reader.save(number, CLUSTERING, **cleared, leave_anyway="yes")
        assert BANNER in answered, answered


def failed(reader: Reader, *numbers: int) -> None:
    """The restart that was to reset it does not: an alarm says so, and everything is as before."""
    reader.restart(*numbers)
    for number in numbers:
        words = (str(FAILED), "Factory reset failed", "sextet-image.tar.gz is missing")
        look = lambda number=number: reader.type_in(number, "alarm", "list")
        reader.until("the alarm says so", look, words)
        assert "apolo.local" in reader.type_in(number, *DOMAINS), "nothing was reset"
        assert BANNER in reader.words(number, CLUSTERING)


def are_reset(reader: Reader, *numbers: int) -> None:
    for number in numbers:
        reader.logged(number, f'Event="Alarm Raised" Id="{RESET}"', 'Event="Factory Reset Completed"')
        reader.until(f"peer {number} is as new", lambda number=number: reader.shows(number, "domains"), ("[]",))
        assert reader.type_in(number, "-o", "json", *DOMAINS).strip() == "[]"


def test_a_reset_that_failed_is_done_after_an_upgrade_of_all_nodes_or_with_the_package_in_its_folder(
    systems: Callable[[int, Prepare], Reader], tmp_path: Path
) -> None:
    reader = systems(5, cluster(AT_RESTART))
    reader.well()
    for take_effect, leaving in zip((AT_RESTART, AT_ONCE), zip(UPGRADED, GIVEN, strict=True), strict=True):
        reader.takes_effect(take_effect, 1, *leaving)
        leave(reader, *leaving)
        failed(reader, *leaving)
    release = real(tmp_path / f"sextet-{__version__}.tar.gz", __version__)
    put_into_the_folder(reader, release)
    upgrade_all_nodes(reader, release)


def put_into_the_folder(reader: Reader, release: Path) -> None:
    reader.turn_page()
    for number in GIVEN:
        # As with WinSCP: the tar.gz file lies there, under its own name.
        shutil.copy(release, reader.lab.peer(number).state_dir / "factory-reset")
        # Restart, or from the CLI.
        assert "resets itself" in reader.type_in(number, "factory-reset", "run", "--yes")
    are_reset(reader, *GIVEN)


def upgrade_all_nodes(reader: Reader, release: Path) -> None:
    # All nodes to the same software version with the tar.gz file; at its end, restart. First the primary.
    reader.upgrade(release, 1)
    reader.restart(1)
    reader.upgrade(release, *UPGRADED)
    reader.turn_page()
    # The reset is still armed: this restart begins it.
    for number in UPGRADED:
        assert "restarts" in reader.type_in(number, "peer", "restart", "--yes")
    are_reset(reader, *UPGRADED)
