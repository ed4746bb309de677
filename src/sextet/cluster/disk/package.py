"""A release package: what is in it, and whether it is whole. Nothing of it is run, and nothing believed, before that.

How it works. A package is a tar.gz with one folder, `sextet-<version>`: first `manifest.json`, then the files that it
names under `lib/`, plain files with plain names only. `lib/` is what Python needs to run that version, sextet and the
packages below it as they were installed where the package was made: installing it asks nobody and runs nothing. Every
file has its size and SHA-256 in the manifest; the SHA-256 of the whole package is for people to compare. Headers are
read one by one and only in their oldest form, so that no header can ask for memory or for a place elsewhere.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import platform
import re
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FORMAT = 1  # of the manifest
MANIFEST = "manifest.json"
TREE = "lib"  # the folder of a package that Python runs
UPGRADES_FROM = "0.1.0"  # the oldest version that can be upgraded to this one
SUFFIX = ".tar.gz"
PACKAGE_BYTES_MAX = 64 << 20  # a package has 10 MB
UNPACKED_BYTES_MAX = 256 << 20  # and 40 MB unpacked
FILES_MAX = 20_000  # and 1500 files
MANIFEST_BYTES_MAX = 4 << 20
PATH_MAX = 250  # what a header of the old form can hold
_BLOCK, _CHUNK = 512, 1 << 16  # the first is POSIX's
_PART = re.compile(r"[A-Za-z0-9_+@=,-][A-Za-z0-9_+@=,. -]*")
_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})\.(\d{1,4})((?:[.-]?[a-z][a-z0-9]{0,15})?)")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_KINDS = {b"1": "a hard link", b"2": "a symbolic link", b"3": "a device", b"4": "a device", b"6": "a pipe"}

Progress = Callable[[int, int], None]  # bytes done, bytes in all


class NotAPackage(Exception):
    """The file is no whole release package for this system; the text says why, and nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What a package says of itself."""

    version: str
    schema: int  # format of the database that this version writes
    schema_from: int  # the oldest format that it can take over
    upgrade_from: str  # the oldest version that can be upgraded to it
    python: str  # "3.11"
    machine: str  # "x86_64", "aarch64"
    made: str = ""  # when, as its maker wrote it
    files: Mapping[str, tuple[str, int]] = field(repr=False)  # path -> SHA-256 and size

    @property
    def size_bytes(self) -> int:
        """How much it needs on the disk."""
        return sum(size for _, size in self.files.values())


def rank(version: str) -> tuple[int, int, int, bool, str]:
    """Put versions in order; a version with a word behind it, such as 0.2.0rc1, comes before the one without."""
    found = _VERSION.fullmatch(version)
    if not found:
        return (0, 0, 0, False, version)
    return (int(found[1]), int(found[2]), int(found[3]), not found[4], found[4])


def is_version(text: str) -> bool:
    """Tell whether this is how a version is written."""
    return bool(_VERSION.fullmatch(text))


def sha256_of(path: Path) -> str:
    """Summarise a file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def manifest_of(label: Label) -> bytes:
    """Write the manifest."""
    plain = {name: getattr(label, name) for name in Label.__dataclass_fields__}
    files = {path: list(entry) for path, entry in sorted(label.files.items())}
    return json.dumps({"format": FORMAT, "name": "sextet", **plain, "files": files}, indent=1).encode()


def read_manifest(text: bytes) -> Label:
    """Read a manifest. Raises NotAPackage."""
    try:
        value = json.loads(text)
        if value["name"] != "sextet":
            raise NotAPackage(f"it is a package of {str(value['name'])[:40]!r}, not of sextet")
        if value["format"] != FORMAT:
            raise NotAPackage(f"its format is {value['format']!r}, and this version reads format {FORMAT}")
        label = _label(value)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotAPackage("its manifest cannot be read") from error
    for path, (digest, size) in label.files.items():
        if not _is_safe(path):
            raise NotAPackage(f"its manifest names a file outside of the package: {path[:80]!r}")
        if not _SHA256.fullmatch(digest) or size < 0:
            raise NotAPackage(f"its manifest has no SHA-256 and size for {path}")
    if not all(is_version(one) for one in (label.version, label.upgrade_from)):
        raise NotAPackage(f"its manifest has no version: {label.version[:40]!r}")
    if len(label.files) > FILES_MAX or label.size_bytes > UNPACKED_BYTES_MAX:
        raise NotAPackage(f"it would need {label.size_bytes >> 20} MB; at most {UNPACKED_BYTES_MAX >> 20} MB are taken")
    return label


def why_not_here(label: Label) -> str:
    """Say why this system cannot run it, or ""."""
    here = (".".join(str(part) for part in sys.version_info[:2]), platform.machine())
    if (label.python, label.machine) == here:
        return ""
    return (
        f"it was made for Python {label.python} on {label.machine}, and this system has Python {here[0]} on {here[1]}"
    )


def check(path: Path, progress: Progress = lambda done, all: None) -> Label:
    """Read a package to its end and compare everything with its manifest. Raises NotAPackage."""
    return _read(path, None, progress)


def unpack(path: Path, target: Path, progress: Progress = lambda done, all: None) -> Label:
    """Write what is in a package into this new folder. Raises NotAPackage and OSError; the folder may be half full."""
    return _read(path, target, progress)


def faults(folder: Path) -> tuple[Label | None, str]:
    """Compare an unpacked package with its manifest; gives the label and what is wrong, or ""."""
    try:
        label = read_manifest((folder / MANIFEST).read_bytes())
        for path, (digest, _) in label.files.items():
            if sha256_of(folder / path) != digest:
                return label, f"{path} is not what the package had"
    except NotAPackage as error:
        return None, str(error)
    except OSError as error:
        return None, f"{error.filename}: {error.strerror}"
    return label, ""


def _label(value: Any) -> Label:
    named: dict[str, Any] = {}
    for name, kind in (("version", str), ("upgrade_from", str), ("python", str), ("machine", str), ("made", str)):
        named[name] = _typed(value.get(name, "") if name == "made" else value[name], kind)
    for name in ("schema", "schema_from"):
        named[name] = _typed(value[name], int)
    files = {
        _typed(path, str): (_typed(digest, str), _typed(size, int)) for path, (digest, size) in value["files"].items()
    }
    return Label(files=files, **named)


def _typed(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


def _is_safe(path: str) -> bool:
    parts = path.split("/")
    whole = all(_PART.fullmatch(part) for part in parts)
    return whole and parts[0] == TREE and len(parts) > 1 and len(path) <= PATH_MAX


def _read(path: Path, target: Path | None, progress: Progress) -> Label:
    try:
        if path.stat().st_size > PACKAGE_BYTES_MAX:
            raise NotAPackage(f"it is larger than a release of sextet: at most {PACKAGE_BYTES_MAX >> 20} MB are taken")
        with gzip.GzipFile(path) as stream:
            return _read_members(stream, target, progress)
    except FileNotFoundError:
        raise NotAPackage("it is missing") from None
    except gzip.BadGzipFile as error:
        raise NotAPackage(f"it is no tar.gz file, or was damaged: {error}") from error
    except (EOFError, zlib.error) as error:
        raise NotAPackage("it is cut off or damaged; upload it again") from error


@dataclass(frozen=True, slots=True)
class _Member:
    """One file of the archive."""

    folder: str
    path: str
    size: int


def _read_members(stream: gzip.GzipFile, target: Path | None, progress: Progress) -> Label:
    first = _next(stream)
    if first is None or first.path != MANIFEST or first.size > MANIFEST_BYTES_MAX:
        raise NotAPackage("it is no release package of sextet: it does not begin with a manifest")
    text = b"".join(_content(stream, first))
    label = read_manifest(text)
    if first.folder != f"sextet-{label.version}":
        raise NotAPackage(f"its folder is {first.folder[:60]!r}, and its manifest says version {label.version}")
    if target is not None:
        _write(target / MANIFEST, [text])
    left, done = dict(label.files), 0
    while (member := _next(stream)) is not None:
        if member.folder != first.folder or member.path not in left:
            raise NotAPackage(f"{member.folder}/{member.path}"[:120] + " is not in its manifest, or is there twice")
        digest, size = left.pop(member.path)
        if member.size != size:
            raise NotAPackage(f"{member.path} has {member.size} bytes, and the manifest says {size}")
        summed = hashlib.sha256()
        _write(target / member.path if target else None, _summed(_content(stream, member), summed))
        if summed.hexdigest() != digest:
            raise NotAPackage(f"{member.path} is not what the manifest says (SHA-256)")
        done += size
        progress(done, label.size_bytes)
    if left:
        raise NotAPackage(f"{min(left)} is missing in it")
    while chunk := stream.read(_CHUNK):  # to the end: only there the check sum of the compressed file stands
        if chunk.strip(b"\0"):
            raise NotAPackage("there is something behind its end")
    return label


def _next(stream: gzip.GzipFile) -> _Member | None:
    """Read the next header; None at the end."""
    block = _exactly(stream, _BLOCK)
    if not block.strip(b"\0"):
        return None
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.HeaderError, UnicodeDecodeError) as error:
        raise NotAPackage("it is no tar.gz file, or was damaged") from error
    if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        kind = _KINDS.get(info.type, "something that is no plain file")
        raise NotAPackage(f"{info.name[:80]!r} in it is {kind}; a release has plain files only")
    folder, _, path = info.name.partition("/")
    return _Member(folder, path, info.size)


def _content(stream: gzip.GzipFile, member: _Member) -> Iterator[bytes]:
    left = member.size
    while left:
        chunk = _exactly(stream, min(left, _CHUNK))
        left -= len(chunk)
        yield chunk
    _exactly(stream, -member.size % _BLOCK)


def _exactly(stream: gzip.GzipFile, size: int) -> bytes:
    data = stream.read(size) if size else b""
    if len(data) != size:
        raise NotAPackage("it is cut off or damaged; upload it again")
    return data


def _summed(chunks: Iterator[bytes], digest: Any) -> Iterator[bytes]:
    for chunk in chunks:
        digest.update(chunk)
        yield chunk


def _write(path: Path | None, chunks: Iterable[bytes]) -> None:
    if path is None:
        for _ in chunks:
            pass
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.writelines(chunks)
