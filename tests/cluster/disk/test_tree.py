"""A version that is tried: what it loads is compiled beside it, and why it does not run is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from sextet.cluster.disk import tree


def write(root: Path, main: str = "import needed\n") -> Path:
    (root / "sextet").mkdir()
    (root / "sextet/__init__.py").write_text('__version__ = "2.0.0"\n')
    (root / "sextet/main.py").write_text(main)
    (root / "sextet/later.py").write_text("\n")
    (root / "needed.py").write_text("\n")
    (root / "beside.py").write_text("\n")
    return root


def compiled(root: Path) -> set[str]:
    return {path.name.partition(".")[0] for path in root.rglob("*.pyc")}


@pytest.mark.parametrize("name", ["", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"])
def test_what_will_be_loaded_is_compiled_in_the_tree_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if name:
        monkeypatch.setenv(name, "/nowhere")
    assert tree.trial(write(tmp_path), "2.0.0") == ""
    assert compiled(tmp_path) == {"__init__", "main", "later", "needed"}


def test_why_it_does_not_run_is_said(tmp_path: Path) -> None:
    assert "No module named 'missing'" in tree.trial(write(tmp_path, "import missing\n"), "2.0.0")


def test_another_version_than_the_manifests_is_said(tmp_path: Path) -> None:
    said = tree.trial(write(tmp_path), "3.0.0")
    assert said == "its manifest says version 3.0.0, and it says '2.0.0' itself"
