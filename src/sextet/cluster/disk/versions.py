"""Which versions of sextet a peer holds side by side, which one runs at the next start, and the way back.

How it works. Version 0 is the one that was installed on this host; packages are unpacked into the places 1 and 2, so
that the version that runs is never touched. `selection.json` says which one runs and which one is next; it is written
whole or not at all, and after everything that it speaks of. The installed version begins every start (`begin`): where
another one is next, it keeps a copy of the database as the running version leaves it, counts the try, and lets the
next one run. That one says when it has come up (`confirm`). A start that finds a counted try that never came up goes
back: to the version before, with the database from before. A version that is older than the one it follows gets the
copy that was kept when it was left, since it cannot be expected to read what a newer one wrote; every other one takes
the database over as it is. Each step may be repeated after a crash at any point.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from sextet.cluster.configuration.revisions import KEY_FILE, MEMORY_FILE, Store
from sextet.cluster.configuration.system_key import write_secret
from sextet.cluster.disk import package
from sextet.cluster.disk.package import MANIFEST, TREE, NotAPackage, Progress, rank
from sextet.cluster.disk.rebuilding import DATABASE
from sextet.model import config
from sextet.model.config import Document
from sextet.model.status import Stamp

FOLDER = "versions"
INSTALLED = 0
PLACES = (1, 2)  # as the two partitions of the original
PACKAGE = "package.tar.gz"  # the package of a version, for its factory reset
_SELECTION, _NEW, _OLD = "selection.json", ".new", ".old"
_FILES = (DATABASE, KEY_FILE, MEMORY_FILE)  # what one version leaves to the next, or gets back
_JOURNAL = f"{DATABASE}-journal"


class InstallFailed(Exception):
    """A version cannot be installed; the text says why, and nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What was chosen, and how far a change of the version has come."""

    runs: int = INSTALLED  # that came up last
    next: int = INSTALLED  # at the next start
    before: int | None = None  # that ran before `runs`
    kept: bool = False  # the database as `runs` left it was copied for this change
    tried: bool = False  # `next` was started, and has not said yet that it came up
    cause: str = ""  # why `next` did not come up, as it said itself
    failed: str = ""  # why another version runs than was chosen (alarm 15018)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One version that is here."""

    number: int
    version: str
    schema: int


class Versions:
    """The versions in the state directory of one peer; `installed` and `schema` are those of version 0."""

    def __init__(self, state_dir: Path, installed: str, schema: int) -> None:
        self._state_dir, self._folder = state_dir, state_dir / FOLDER
        self._installed = Place(number=INSTALLED, version=installed, schema=schema)

    @property
    def selection(self) -> Selection:
        """What is chosen; a file that cannot be read chooses nothing."""
        try:
            value = json.loads((self._folder / _SELECTION).read_text())
            chosen = Selection(**value)
        except FileNotFoundError:
            return Selection()
        except (OSError, ValueError, TypeError) as error:
            return Selection(failed=f"What was chosen cannot be read: {error}.")
        return chosen

    def places(self) -> Sequence[Place]:
        """List the versions that are here, the installed one first."""
        found = [self._installed]
        for number in PLACES:
            with contextlib.suppress(OSError, NotAPackage):
                label = package.read_manifest((self._path(number) / MANIFEST).read_bytes())
                found.append(Place(number=number, version=label.version, schema=label.schema))
        return found

    def place(self, number: int) -> Place | None:
        """Find one of them."""
        return next((one for one in self.places() if one.number == number), None)

    def tree(self, number: int) -> Path:
        """Say where Python finds an unpacked version."""
        return self._path(number) / TREE

    def database_before(self, number: int) -> Path | None:
        """Say where the copy is that this version gets back when it is chosen again; None where it gets none."""
        return self._copy(number) if self._is_older(number) and self._copy(number).is_dir() else None

    def why_no_way_back(self, number: int) -> str:
        """Say why this version cannot run next, or ""."""
        target = self.place(number)
        if target is None:
            return f"there is no version in place {number}"
        if self._is_older(number) and not self._copy(number).is_dir():
            return f"version {target.version} is older, and there is no copy of the database from before it was left"
        return self.fault(number)

    def install(self, file: Path, trial: Callable[[Path], str], progress: Progress) -> Place:
        """Unpack a package beside what runs and choose it for the next start; `trial` says why a tree does not run.

        Raises InstallFailed, and what was there is as it was.
        """
        number = self._free()
        fresh = self._path(number).with_suffix(_NEW)
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(mode=0o700)
            label = package.unpack(file, fresh, progress)
            shutil.copyfile(file, fresh / PACKAGE)
            if why := package.why_not_here(label) or trial(fresh / TREE):
                raise InstallFailed(why)
            os.sync()  # one call for more than a thousand files
            self._write(replace(self.selection, next=self.selection.runs, kept=False, tried=False))
            self._take_out(number)
            fresh.rename(self._path(number))
            self.choose(number)
        except NotAPackage as error:
            raise InstallFailed(str(error)) from error
        except OSError as error:
            raise InstallFailed(f"{error.filename or self._folder}: {error.strerror}") from error
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return Place(number=number, version=label.version, schema=label.schema)

    def choose(self, number: int) -> None:
        """Have this version run at the next start. Raises OSError."""
        seen = self.selection
        self._write(replace(seen, next=number, kept=False, tried=False, failed=""))

    def begin(self) -> int:
        """Decide at a start which version runs now. Raises OSError."""
        if not self._folder.is_dir():
            return INSTALLED
        self._clean()
        seen = self.selection
        if seen.tried:
            self._put_back(seen.runs)
            why = f" ({seen.cause})" if seen.cause else ""
            seen = self._stay(seen, f"{self._name(seen.next)} was started and did not come up{why}")
        if seen.next != seen.runs and (fault := self.fault(seen.next)):
            seen = self._stay(seen, f"{self._name(seen.next)} cannot run: {fault}")
        if seen.next == seen.runs and (fault := self.fault(seen.runs)):
            seen = self._leave(seen, f"{self._name(seen.runs)} cannot run: {fault}")
        if seen.next != seen.runs:
            self._change(seen)
        return seen.next

    def confirm(self, number: int) -> None:
        """Note that this version has come up. Raises OSError."""
        seen = self.selection
        if seen.next == number and seen.runs != number:
            self._write(Selection(runs=number, next=number, before=seen.runs, failed=seen.failed))

    def gave_up(self, number: int, cause: str) -> None:
        """Note why a version that was started for the first time did not come up. Raises OSError."""
        seen = self.selection
        if seen.tried and seen.next == number:
            self._write(replace(seen, cause=cause))

    def put_image(self, number: int, target: Path) -> None:
        """Make the package of this version the image of the factory reset. Raises OSError."""
        source = self._path(number) / PACKAGE
        if not source.is_file() or (target.is_file() and source.samefile(target)):
            return
        target.parent.mkdir(mode=0o700, exist_ok=True)
        beside = target.with_name(f"{target.name}{_NEW}")
        beside.unlink(missing_ok=True)
        os.link(source, beside)
        beside.replace(target)

    def fault(self, number: int) -> str:
        """Say what is wrong with an unpacked version, or ""."""
        return package.faults(self._path(number))[1] if number != INSTALLED else ""

    def stored_in(self, copy: Path) -> tuple[Stamp, Document]:
        """Read the configuration of a copy without touching it. Raises OSError, StoreLost, StoreDamaged and KeyLost."""
        with tempfile.TemporaryDirectory(dir=self._folder, suffix=_NEW) as scratch:
            for name in _FILES:
                with contextlib.suppress(FileNotFoundError):
                    shutil.copyfile(copy / name, Path(scratch) / name)
            store = Store(Path(scratch) / DATABASE)
            try:
                head = store.head()
                return head.stamp, config.merged(head.document, store.own())
            finally:
                store.close()

    def _change(self, seen: Selection) -> None:
        """Give the next version its database, and count the try."""
        older = self.database_before(seen.next)
        if not seen.kept:
            self._keep_database(seen.runs)
            self._write(replace(seen, kept=True))
        if older is not None:
            self._put_back(seen.next)
        self._write(replace(seen, kept=True, tried=True))

    def _stay(self, seen: Selection, why: str) -> Selection:
        """Go on with what ran before a change that failed."""
        said = f"{why}; {self._name(seen.runs)} runs instead."
        return self._write(Selection(runs=seen.runs, next=seen.runs, before=seen.before, failed=said))

    def _leave(self, seen: Selection, why: str) -> Selection:
        """Change from a version that is damaged to the one before, or to the installed one."""
        back = seen.before if seen.before is not None and not self.fault(seen.before) else INSTALLED
        said = f"{seen.failed} {why}; {self._name(back)} runs instead.".strip()
        return self._write(Selection(runs=seen.runs, next=back, failed=said))

    def _is_older(self, number: int) -> bool:
        """Whether this version cannot be expected to read the database as it is; yes where nobody can tell."""
        target, running = self.place(number), self.place(self.selection.runs)
        return target is not None and (running is None or rank(target.version) < rank(running.version))

    def _keep_database(self, number: int) -> None:
        """Copy the database that nobody has open."""
        copy, fresh = self._copy(number), self._copy(number).with_suffix(_NEW)
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        with contextlib.suppress(sqlite3.Error):  # what a killed version left undone is taken back before it is copied
            database = sqlite3.connect(self._state_dir / DATABASE)
            try:
                database.execute("PRAGMA schema_version").fetchone()
            finally:
                database.close()
        for name in (*_FILES, _JOURNAL):
            with contextlib.suppress(FileNotFoundError):
                write_secret(fresh / name, (self._state_dir / name).read_bytes())
        shutil.rmtree(copy, ignore_errors=True)
        fresh.rename(copy)

    def _put_back(self, number: int) -> None:
        """Put a copy in the place of the database, file by file; may be repeated."""
        copy = self._copy(number)
        (self._state_dir / _JOURNAL).unlink(missing_ok=True)  # of the database that goes: it must not meet the other
        for name in (*_FILES, _JOURNAL):
            if (copy / name).is_file():
                write_secret(self._state_dir / name, (copy / name).read_bytes())
            else:
                (self._state_dir / name).unlink(missing_ok=True)

    def _free(self) -> int:
        """Choose the place for a new version: an empty one, else one that neither runs nor ran before."""
        seen, there = self.selection, {one.number for one in self.places()}
        order = sorted(PLACES, key=lambda n: (n == seen.runs, n in there, n == seen.before, n == seen.next, n))
        return order[0]

    def _take_out(self, number: int) -> None:
        old = self._path(number).with_suffix(_OLD)
        shutil.rmtree(old, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            self._path(number).rename(old)
        shutil.rmtree(old, ignore_errors=True)
        shutil.rmtree(self._copy(number), ignore_errors=True)
        seen = self.selection
        if seen.before == number:
            self._write(replace(seen, before=None))

    def _clean(self) -> None:
        """Remove what an install or a copy that was interrupted left."""
        for left in (*self._folder.glob(f"*{_NEW}"), *self._folder.glob(f"*{_OLD}")):
            shutil.rmtree(left, ignore_errors=True)

    def _write(self, selection: Selection) -> Selection:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        write_secret(self._folder / _SELECTION, json.dumps(asdict(selection)).encode())
        return selection

    def _name(self, number: int) -> str:
        place = self.place(number)
        return f"version {place.version} (place {number})" if place else f"the version in place {number}"

    def _path(self, number: int) -> Path:
        return self._folder / str(number)

    def _copy(self, number: int) -> Path:
        return self._folder / f"database-{number}"


def forget_databases(state_dir: Path) -> None:
    """Remove every copy of a database: they hold what a factory reset must lose. Raises OSError."""
    for copy in (state_dir / FOLDER).glob("database-*"):
        shutil.rmtree(copy)
