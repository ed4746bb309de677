"""How do tests get release packages? Small ones made of a few files, and real ones of this checkout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tools import package as maker

ROOT = Path(__file__).resolve().parents[2]
Edit = Callable[[dict[str, bytes]], None]


def small(path: Path, version: str = "1.0.0", **manifest: object) -> Path:
    """Write a package that is whole, and in which there is hardly anything; `manifest` changes its entries."""
    files = {"lib/sextet/__init__.py": f'__version__ = "{version}"\n'.encode(), "lib/sextet/main.py": b"\n"}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(maker.pack(version, files, **manifest))
    return path


def real(path: Path, version: str, edit: Edit = lambda files: None) -> Path:
    """Write the package of this checkout under a version; `edit` changes the files of sextet in it."""
    files = maker.own(ROOT, version)
    edit(files)
    tree = {f"lib/{name}": data for name, data in {**maker.dependencies(ROOT), **files}.items()}
    path.write_bytes(maker.pack(version, tree))
    return path
