"""Backup, restore, recovery and purge as administrators ask for them: checked, previewed, written to the log.

Works the same on a peer that runs and on one whose database is lost (cluster.vault.Vault).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sextet.admin.actor import Actor
from sextet.call.checked import check
from sextet.cluster.configuration.system_key import write_secret
from sextet.cluster.disk import backup
from sextet.cluster.disk.backup import Contents, Label
from sextet.cluster.disk.restoring import alone
from sextet.cluster.disk.vault import Vault
from sextet.engine import Journal
from sextet.model import config
from sextet.model.config import Difference
from sextet.model.schema import Problem, Refused

BACKUPS_MAX = 10  # kept on the peer; older ones are removed
FOLDER = "backups"
SUFFIX = "_backup.enc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One file that is kept on this peer."""

    name: str
    size_bytes: int
    made: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What restoring a backup would do."""

    label: Label
    differences: tuple[Difference, ...]
    calls: int  # that end
    registrations: int  # that have to come again
    warnings: tuple[str, ...]
    refusal: str  # why it is not restored here now; "" where it may


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the stored data of this peer is."""

    degraded: bool
    database: str
    system_key: str
    sentence: str


class Safekeeping:
    """Everything about stored data that an administrator can do on this peer."""

    def __init__(
        self,
        vault: Vault,
        journal: Journal,
        version: str,
        host: Callable[[], str],
        load: Callable[[], tuple[int, int]],
        restart: Callable[[], None],
        failed: Callable[[str], None],
        clock: Callable[[], datetime],
    ) -> None:
        """Take what it needs of the peer.

        `load` gives calls and registrations, `failed` raises or lowers (with "") the alarm about restoring, `clock` is
        the wall clock: backups are named by date.
        """
        self.vault = vault
        self._journal, self._version, self._host = journal, version, host
        self._load, self._restart, self._failed, self._clock = load, restart, failed, clock
        self._folder = vault.paths.state_dir / FOLDER

    def health(self) -> Health:
        """Say how things are, from what is known already."""
        damage, trouble = self.vault.damage, self.vault.key_trouble
        if self.vault.degraded:
            sentence = f"This peer runs without its configuration: {damage or trouble}"
        else:
            sentence = "; ".join(filter(None, (damage, trouble))) or "Database and system key are well."
        return Health(degraded=self.vault.degraded, database=damage, system_key=trouble, sentence=sentence)

    async def check(self, actor: Actor) -> Health:
        """Read everything that is stored."""
        await self.vault.check()
        return self.health()

    async def demand_recoverable(self) -> None:
        """Raise Refused where the database cannot be recovered."""
        await self.vault.demand_recoverable()

    async def recover(self, actor: Actor) -> str:
        """Put a whole database in the place of the damaged one. Raises Refused."""
        self._journal.event("Database Recovery Started", Detail=self.vault.damage, **actor.audit)
        done = await self.vault.recover()
        self._journal.event("Database Recovery Completed", Detail=done, **actor.audit)
        if self.vault.degraded:
            self._restart()
        return done

    async def renew_key(self, actor: Actor) -> str:
        """Make a new system key. Raises Refused."""
        self._journal.event("System Key Update Started", Detail="ForceSystemKeyUpdate", **actor.audit)
        done = await self.vault.renew_key()
        if self.vault.degraded:
            self._restart()
        return done

    async def purge(self, actor: Actor, typed: str) -> str:
        """Destroy the database, once the system's name was typed out. Raises Refused."""
        if typed != self._host():
            sentence = f"Nothing was destroyed: type the name of this system, {self._host()}, to confirm."
            raise Refused(Problem("system", sentence))
        self._journal.event("Database Purge Started", Detail="clusterdb-destroy-and-purge-data", **actor.audit)
        kept = await self.vault.purge()
        self._journal.event("Database Purge Completed", Detail=f"what was there is kept in {kept}", **actor.audit)
        self._restart()
        return f"The database is destroyed; a copy is kept in {kept}. This peer restarts as a new system."

    def backups(self) -> Sequence[Kept]:
        """List the backups that are kept here, newest first."""
        return kept_in(self._folder, f"*{SUFFIX}")

    async def back_up(self, actor: Actor, passphrase: str) -> Path:
        """Write a backup. Raises Refused."""
        self._journal.event("System backup started", **actor.audit)
        if self.vault.degraded:
            self._journal.event("System backup error", Detail="the database is lost", **actor.audit)
            raise Refused(Problem("", "There is nothing to back up: this peer runs without its configuration."))
        now = self._clock()
        label = Label(
            version=self._version,
            host=self._host(),
            serial=self.vault.serial,
            made=now.strftime("%Y-%m-%d %H:%M:%S %z"),
        )
        name = f"{self._version}_{self.vault.serial[:8]}_{now:%Y%m%d}_{now:%H%M%S}{SUFFIX}"
        try:
            contents = await asyncio.to_thread(self._contents)
            data = await asyncio.to_thread(backup.encrypt, label, contents, passphrase)
            path = await asyncio.to_thread(self._store, name, data)
        except OSError as error:
            self._journal.event("System backup error", Detail=str(error), **actor.audit)
            raise Refused(Problem("", f"No backup was made: {error}.")) from error
        except Refused as refused:
            self._journal.event("System backup error", Detail=str(refused), **actor.audit)
            raise
        self._journal.event("System backup completed", Detail=name, **actor.audit)
        return path

    async def take_in(self, data: bytes) -> str:
        """Keep a backup that was uploaded; gives its name. Raises Refused for what is none."""
        label = backup.label_of(data)
        name = f"uploaded_{label.serial[:8]}_{self._clock():%Y%m%d_%H%M%S}{SUFFIX}"
        if not all(letter.isalnum() or letter in "._-" for letter in name):
            raise Refused(Problem("file", "This is not a backup of sextet; choose another file."))
        try:
            return (await asyncio.to_thread(self._store, name, data)).name
        except OSError as error:
            raise Refused(Problem("file", f"The file could not be kept: {error.strerror}.")) from error

    def find(self, file: str) -> Path:
        """Find a backup by its path, or by its name among those that are kept here. Raises Refused."""
        path = Path(file) if "/" in file else self._folder / file
        if not path.is_file():
            raise Refused(Problem("file", f"There is no file {path} on this peer; `backup list` shows what is kept."))
        return path

    async def preview(self, path: Path, passphrase: str) -> Preview:
        """Decrypt a backup, check it whole, and say what it would change. Raises Refused."""
        label, contents = await self._read(path, passphrase)
        wanted = await asyncio.to_thread(check, alone(contents.document))
        differences = config.differences(self.vault.document(), config.to_document(wanted))
        calls, registrations = self._load()
        warnings = []
        if label.serial != self.vault.serial:
            warnings.append(f"The backup is of another system, {label.host}; its name and addresses come with it.")
        if any(contents.document.get("clustering", {}).get(f"peer_{n}_address") for n in range(1, 7)):
            warnings.append(
                "The backup was made on a member of a cluster. The peer list is not restored: this system stands alone "
                "afterwards, and is added to a cluster as any other."
            )
        refusal = backup.why_another_version(label, self._version) or self.vault.why_no_restore()
        return Preview(
            label=label,
            differences=tuple(differences),
            calls=calls,
            registrations=registrations,
            warnings=tuple(warnings),
            refusal=refusal,
        )

    async def demand_restorable(self, path: Path, passphrase: str) -> Preview:
        """Preview a backup; raises Refused where it could not be restored here."""
        preview = await self.preview(path, passphrase)
        if preview.refusal:
            raise Refused(Problem("", preview.refusal))
        return preview

    async def restore(self, actor: Actor, path: Path, passphrase: str) -> str:
        """Restore a backup and restart. Raises Refused, and the configuration from before is in force."""
        preview = await self.demand_restorable(path, passphrase)
        detail = f"{path.name}, made {preview.label.made} on {preview.label.host}"
        self._journal.event("System restore started", Detail=detail, **actor.audit)
        _, contents = await self._read(path, passphrase)
        try:
            await self.vault.restore(contents, user=actor.user, source=actor.source)
        except Refused as refused:
            self._failed(str(refused))
            self._journal.event("System restore error", Detail=str(refused), **actor.audit)
            raise
        self._failed("")
        self._journal.event("System restore completed", Detail=detail, **actor.audit)
        self._restart()
        return "The backup is restored; this peer restarts now."

    async def _read(self, path: Path, passphrase: str) -> tuple[Label, Contents]:
        try:
            data = await asyncio.to_thread(_bytes_of, path)
        except OSError as error:
            raise Refused(Problem("file", f"{path} cannot be read: {error.strerror}.")) from error
        return await asyncio.to_thread(backup.decrypt, data, passphrase)

    def _contents(self) -> Contents:
        paths = self.vault.paths
        return Contents(
            document=self.vault.document(),
            certificate=paths.certificate.read_text(),
            private_key=paths.private_key.read_text(),
            trusted=paths.trusted.read_text(),
        )

    def _store(self, name: str, data: bytes) -> Path:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        write_secret(self._folder / name, data)
        for old in sorted(self._folder.glob(f"*{SUFFIX}"), key=_age)[:-BACKUPS_MAX]:
            old.unlink(missing_ok=True)
        return self._folder / name


def kept_in(folder: Path, pattern: str) -> Sequence[Kept]:
    """List the files of a folder, newest first."""
    found = []
    for path in sorted(folder.glob(pattern), key=_age, reverse=True):
        with contextlib.suppress(FileNotFoundError):
            seen = path.stat()
            made = datetime.fromtimestamp(seen.st_mtime).astimezone()
            found.append(Kept(name=path.name, size_bytes=seen.st_size, made=f"{made:%Y-%m-%d %H:%M:%S %z}"))
    return found


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _bytes_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(backup.BACKUP_BYTES_MAX + 1)
