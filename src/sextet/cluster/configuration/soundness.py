"""Is a database exactly what was written into it? SQLite's own check, and a seal over everything that it cannot see.

SQLite's check finds pages that do not fit together; a flipped letter in a value it does not. So every transaction ends
with a seal over all rows, and the stored versions carry their own check sums (zlib, and the digest of the document).
"""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from pathlib import Path

SEAL = "seal"  # the row of the table meta
SEALED_VERSION = 1  # PRAGMA user_version of a database that has a seal: the format that this version writes
READS_FROM = 0  # the oldest format that this version can take over
EXPANDED_MAX = 24 << 20  # above what a stored version can be (config.DOCUMENT_BYTES_MAX)
_ROWS = (
    "SELECT name, value FROM meta WHERE name != 'seal' ORDER BY name",
    "SELECT peer, fingerprint FROM pins ORDER BY peer",
    "SELECT place FROM aside ORDER BY place",
    "SELECT place, term, author, revision, digest, stored_at, length(body) FROM versions ORDER BY place",
    "SELECT place, stored_at, user, source, summary, body FROM own ORDER BY place",
)


def seal_of(database: sqlite3.Connection) -> str:
    """Summarise all rows."""
    whole = hashlib.sha256()
    for query in _ROWS:
        whole.update(query.encode())
        for row in database.execute(query):
            whole.update(repr(row).encode())
    return whole.hexdigest()


def write_seal(database: sqlite3.Connection) -> None:
    """Seal what this transaction leaves."""
    database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (SEAL, seal_of(database)))


def fault_of(database: sqlite3.Connection) -> str:
    """Look for damage: "" or what is wrong. Raises sqlite3.DatabaseError where it cannot even be read."""
    written = database.execute("PRAGMA user_version").fetchone()[0]
    if written > SEALED_VERSION:
        return f"a newer version of sextet wrote it (format {written}, this one reads up to {SEALED_VERSION})"
    found = str(database.execute("PRAGMA integrity_check(1)").fetchone()[0])
    if found != "ok":
        return found
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables >= {"meta", "pins", "versions", "aside", "own"}:
        return "tables are missing" if tables else ""
    row = database.execute("SELECT value FROM meta WHERE name = ?", (SEAL,)).fetchone()
    promised = written == SEALED_VERSION
    if (row is not None or promised) and (row is None or row[0] != seal_of(database)):
        return "its content is not what was stored"
    for place, body in database.execute("SELECT place, body FROM versions"):
        if not _whole(body):
            return f"stored version {place} is not what was stored"
    return ""


def file_fault(path: Path) -> str:
    """Look for damage on disk, past everything that a running process has in its memory."""
    try:
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5.0, isolation_level=None)
    except sqlite3.Error as error:
        return str(error)
    try:
        database.execute("BEGIN")
        return fault_of(database) or ("" if database.execute("SELECT 1 FROM meta").fetchone() else "it is empty")
    except (sqlite3.Error, ValueError, OverflowError) as error:
        return str(error)
    finally:
        database.close()


def _whole(body: object) -> bool:
    try:
        assert isinstance(body, bytes)
        expander = zlib.decompressobj()
        expander.decompress(body, EXPANDED_MAX)
    except (zlib.error, AssertionError):
        return False
    return expander.eof
