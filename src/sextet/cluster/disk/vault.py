"""What is on a running peer's disk, kept safe: watched, recovered, encrypted again, backed up and restored.

`Vault` is the face that administrators' commands see; `lost_vault.py` is the same for a peer without a database.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from sextet.cluster.configuration.custody import Custody
from sextet.cluster.configuration.editing import Editor
from sextet.cluster.configuration.history import Version
from sextet.cluster.configuration.revisions import MEMORY_FILE, Store, StoreDamaged, StoreLost
from sextet.cluster.configuration.system_key import KeyFailure
from sextet.cluster.disk import rebuilding, remembrance, restoring
from sextet.cluster.disk.backup import Contents
from sextet.cluster.disk.paths import Paths
from sextet.cluster.disk.recovery import NEVER, Copy
from sextet.cluster.disk.remembrance import Remembered
from sextet.cluster.disk.restoring import alone, laid_out
from sextet.cluster.rows.alarms import Alarms
from sextet.engine import Journal
from sextet.model import alarms as types
from sextet.model import config
from sextet.model.config import Document
from sextet.model.schema import Problem, Refused

LOOK_S = 2.0  # at the files: a stat each, and what somebody else touched is read
THOROUGH_S = 300.0  # everything is read again this often: disks forget by themselves as well
DATABASE = "developer.clusterdb.cdb"
RENEW = "system-key"  # of the question between peers


class Vault(Protocol):
    """What administrators can do about the stored data of a peer."""

    paths: Paths

    @property
    def damage(self) -> str:
        """What is wrong with the database, "" while it is sound."""

    @property
    def key_trouble(self) -> str:
        """What is wrong with the system key file, "" while it is well."""

    @property
    def degraded(self) -> bool:
        """Whether this peer runs without a configuration."""

    @property
    def serial(self) -> str:
        """The identity of this peer."""

    def why_no_restore(self) -> str:
        """Say why a backup may not be restored here now, with the way to do it; "" where it may."""

    def document(self) -> Document:
        """The whole configuration, with its secrets; empty where there is none."""

    async def check(self) -> str:
        """Read everything that is stored and compare: "" or what is wrong."""

    async def demand_recoverable(self) -> None:
        """Raise Refused where there is nothing to recover, or nothing to recover from."""

    async def recover(self) -> str:
        """Put a whole database in the place of the damaged one; says what was done. Raises Refused."""

    async def renew_key(self) -> str:
        """Make a new system key, encrypt everything with it, and have the other peers do the same. Raises Refused."""

    async def restore(self, contents: Contents, *, user: str, source: str) -> None:
        """Replace configuration and certificates; in force after a restart. Raises Refused, and changes nothing."""

    async def purge(self) -> Path:
        """Destroy the database; gives where the copy is kept. Raises Refused."""


class RunningVault:
    """The stored data of a peer that runs; `others` asks all other peers a question and gives what became of it."""

    degraded = False

    def __init__(
        self,
        paths: Paths,
        store: Store,
        custody: Custody,
        editor: Editor,
        where: Callable[[], Mapping[str, object]],
        others: Callable[[str, bytes], Awaitable[Mapping[str, str]]],
        alarms: Alarms,
        journal: Journal,
        clock: Callable[[], float],
    ) -> None:
        self.paths = paths
        self._store, self._custody, self._editor = store, custody, editor
        self._where, self._others = where, others
        self._alarms, self._journal, self._clock = alarms, journal, clock
        self._written: Remembered | None = None
        self._renewed_at: float | None = None
        self._ended = False  # purged or restored: what is in memory must not come back to the disk
        self._busy = asyncio.Lock()
        self._writing = threading.Lock()  # of the memory file: somebody may look while the clockwork does

    @property
    def damage(self) -> str:
        return self._store.damage

    @property
    def key_trouble(self) -> str:
        return self._store.key.check()

    @property
    def serial(self) -> str:
        return self._store.peer_id

    async def run(self) -> None:
        """Look again and again."""
        thorough_at = self._clock() + THOROUGH_S
        while True:
            thorough = self._clock() >= thorough_at
            if thorough:
                thorough_at = self._clock() + THOROUGH_S
            await self.look(thorough=thorough)
            await asyncio.sleep(LOOK_S)

    async def look(self, *, thorough: bool = False) -> None:
        """Look once: at the database, at the system key file, and that the memory of this peer is up to date."""
        before = self._store.damage
        damage = await asyncio.to_thread(self._store.check, thorough=thorough)
        if damage and not before:
            self._journal.module(DATABASE, "ERROR", f"The database failed while running: {damage}")
        self._alarms.set(types.DATABASE_FAILURE, "", bool(damage), damage)
        gone = bool(damage and self._custody.membership.cluster) and not self._store.path.exists()
        self._alarms.set(types.FILE_NOT_FOUND, "", gone, f"{self._store.path} was not found." if gone else "")
        trouble = await asyncio.to_thread(self._store.key.check)
        if not damage and not self._ended:
            trouble = await asyncio.to_thread(self._remember) or trouble
        self._alarms.set(types.SYSTEM_KEY_FAILED, "", bool(trouble), trouble)

    def copy(self) -> Copy:
        """Give what a peer that lost its database needs (recovery.py)."""
        renewed = NEVER if self._renewed_at is None else self._clock() - self._renewed_at
        version = replace(self._custody.head, software=self._custody.software)
        return Copy(version=version, key_renewed_s=renewed)

    async def asked_to_renew(self, question: bytes) -> bytes:
        """Renew this peer's system key because an administrator asked for it on another peer."""
        try:
            await self._renew()
        except Refused as refused:
            return str(refused).encode()
        return b""

    def why_no_restore(self) -> str:
        if self.damage:
            return ""  # it cannot leave by itself: what is restored is a new database, of a system that stands alone
        if not any(self._editor.saved.clustering.peers) and not self._custody.membership.cluster:
            return ""
        return (
            "A backup is not restored on a member of a cluster. Remove this peer from the cluster first (clear its "
            "peer list), restore the backup while it stands alone, build a new cluster with it, and add the other "
            "peers one by one; a single damaged peer is better recovered from the primary: `sextet database recover`."
        )

    def document(self) -> Document:
        return self._editor.document

    async def check(self) -> str:
        await self.look(thorough=True)
        return self.damage

    async def demand_recoverable(self) -> None:
        if not self.damage:
            raise Refused(Problem("", "The database is sound; there is nothing to recover."))

    async def recover(self) -> str:
        """Write what is in memory into a new database: nothing is lost but the history."""
        async with self._busy:
            await self.demand_recoverable()
            try:
                remembered, head = self._remembered(), self._custody.head
                aside = await asyncio.to_thread(self._proposals)
                kept = await asyncio.to_thread(rebuilding.rebuild, self.paths.state_dir, remembered, head, aside=aside)
                await asyncio.to_thread(self._store.reopen)
                await self._custody.reopened()
            except (OSError, StoreLost, StoreDamaged, KeyFailure) as error:
                raise Refused(Problem("", f"Nothing was recovered: {error}.")) from error
            self._journal.module(DATABASE, "INFO", f"The database was made anew; the damaged one is kept in {kept}")
        await self.look(thorough=True)
        return (
            f"The database was made anew from what is in force, {self._custody.head.stamp}; "
            f"the damaged one, with the history, is kept in {kept}."
        )

    async def renew_key(self) -> str:
        await self._renew()
        self._renewed_at = self._clock()
        answers = await self._others(RENEW, b"")
        failed = [f"{name}: {said}" for name, said in answers.items() if said]
        done = f"This peer has a new system key; so have {len(answers) - len(failed)} of {len(answers)} other peers."
        return f"{done} Not done: {'; '.join(failed)}" if failed else done

    async def restore(self, contents: Contents, *, user: str, source: str) -> None:
        if why := self.why_no_restore():
            raise Refused(Problem("", why))
        async with self._busy:
            if self.damage:
                await self._rebuilt(contents, user, source)
                return
            put = await asyncio.to_thread(laid_out, self.paths, contents)
            summary = "Backup restored"
            await self._editor.replace(alone(contents.document), user=user, source=source, summary=summary)
            await asyncio.to_thread(put)

    async def _rebuilt(self, contents: Contents, user: str, source: str) -> None:
        self._ended = True
        try:
            await asyncio.to_thread(restoring.rebuild, self.paths, contents, user=user, source=source)
        except (OSError, StoreLost, KeyFailure) as error:
            self._ended = False
            raise Refused(Problem("", f"Nothing was restored: {error}.")) from error
        except Refused:
            self._ended = False
            raise

    async def purge(self) -> Path:
        async with self._busy:
            own = {"system": config.peer_part(self._editor.document).get("system", {})}
            self._ended = True
            try:
                return await asyncio.to_thread(rebuilding.purge, self.paths.state_dir, own)
            except (OSError, StoreLost, KeyFailure) as error:
                self._ended = False
                raise Refused(Problem("", f"Nothing was purged: {error}.")) from error

    async def _renew(self) -> None:
        async with self._busy:
            try:
                await asyncio.to_thread(self._store.renew_key)
            except (KeyFailure, StoreLost, StoreDamaged) as error:
                raise Refused(Problem("", f"The system key was not renewed: {error}")) from error
            self._written = None
            self._journal.event("System Key Updated", Detail=f"a new system key, {self._store.key.current}")
        await self.look()

    def _proposals(self) -> list[Version]:
        """Read what is set aside from the damaged database, as far as it can be: each version has its own checksum."""
        found: list[Version] = []
        for stamp in sorted(self._custody.authority.aside):
            with contextlib.suppress(StoreDamaged, StoreLost):
                kept = self._store.at(stamp)
                found += [kept.version] if kept else []
        return found

    def _remember(self) -> str:
        """Write what recovery needs, when it changed; gives what went wrong."""
        with self._writing, contextlib.suppress(StoreDamaged):
            remembered = self._remembered()
            path = self.paths.state_dir / MEMORY_FILE
            if remembered == self._written and path.exists():
                return ""
            try:
                remembrance.write(path, remembered, self._store.key)
            except OSError as error:
                return f"{path} cannot be written: {error.strerror}."
            except KeyFailure as error:
                return str(error)
            self._written = remembered
        return ""

    def _remembered(self) -> Remembered:
        return Remembered(
            peer_id=self._store.peer_id,
            membership=self._custody.membership,
            pins=dict(self._custody.pins()),
            highest_term=self._custody.head.stamp.term,
            own=self._editor.own,
            **self._where(),  # type: ignore[arg-type]
        )
