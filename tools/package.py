#!/usr/bin/env python3
"""Make the release package of this checkout: `sextet-<version>.tar.gz`, with which peers are upgraded.

Run as `./sextet package`. In it is what Python needs to run this version: sextet from this checkout, and the locked
packages below it as they are installed in its environment, so that installing the package asks no registry. That
ties a package to one machine type (amd64, arm64) and to Debian 12's Python; the manifest says which, and peers check.
The same checkout gives the same package, byte for byte, but for the moment that it names.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import importlib.metadata
import io
import platform
import re
import sys
import tarfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from sextet import __version__
from sextet.cluster.configuration.soundness import READS_FROM, SEALED_VERSION
from sextet.cluster.disk import package
from sextet.cluster.disk.package import MANIFEST, SUFFIX, TREE, UPGRADES_FROM, Label, NotAPackage

ROOT = Path(__file__).resolve().parent.parent
BUILD_ONLY = ("setuptools", "wheel", "packaging")  # in the lock file to install sextet itself; nothing runs with them
_LOCKED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", re.MULTILINE)
_OWN_VERSION = re.compile(rb'^__version__ = "[^"]*"', re.MULTILINE)
_LEFT_OUT = ("__pycache__", ".pyc", "direct_url.json", "RECORD", "INSTALLER", "REQUESTED")


class Cannot(Exception):
    """Why no package is made, in one sentence."""


def main(arguments: Sequence[str]) -> int:
    """Make a package, and say where it is and what its SHA-256 is."""
    parser = argparse.ArgumentParser(prog="./sextet package", description="Make the release package of this checkout.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="the folder it is put into (dist)")
    parser.add_argument("--version", default=__version__, help="call it this version instead, to try an upgrade")
    given = parser.parse_args(arguments)
    try:
        if not package.is_version(given.version):
            raise Cannot(f"{given.version!r} is no version; write one such as {__version__}.")
        made = make(ROOT, given.version, f"{datetime.now(UTC):%Y-%m-%d}")  # the wall clock: people read it
        path = given.out / f"sextet-{given.version}{SUFFIX}"
        given.out.mkdir(parents=True, exist_ok=True)
        path.write_bytes(made)
        package.check(path)
    except (Cannot, NotAPackage, OSError) as error:
        print(f"sextet: {error}", file=sys.stderr)
        return 2
    print(f"{package.sha256_of(path)}  {path}")
    return 0


def make(root: Path, version: str, made: str = "") -> bytes:
    """Make the package of a checkout. Raises Cannot."""
    files = {f"{TREE}/{path}": data for path, data in {**dependencies(root), **own(root, version)}.items()}
    files[f"{TREE}/sextet/LICENSE"] = (root / "LICENSE").read_bytes()
    return pack(version, files, made=made)


def pack(version: str, contents: Mapping[str, bytes], /, **other: object) -> bytes:
    """Put files into a package; `other` are entries of the manifest that are to be different."""
    entries = {path: (hashlib.sha256(data).hexdigest(), len(data)) for path, data in contents.items()}
    usual = {
        "version": version,
        "schema": SEALED_VERSION,
        "schema_from": READS_FROM,
        "upgrade_from": UPGRADES_FROM,
        "python": ".".join(str(part) for part in sys.version_info[:2]),
        "machine": platform.machine(),
        "files": entries,
    }
    manifest = package.manifest_of(Label(**{**usual, **other}))  # type: ignore[arg-type]
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, data in ((MANIFEST, manifest), *sorted(contents.items())):
            entry = tarfile.TarInfo(f"sextet-{version}/{path}")
            entry.size, entry.mode = len(data), 0o644
            tar.addfile(entry, io.BytesIO(data))
    return gzip.compress(archive.getvalue(), compresslevel=6, mtime=0)  # 9 takes three times as long for 1 % less


def own(root: Path, version: str) -> dict[str, bytes]:
    """Read sextet itself, under another version where that is wanted."""
    source = root / "src"
    found = {path.relative_to(source).as_posix(): path for path in (source / "sextet").rglob("*") if path.is_file()}
    files = {name: path.read_bytes() for name, path in found.items() if not _left_out(name)}
    init = "sextet/__init__.py"
    files[init] = _OWN_VERSION.sub(f'__version__ = "{version}"'.encode(), files[init])
    return files


def dependencies(root: Path) -> dict[str, bytes]:
    """Read the locked packages where they are installed. Raises Cannot where one is missing or another version."""
    files: dict[str, bytes] = {}
    for name, version in _LOCKED.findall((root / "requirements.lock").read_text()):
        if name in BUILD_ONLY:
            continue
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            raise Cannot(f"{name} {version} is not installed; run ./sextet setup") from None
        if found.version != version:
            raise Cannot(f"{name} {found.version} is installed and {version} is locked; run ./sextet setup")
        for one in found.files or ():
            path = one.as_posix()
            if not _left_out(path) and not path.startswith(".."):  # a script in bin/ starts nothing that we need
                files[path] = Path(str(found.locate_file(one))).read_bytes()
    return files


def _left_out(path: str) -> bool:
    return any(part == name or part.endswith(name) for part in path.split("/") for name in _LEFT_OUT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
