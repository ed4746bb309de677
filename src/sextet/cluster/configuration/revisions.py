"""Where a peer keeps what must survive it, in SQLite: its identity, its membership, the versions of its configuration.

Synchronous, and safe to call from several threads. What returns is on disk; what raises StoreLost changed nothing.
Secrets are encrypted with the system key (system_key.py) before they are written; the file is its owner's only. Every
transaction seals what it leaves (soundness.py), and what is not as it was stored is never served.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from sextet.cluster.configuration import soundness
from sextet.cluster.configuration.history import GENESIS, Version, from_row, to_row
from sextet.cluster.configuration.system_key import KeyFailure, KeyLost, SystemKey
from sextet.model.config import Document, canonical
from sextet.model.status import Stamp

KEPT_MAX = 200  # versions kept besides those set aside: about a year of an active cluster, at most 180 MB
HEADINGS_MAX = 2 * KEPT_MAX  # remembered, 1 kB each
BUSY_S = 5.0  # how long another process (a backup, a curious administrator) may hold the file
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS pins (peer TEXT PRIMARY KEY, fingerprint TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS versions (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    term INTEGER NOT NULL, author TEXT NOT NULL, revision INTEGER NOT NULL, digest TEXT NOT NULL,
    stored_at REAL NOT NULL, body BLOB NOT NULL, UNIQUE (term, author, revision, digest)) STRICT;
CREATE TABLE IF NOT EXISTS aside (place INTEGER PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS own (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    stored_at REAL NOT NULL,
    user TEXT NOT NULL, source TEXT NOT NULL, summary TEXT NOT NULL, body TEXT NOT NULL) STRICT;
"""
KEY_FILE, MEMORY_FILE = "system.key", "recovery.json"  # beside the database
_CLUSTER_KEY = "cluster key"  # the place to which its encryption is bound
_STAMP = "(term, author, revision) = (?, ?, ?)"
_KEPT = "SELECT body, stored_at, place IN (SELECT place FROM aside) FROM versions"


class StoreDamaged(Exception):
    """The file is there but is not a sound database; the text names it, and nothing here touches it."""


class StoreLost(Exception):
    """The disk does not do what it was asked; nothing was half stored and what was there can still be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """Which cluster this peer belongs to, and the key that proves it."""

    cluster: str = ""
    key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One stored version and how it stands here."""

    version: Version
    age_s: float  # since it was stored on this peer
    aside: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnKept:
    """One stored version of the settings that are specific to this peer (†)."""

    document: Document
    age_s: float
    user: str
    source: str
    summary: str


class Store:
    """The database of one peer; raises StoreDamaged where it is not sound and StoreLost where the disk fails.

    `clock` is the wall clock: ages of versions are shown across restarts, and decide nothing.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._lock = threading.Lock()
        self.damage = ""  # what is wrong with the file, once something was found
        self._signature: tuple[int, int, int] = (0, 0, 0)
        self.key = SystemKey(path.with_name(KEY_FILE))
        self._database = self._open()
        self._headings: dict[int, Version] = {}  # by place, which is never given twice
        self.peer_id = self._meta("peer_id") or self._name_me()
        self._settle_key()
        self._signature = self._look()

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def reopen(self) -> None:
        """Use the file that stands in the place of a damaged one now. Raises StoreDamaged, StoreLost."""
        with self._lock:
            self._database.close()
            self.key = SystemKey(self.key.path)
            self._database = self._open()
            self.damage, self._signature = "", self._look()

    def check(self, *, thorough: bool = False) -> str:
        """Look whether the file on disk is what was stored: "" or what is wrong, which then stays until `reopen`.

        Looks at the content when the file was touched by somebody else, or when asked to be thorough.
        """
        with self._lock:
            signature = self._look()
            if self.damage or (signature == self._signature and not thorough):
                return self.damage
            gone = signature[:1] != self._signature[:1]
            fault = "the file was deleted or replaced" if gone else soundness.file_fault(self.path)
            if fault:
                self._damaged(fault)
            self._signature = signature
            return self.damage

    def renew_key(self) -> None:
        """Make a new system key and encrypt every secret with it. Raises KeyFailure, StoreLost and StoreDamaged."""
        self.key.renew()
        self._seal_again()

    def take_over(
        self, *, peer_id: str, membership: Membership, pins: Mapping[str, str], highest_term: int, own: Document
    ) -> None:
        """Become this peer again, in a new and empty database."""
        with self._write("identity"):
            self._set("peer_id", peer_id)
            self._set_membership(membership)
            for peer, fingerprint in pins.items():
                self._run("INSERT OR REPLACE INTO pins VALUES (?, ?)", peer, fingerprint)
            self._set("highest_term", str(highest_term))
        self.peer_id = peer_id
        if own:
            self.put_own(own, user="", source="recovery", summary="Recovered")

    def membership(self) -> Membership:
        try:
            key = self.key.open_value(_CLUSTER_KEY, self._meta("key"))
            return Membership(cluster=self._meta("cluster"), key=bytes.fromhex(key))
        except (KeyLost, ValueError) as error:
            raise self._damaged("the cluster key cannot be read") from error

    def join(self, membership: Membership) -> None:
        """Belong to this cluster from now on, or with an empty membership to none; leaving forgets the pins."""
        with self._write("membership"):
            self._set_membership(membership)

    def pins(self) -> dict[str, str]:
        """List the certificate fingerprints to which peers are bound, by address as configured."""
        with self._read():
            return dict(self._run("SELECT peer, fingerprint FROM pins"))

    def pin(self, peer: str, fingerprint: str) -> None:
        with self._write("certificate fingerprint"):
            self._run("INSERT OR REPLACE INTO pins VALUES (?, ?)", peer, fingerprint)

    def unpin(self, peer: str) -> None:
        with self._write("certificate fingerprint"):
            self._run("DELETE FROM pins WHERE peer = ?", peer)

    def head(self) -> Version:
        """The version stored last."""
        with self._read():
            row = self._run("SELECT body FROM versions ORDER BY place DESC LIMIT 1").fetchone()
        return self._version(row[0]) if row else GENESIS

    def held(self) -> dict[Stamp, bool]:
        """Say of every stored version whether it is set aside."""
        query = "SELECT term, author, revision, place IN (SELECT place FROM aside) FROM versions ORDER BY place"
        with self._read():
            return {Stamp(term, author, revision): bool(aside) for term, author, revision, aside in self._run(query)}

    def highest_term(self) -> int:
        """The highest term that was ever stored, also where its versions are gone since."""
        return int(self._meta("highest_term") or 0)

    def add(self, version: Version, aside: frozenset[Stamp], membership: Membership | None = None) -> None:
        """Make this the head, mark exactly these as set aside, and with a membership join it: all or nothing."""
        stamp, values = version.stamp, _values(version.stamp)
        with self._write(f"configuration {stamp}"):
            self._run(f"DELETE FROM versions WHERE {_STAMP} AND digest = ?", *values, version.digest)
            self._run("DELETE FROM aside")
            # One stamp with two contents comes from a database that was put back: the other content is kept, aside.
            for other in (*aside, stamp):
                self._run(f"INSERT OR IGNORE INTO aside SELECT place FROM versions WHERE {_STAMP}", *_values(other))
            fields = "term, author, revision, digest, stored_at, body"
            row = (*values, version.digest, self._clock(), self._row(version))
            self._run(f"INSERT INTO versions ({fields}) VALUES (?, ?, ?, ?, ?, ?)", *row)
            ordinary = "SELECT place FROM versions WHERE place NOT IN (SELECT place FROM aside)"
            old = f"{ordinary} ORDER BY place DESC LIMIT -1 OFFSET {KEPT_MAX}"
            self._run(f"DELETE FROM versions WHERE place IN ({old})")
            self._set("highest_term", str(max(stamp.term, int(self._get("highest_term") or 0))))
            if membership is not None:
                self._set_membership(membership)

    def history(self, most: int = 50) -> list[Kept]:
        """List what is stored, newest first."""
        with self._read():
            rows = self._run(f"{_KEPT} ORDER BY place DESC LIMIT ?", most).fetchall()
        return [self._kept(row) for row in rows]

    def headings(self, most: int = 50) -> list[Kept]:
        """List what is stored, newest first, without documents: each is read once only, which takes 20 ms and more."""
        query = "SELECT place, stored_at, place IN (SELECT place FROM aside) FROM versions ORDER BY place DESC LIMIT ?"
        with self._read():
            rows = self._run(query, most).fetchall()
        found = [(self._heading(place), at, aside) for place, at, aside in rows]
        return [Kept(version=one, age_s=self._age(at), aside=bool(aside)) for one, at, aside in found if one]

    def at(self, stamp: Stamp) -> Kept | None:
        """Find one version; where a database that was put back left two under one stamp, the one stored last."""
        with self._read():
            row = self._run(f"{_KEPT} WHERE {_STAMP} ORDER BY place DESC LIMIT 1", *_values(stamp)).fetchone()
        return self._kept(row) if row else None

    def before(self, stamp: Stamp) -> Kept | None:
        """Find what was stored before this one and is not set aside."""
        its = f"SELECT max(place) FROM versions WHERE {_STAMP}"
        earlier = f"place < ({its}) AND place NOT IN (SELECT place FROM aside)"
        with self._read():
            row = self._run(f"{_KEPT} WHERE {earlier} ORDER BY place DESC LIMIT 1", *_values(stamp)).fetchone()
        return self._kept(row) if row else None

    def dismiss(self, stamp: Stamp) -> None:
        """List a version that was set aside as a proposal no more; it stays in the history until its time."""
        with self._write(f"configuration {stamp}"):
            self._run(f"DELETE FROM aside WHERE place IN (SELECT place FROM versions WHERE {_STAMP})", *_values(stamp))

    def own(self) -> Document:
        """The settings that are specific to this peer (†), as stored last; empty on the first start."""
        with self._read():
            row = self._run("SELECT body FROM own ORDER BY place DESC LIMIT 1").fetchone()
        return self._document(row[0]) if row else {}

    def put_own(self, document: Document, *, user: str, source: str, summary: str = "") -> None:
        row = (self._clock(), user, source, summary, canonical(self.key.seal(document)).decode())
        old = f"SELECT place FROM own ORDER BY place DESC LIMIT -1 OFFSET {KEPT_MAX}"
        with self._write("configuration of this peer"):
            self._run("INSERT INTO own (stored_at, user, source, summary, body) VALUES (?, ?, ?, ?, ?)", *row)
            self._run(f"DELETE FROM own WHERE place IN ({old})")

    def own_history(self, most: int = 50) -> list[OwnKept]:
        """List what was stored of the † settings, newest first."""
        query = "SELECT body, stored_at, user, source, summary FROM own ORDER BY place DESC LIMIT ?"
        with self._read():
            rows = self._run(query, most).fetchall()
        return [
            OwnKept(document=self._document(body), age_s=self._age(at), user=user, source=source, summary=summary)
            for body, at, user, source, summary in rows
        ]

    def _open(self) -> sqlite3.Connection:
        if not self.path.exists() and self.path.with_name(MEMORY_FILE).exists():
            raise self._damaged("the file is gone")
        try:
            # SQLite gives its journals the mode of the database, so this is the one place where it is set.
            descriptor = os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            os.fchmod(descriptor, 0o600)
            os.close(descriptor)
            _sync_folder(self.path.parent)  # a new file's name is lost with the power unless its folder is written
        except OSError as error:
            raise StoreLost(f"{self.path}: cannot be opened for writing, {error.strerror}") from error
        database = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            fault = soundness.fault_of(database)
            if not fault and self.path.with_name(MEMORY_FILE).exists() and not _has_content(database):
                fault = "it is empty"
            if fault:
                raise sqlite3.DatabaseError(fault)
            # Not WAL: what is acknowledged stands in one file, and a log that is cut off would lose it in silence.
            database.execute("PRAGMA journal_mode = TRUNCATE")
            database.execute("PRAGMA synchronous = FULL")
            database.executescript(_SCHEMA)
        except sqlite3.OperationalError as error:
            database.close()
            raise StoreLost(f"{self.path}: cannot be used, {error}") from error
        except (sqlite3.DatabaseError, ValueError, OverflowError) as error:  # a flipped letter is no text any more
            database.close()
            raise self._damaged(str(error)) from error
        return database

    @contextlib.contextmanager
    def _read(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except sqlite3.OperationalError as error:
                raise StoreLost(f"{self.path}: could not be read, {error}") from error
            except sqlite3.DatabaseError as error:
                raise self._damaged(str(error)) from error

    @contextlib.contextmanager
    def _write(self, what: str) -> Iterator[None]:
        with self._lock:
            if self.damage:
                raise StoreLost(f"{self.damage}; the {what} was not written")
            try:
                self._database.execute("BEGIN IMMEDIATE")
                yield
                soundness.write_seal(self._database)
                self._database.execute(f"PRAGMA user_version = {soundness.SEALED_VERSION}")
                self._database.execute("COMMIT")
                self._signature = self._look()
            except (sqlite3.Error, KeyFailure) as error:
                with contextlib.suppress(sqlite3.Error):  # SQLite has rolled back by itself where the disk is full
                    self._database.execute("ROLLBACK")
                raise StoreLost(f"{self.path}: the {what} could not be written, {error}") from error

    def _name_me(self) -> str:
        name = str(uuid.uuid4())
        with self._write("identity"):
            self._set("peer_id", name)
        return name

    def _set_membership(self, membership: Membership) -> None:
        self._set("cluster", membership.cluster)
        self._set("key", self.key.seal_value(_CLUSTER_KEY, membership.key.hex()) if membership.key else "")
        if not membership.cluster:
            self._run("DELETE FROM pins")

    def _meta(self, name: str) -> str:
        with self._read():
            return self._get(name)

    def _get(self, name: str) -> str:
        row = self._run("SELECT value FROM meta WHERE name = ?", name).fetchone()
        return str(row[0]) if row else ""

    def _set(self, name: str, value: str) -> None:
        self._run("INSERT OR REPLACE INTO meta VALUES (?, ?)", name, value)

    def _run(self, statement: str, *values: object) -> sqlite3.Cursor:
        return self._database.execute(statement, values)

    def _heading(self, place: int) -> Version | None:
        if place not in self._headings:
            with self._read():
                row = self._run("SELECT body FROM versions WHERE place = ?", place).fetchone()
            if row is None:
                return None  # another thread has stored a version, and this one was the oldest
            while len(self._headings) >= HEADINGS_MAX:
                del self._headings[next(iter(self._headings))]
            self._headings[place] = replace(self._version(row[0]), document={}, lineage=())
        return self._headings[place]

    def _kept(self, row: tuple[bytes, float, int]) -> Kept:
        body, stored_at, aside = row
        return Kept(version=self._version(body), age_s=self._age(stored_at), aside=bool(aside))

    def _version(self, body: bytes) -> Version:
        try:
            return from_row(body, self.key.open)
        except (ValueError, KeyLost) as error:
            raise self._damaged("a version of the configuration cannot be read") from error

    def _document(self, body: str) -> Mapping[str, object]:
        try:
            document = json.loads(body)
            assert isinstance(document, dict)
            return self.key.open(document)
        except (ValueError, KeyLost, AssertionError) as error:
            raise self._damaged("the configuration of this peer cannot be read") from error

    def _row(self, version: Version) -> bytes:
        return to_row(replace(version, document=self.key.seal(version.document)))

    def _settle_key(self) -> None:
        """Have everything encrypted with the newest key, whatever was interrupted. Raises KeyLost and StoreLost."""
        used = self._meta("sealed_with")
        if used and used not in self.key.names:
            why = self.key.trouble or f"The system key file {self.key.path} does not hold the key."
            raise KeyLost(f"{self.path}: the encrypted entries cannot be decrypted. {why}")
        try:
            if not self.key.current:
                self.key.renew()
            if used != self.key.current or not self.key.settled:
                self._seal_again()
        except KeyFailure as error:
            raise StoreLost(str(error)) from error

    def _seal_again(self) -> None:
        with self._read():
            versions = self._run("SELECT place, body FROM versions").fetchall()
            documents = self._run("SELECT place, body FROM own").fetchall()
        membership = self.membership()
        with self._write("system key"):
            for place, body in versions:
                self._run("UPDATE versions SET body = ? WHERE place = ?", self._row(self._version(body)), place)
            for place, body in documents:
                text = canonical(self.key.seal(self._document(body))).decode()
                self._run("UPDATE own SET body = ? WHERE place = ?", text, place)
            self._set("key", self.key.seal_value(_CLUSTER_KEY, membership.key.hex()) if membership.key else "")
            self._set("sealed_with", self.key.current)
        self.key.settle()

    def _damaged(self, fault: str) -> StoreDamaged:
        self.damage = self.damage or f"{self.path}: the database is damaged, {' '.join(fault.split())}"
        return StoreDamaged(self.damage)

    def _look(self) -> tuple[int, int, int]:
        """What changes when somebody touches the file."""
        try:
            seen = self.path.stat()
        except OSError:
            return (0, 0, 0)
        return seen.st_ino, seen.st_size, seen.st_mtime_ns

    def _age(self, stored_at: float) -> float:
        return max(0.0, self._clock() - stored_at)


def _has_content(database: sqlite3.Connection) -> bool:
    tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return bool(tables and database.execute("SELECT 1 FROM meta").fetchone())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _values(stamp: Stamp) -> tuple[int, str, int]:
    return stamp.term, stamp.author, stamp.revision
