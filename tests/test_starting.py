"""Which version a process is, and what it says of its first start; that it becomes another one, scenarios see."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sextet import __version__, starting
from sextet.cluster.configuration.revisions import Store
from sextet.cluster.disk.versions import INSTALLED, Versions
from tests.support.release import small


@pytest.fixture(autouse=True)
def no_alarm_is_left() -> Iterator[None]:
    yield
    signal.alarm(0)


@pytest.fixture
def chosen(tmp_path: Path) -> Versions:
    """A peer for whose next start a package is chosen."""
    Store(tmp_path / "config.db").close()
    versions = Versions(tmp_path, __version__, 1)
    versions.install(small(tmp_path / "a.tar.gz", "9.0.0"), lambda tree: "", lambda done, whole: None)
    return versions


def become(monkeypatch: pytest.MonkeyPatch, state_dir: Path, place: int) -> starting.Running:
    """Go on as the process that the installed version became."""
    monkeypatch.setenv("SEXTET_PLACE", str(place))
    monkeypatch.setenv("SEXTET_INSTALLED", f"{__version__} 1")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    return starting.become_chosen(state_dir)


def test_a_system_without_packages_goes_on_as_it_is(tmp_path: Path) -> None:
    running = starting.become_chosen(tmp_path)
    assert (running.place, running.first_time) == (INSTALLED, False)
    assert not list(tmp_path.iterdir())
    assert not running.gave_up("a fault"), "there is nothing to go back to"


def test_a_version_that_runs_first_says_whether_it_came_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, chosen: Versions
) -> None:
    assert chosen.begin() == 1
    running = become(monkeypatch, tmp_path, 1)
    assert running.first_time and "PYTHONPATH" not in os.environ
    assert (tmp_path / "factory-reset/sextet-image.tar.gz").exists(), "a reset that is armed finds its image"
    running.came_up()
    assert not running.first_time and chosen.selection.runs == 1
    assert not running.gave_up("a fault later"), "it stays what runs"


def test_a_version_that_gives_up_is_left_at_the_next_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, chosen: Versions
) -> None:
    assert chosen.begin() == 1
    assert become(monkeypatch, tmp_path, 1).gave_up("a port is taken")
    assert chosen.begin() == INSTALLED
    assert "a port is taken" in chosen.selection.failed
