"""Which version runs, and that there is a way back from every point at which a peer may be killed."""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sextet.cluster.configuration.revisions import Store
from sextet.cluster.disk import versions as versions_module
from sextet.cluster.disk.versions import FOLDER, INSTALLED, InstallFailed, Selection, Versions, forget_databases
from tests.support.release import small


def quiet(done: int, whole: int) -> None:
    """Nobody watches."""


def runs(tree: Path) -> str:
    return ""


def peer(folder: Path, version: str = "0.9.0") -> Versions:
    Store(folder / "config.db").close()
    return Versions(folder, version, 1)


def installed(versions: Versions, folder: Path, version: str) -> int:
    return versions.install(small(folder / f"in/{version}.tar.gz", version), runs, quiet).number


def started(versions: Versions) -> int:
    """Start, and come up."""
    number = versions.begin()
    versions.confirm(number)
    return number


def written(folder: Path, name: str) -> None:
    """Store a setting by which this moment can be told from others."""
    store = Store(folder / "config.db")
    store.put_own({"system": {"name": name}}, user="", source="")
    store.close()


def read(folder: Path) -> str:
    store = Store(folder / "config.db")
    try:
        return str(store.own().get("system", {}).get("name", ""))
    finally:
        store.close()


@contextmanager
def killed(monkeypatch: pytest.MonkeyPatch, point: str, after: int) -> Iterator[None]:
    """Die when the work comes to this point."""
    left = [after]
    place = f"sextet.cluster.disk.versions.{point}"
    real = operator.attrgetter(point)(versions_module)

    def die(*given: object) -> object:
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        return real(*given)

    with monkeypatch.context() as changed, contextlib.suppress(KeyboardInterrupt):
        changed.setattr(place, die)
        yield
    assert left[0] == 0, f"{point} was not come to {after + 1} times"


def test_a_peer_without_packages_runs_as_installed(tmp_path: Path) -> None:
    versions = peer(tmp_path)
    assert started(versions) == INSTALLED
    assert not (tmp_path / FOLDER).exists(), "nothing is written where nothing was chosen"
    assert [place.version for place in versions.places()] == ["0.9.0"]


def test_an_installed_package_runs_from_the_next_start_on(tmp_path: Path) -> None:
    versions = peer(tmp_path)
    number = installed(versions, tmp_path, "1.0.0")
    assert (number, versions.selection.runs) == (1, INSTALLED)
    assert started(versions) == 1 == started(versions)
    assert versions.selection == Selection(runs=1, next=1, before=0)
    assert installed(versions, tmp_path, "1.1.0") == 2, "what runs is never touched"
    assert started(versions) == 2
    assert installed(versions, tmp_path, "1.2.0") == 1
    assert [place.version for place in versions.places()] == ["0.9.0", "1.2.0", "1.1.0"]


def test_the_same_version_can_be_installed_again(tmp_path: Path) -> None:
    versions = peer(tmp_path)
    installed(versions, tmp_path, "1.0.0")
    started(versions)
    written(tmp_path, "kept")
    assert installed(versions, tmp_path, "1.0.0") == 2
    assert started(versions) == 2
    assert read(tmp_path) == "kept"


def test_an_older_version_gets_its_database_from_before_and_a_newer_one_takes_over(
    tmp_path: Path,
) -> None:
    versions = peer(tmp_path)
    written(tmp_path, "before")
    number = installed(versions, tmp_path, "1.0.0")
    assert versions.database_before(INSTALLED) is None
    started(versions)
    assert read(tmp_path) == "before"
    written(tmp_path, "after")
    assert versions.database_before(INSTALLED) is not None
    versions.choose(INSTALLED)
    assert started(versions) == INSTALLED
    assert read(tmp_path) == "before"
    written(tmp_path, "before and later")
    versions.choose(number)
    assert started(versions) == number
    assert read(tmp_path) == "before and later"


def test_a_choice_is_taken_back_by_choosing_what_runs(tmp_path: Path) -> None:
    versions = peer(tmp_path)
    installed(versions, tmp_path, "1.0.0")
    versions.choose(INSTALLED)
    assert started(versions) == INSTALLED
    assert not list((tmp_path / FOLDER).glob("database-*"))


def test_a_version_that_does_not_come_up_gives_way_to_the_one_before_with_its_database(tmp_path: Path) -> None:
    versions = peer(tmp_path)
    written(tmp_path, "before")
    installed(versions, tmp_path, "1.0.0")
    assert versions.begin() == 1
    written(tmp_path, "by a version that failed")
    versions.gave_up(1, "no port is free")
    assert versions.begin() == INSTALLED
    versions.confirm(INSTALLED)
    assert read(tmp_path) == "before"
    said = versions.selection.failed
    assert "version 1.0.0 (place 1) was started and did not come up (no port is free)" in said
    assert "version 0.9.0 (place 0) runs instead" in said
    assert started(versions) == INSTALLED and versions.selection.failed == said, "it stands until somebody chooses"
    versions.choose(INSTALLED)
    assert not versions.selection.failed


def test_a_version_that_fails_after_it_came_up_once_is_not_left(tmp_path: Path) -> None:
    versions = peer(tmp_path)
    installed(versions, tmp_path, "1.0.0")
    started(versions)
    versions.gave_up(1, "a port was taken")
    assert versions.begin() == 1 and not versions.selection.failed


def test_a_damaged_version_is_not_started(tmp_path: Path) -> None:
    versions = peer(tmp_path)
    installed(versions, tmp_path, "1.0.0")
    (versions.tree(1) / "sextet/main.py").write_text("damaged")
    assert started(versions) == INSTALLED
    assert "cannot run: lib/sextet/main.py is not what the package had" in versions.selection.failed
    assert "is not what the package had" in versions.why_no_way_back(1)


@pytest.mark.parametrize("lost", ["sextet/main.py", "../manifest.json"])
def test_a_version_that_is_damaged_while_it_is_chosen_is_left_for_the_one_before(tmp_path: Path, lost: str) -> None:
    versions = peer(tmp_path)
    written(tmp_path, "before")
    installed(versions, tmp_path, "1.0.0")
    started(versions)
    written(tmp_path, "after")
    (versions.tree(1) / lost).unlink()
    assert started(versions) == INSTALLED
    assert read(tmp_path) == "before"
    assert "runs instead" in versions.selection.failed
    assert started(versions) == INSTALLED


def test_where_the_one_before_is_damaged_too_the_installed_one_runs(tmp_path: Path) -> None:
    versions = peer(tmp_path)
    for version in ("1.0.0", "1.1.0"):
        installed(versions, tmp_path, version)
        started(versions)
    for number in (1, 2):
        (versions.tree(number) / "sextet/main.py").unlink()
    assert started(versions) == INSTALLED


def test_there_is_no_way_to_an_older_version_without_the_database_from_before(tmp_path: Path) -> None:
    versions = peer(tmp_path)
    installed(versions, tmp_path, "1.0.0")
    started(versions)
    assert versions.why_no_way_back(INSTALLED) == ""
    forget_databases(tmp_path)
    assert "no copy of the database" in versions.why_no_way_back(INSTALLED)
    assert "no version in place 2" in versions.why_no_way_back(2)


def test_a_package_that_does_not_run_or_is_none_changes_nothing(tmp_path: Path) -> None:
    versions = peer(tmp_path)
    installed(versions, tmp_path, "1.0.0")
    started(versions)
    before = versions.selection, versions.places()
    with pytest.raises(InstallFailed, match="it has a fault"):
        versions.install(small(tmp_path / "b.tar.gz", "1.1.0"), lambda tree: "it has a fault", quiet)
    with pytest.raises(InstallFailed, match="on vax"):
        versions.install(small(tmp_path / "c.tar.gz", "1.1.0", machine="vax"), runs, quiet)
    (tmp_path / "d.tar.gz").write_bytes(small(tmp_path / "b.tar.gz").read_bytes()[:-20])
    with pytest.raises(InstallFailed, match="cut off"):
        versions.install(tmp_path / "d.tar.gz", runs, quiet)
    assert (versions.selection, versions.places()) == before
    assert not list((tmp_path / FOLDER).glob("*.new"))


@pytest.mark.parametrize(
    ("point", "after"),
    [("os.sync", 0), ("Versions._write", 0), ("Versions._write", 1), ("Versions._take_out", 0), ("Versions.choose", 0)],
)
def test_an_install_that_is_killed_can_be_repeated_and_what_ran_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, after: int
) -> None:
    versions = peer(tmp_path)
    installed(versions, tmp_path, "1.0.0")
    started(versions)
    with killed(monkeypatch, point, after):
        installed(versions, tmp_path, "1.1.0")
    assert started(versions) in (1, 2)
    assert not versions.selection.failed
    installed(versions, tmp_path, "1.2.0")
    started(versions)
    assert versions.place(versions.selection.runs).version == "1.2.0"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("point", "after"),
    [
        ("Versions._write", 0),
        ("Versions._write", 1),
        ("Versions._keep_database", 0),
        ("Versions._put_back", 0),
        ("write_secret", 0),
        ("write_secret", 1),
        ("write_secret", 5),
        ("write_secret", 6),
    ],
)
def test_a_change_of_the_version_that_is_killed_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, after: int
) -> None:
    versions = peer(tmp_path)
    written(tmp_path, "before")
    installed(versions, tmp_path, "1.0.0")
    started(versions)
    written(tmp_path, "after")
    versions.choose(INSTALLED)
    with killed(monkeypatch, point, after):
        versions.begin()
    assert started(versions) == INSTALLED
    assert read(tmp_path) == "before"
    versions.choose(1)
    assert started(versions) == 1


def test_the_image_of_the_factory_reset_is_the_package_of_what_runs(tmp_path: Path) -> None:
    versions, image = peer(tmp_path), tmp_path / "factory-reset/sextet-image.tar.gz"
    versions.put_image(INSTALLED, image)
    assert not image.exists(), "an installed version has no package"
    installed(versions, tmp_path, "1.0.0")
    for _ in range(2):
        versions.put_image(1, image)
        assert image.read_bytes() == small(tmp_path / "same.tar.gz").read_bytes()


def test_a_selection_that_cannot_be_read_runs_as_installed_and_says_so(tmp_path: Path) -> None:
    versions = peer(tmp_path)
    installed(versions, tmp_path, "1.0.0")
    (tmp_path / FOLDER / "selection.json").write_text("{")
    assert started(versions) == INSTALLED
    assert "cannot be read" in versions.selection.failed


@pytest.mark.parametrize("after", range(8))
def test_the_copy_for_the_way_back_is_whole_although_the_change_was_killed_and_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    versions = peer(tmp_path)
    written(tmp_path, "before")
    installed(versions, tmp_path, "1.0.0")
    started(versions)
    written(tmp_path, "after")
    versions.choose(INSTALLED)
    with contextlib.suppress(AssertionError), killed(monkeypatch, "write_secret", after):
        versions.begin()
    for _ in range(2):  # the older one never comes up
        if versions.begin() == 1:
            break
    assert versions.selection.failed and versions.begin() == 1
    assert read(tmp_path) == "after"
