"""A new database in the place of a damaged one: built whole beside it, put in its place, the damaged one kept aside."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import sqlite3
import uuid
import zlib
from collections.abc import Sequence
from pathlib import Path

from sextet.cluster.configuration.history import GENESIS, Version, opening
from sextet.cluster.configuration.revisions import KEY_FILE, MEMORY_FILE, Membership, Store
from sextet.cluster.configuration.soundness import EXPANDED_MAX, fault_of
from sextet.cluster.configuration.system_key import KeyFailure, SystemKey
from sextet.cluster.disk.remembrance import Remembered
from sextet.model import config
from sextet.model.config import Document
from sextet.model.secrets import replaced
from sextet.model.sections import Root

DATABASE = "config.db"
ASIDE = "set-aside"  # folder of what was replaced
ASIDE_MAX = 5  # copies; older ones are removed
_FRESH, _READY = "new", "ready"  # one that is being made; one that is whole, and about to be put in its place


def rebuild(
    state_dir: Path,
    remembered: Remembered,
    version: Version,
    *,
    aside: Sequence[Version] = (),
    new_key: bool = False,
) -> Path:
    """Make a database of what is remembered and of whole versions; gives where the damaged one is kept.

    The versions `aside` are listed as proposals again.
    Raises OSError, StoreLost and KeyFailure; the damaged database stays in its place then.
    """
    fresh = state_dir / _FRESH
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if not new_key and (state_dir / KEY_FILE).exists():
        shutil.copy2(state_dir / KEY_FILE, fresh / KEY_FILE)
    key = SystemKey(fresh / KEY_FILE)
    if key.trouble or not key.current:
        key.renew()
    store = Store(fresh / DATABASE)
    try:
        store.take_over(
            peer_id=remembered.peer_id,
            membership=remembered.membership,
            pins=remembered.pins,
            highest_term=remembered.highest_term,
            own=remembered.own,
        )
        for proposal in aside:
            store.add(proposal, frozenset())
        store.add(version, frozenset(proposal.stamp for proposal in aside))
    finally:
        store.close()
    shutil.rmtree(state_dir / _READY, ignore_errors=True)
    fresh.rename(state_dir / _READY)
    _sync(state_dir)
    try:
        kept = finish(state_dir)
    except OSError:
        if (state_dir / DATABASE).exists():
            shutil.rmtree(state_dir / _READY, ignore_errors=True)
        raise
    assert kept is not None
    return kept


def finish(state_dir: Path) -> Path | None:
    """Put a new database that is whole in its place; gives where the old one is kept, None where none was replaced.

    At a start this ends what was cut off: between two files there was no database at all. Raises OSError.
    """
    ready, kept = state_dir / _READY, None
    if (ready / KEY_FILE).exists():
        kept = set_aside(state_dir)
        (ready / KEY_FILE).replace(state_dir / KEY_FILE)
    if (ready / DATABASE).exists():
        (ready / DATABASE).replace(state_dir / DATABASE)
        _sync(state_dir)
    shutil.rmtree(ready, ignore_errors=True)
    return kept


def set_aside(state_dir: Path) -> Path:
    """Move the database into a folder of its own, with the key that opens it. Raises OSError."""
    folder = state_dir / ASIDE
    folder.mkdir(mode=0o700, exist_ok=True)
    there = sorted(path for path in folder.iterdir() if path.is_dir() and path.name.isdigit())
    place = folder / f"{int(there[-1].name) + 1 if there else 1:04d}"
    place.mkdir(mode=0o700)
    for name in (KEY_FILE, MEMORY_FILE):
        with contextlib.suppress(FileNotFoundError):
            shutil.copy2(state_dir / name, place / name)
    for path in (state_dir / f"{DATABASE}-journal", state_dir / DATABASE):
        with contextlib.suppress(FileNotFoundError):
            path.replace(place / path.name)
    for old in there[: max(0, len(there) + 1 - ASIDE_MAX)]:
        shutil.rmtree(old, ignore_errors=True)
    return place


def purge(state_dir: Path, own: Document) -> Path:
    """Begin anew with nothing but these † settings, in no cluster; gives where everything else is kept.

    Raises OSError, StoreLost and KeyFailure.
    """
    nobody = Remembered(
        peer_id=str(uuid.uuid4()), membership=Membership(), pins={}, highest_term=0, own=own or {"system": {}}
    )
    made = {"user": "sextetd", "source": "purge", "summary": "Factory settings"}
    document = config.shared_part(config.to_document(Root()))
    # A first version, so that the configuration for first starts is not loaded: it may name the cluster that was left.
    first = opening(GENESIS, document, cluster="", term=1, author=nobody.peer_id, **made)
    kept = rebuild(state_dir, nobody, first, new_key=True)
    with contextlib.suppress(FileNotFoundError):
        (state_dir / MEMORY_FILE).unlink()
    return kept


def salvage(state_dir: Path) -> tuple[Version, int]:
    """Read the newest version of a sound database whose secrets no key opens; they become random ones.

    Gives the version and the number of secrets that were lost. Raises KeyFailure where there is nothing to read.
    """
    database = sqlite3.connect(f"file:{state_dir / DATABASE}?mode=ro", uri=True, isolation_level=None)
    try:
        if fault := fault_of(database):
            raise KeyFailure(f"The database is damaged too: {fault}.")
        row = database.execute("SELECT body FROM versions ORDER BY place DESC LIMIT 1").fetchone()
        term = database.execute("SELECT max(term) FROM versions").fetchone()[0] or 0
        me = database.execute("SELECT value FROM meta WHERE name = 'peer_id'").fetchone()[0]
        document = json.loads(zlib.decompressobj().decompress(row[0], EXPANDED_MAX))["document"] if row else {}
    except (sqlite3.Error, ValueError, KeyError, TypeError) as error:
        raise KeyFailure(f"The database cannot be read either: {error}.") from error
    finally:
        database.close()
    lost: list[str] = []

    def randomly(path: str, value: str) -> str:
        lost.append(path)
        return secrets.token_urlsafe(24)  # nobody knows it, so that nobody gets in by it

    made = {"user": "sextetd", "source": "system key", "summary": "Secrets that could not be decrypted were replaced"}
    whole = replaced(document, randomly)
    return opening(GENESIS, whole, cluster="", term=term + 1, author=me, **made), len(lost)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
