"""What goes into a release package, and what keeps one from being made."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sextet import __version__
from sextet.cluster.disk import package
from tests.support.release import ROOT
from tools import package as maker


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("release") / "release.tar.gz"
    path.write_bytes(maker.make(ROOT, "7.1.0", "2026-01-02"))
    return path


def test_a_package_of_this_checkout_is_whole_and_runs_here_under_the_version_it_was_given(made: Path) -> None:
    label = package.check(made)
    assert (label.version, label.made, package.why_not_here(label)) == ("7.1.0", "2026-01-02", "")
    assert package.rank(label.upgrade_from) <= package.rank(__version__)
    names = {name.removeprefix("lib/") for name in label.files}
    assert {"sextet/main.py", "sextet/web/templates/upgrade.html", "nats/__init__.py", "starlette/routing.py"} <= names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc") or "direct_url" in name]
    assert not [name for name in names if name.startswith(("setuptools", "pip", "pytest"))], "what runs nothing"


def test_the_same_files_give_the_same_package() -> None:
    once, again = (maker.pack("7.1.0", maker.own(ROOT, "7.1.0"), made="2026-01-02") for _ in range(2))
    assert once == again


def test_a_package_is_not_made_of_packages_other_than_the_locked_ones(tmp_path: Path) -> None:
    shutil.copy(ROOT / "requirements.lock", tmp_path)
    lock = tmp_path / "requirements.lock"
    lock.write_text(lock.read_text() + "nobody-has-this==1.0 \\\n")
    with pytest.raises(maker.Cannot, match=r"nobody-has-this 1\.0 is not installed; run \./sextet setup"):
        maker.dependencies(tmp_path)
    lock.write_text("click==0.0.1 \\\n")
    with pytest.raises(maker.Cannot, match=r"is installed and 0\.0\.1 is locked"):
        maker.dependencies(tmp_path)


def test_a_version_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert maker.main(["--version", "../1", "--out", str(tmp_path)]) == 2
    assert "'../1' is no version" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
