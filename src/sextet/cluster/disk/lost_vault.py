"""What is left on this peer's disk when its database cannot be used, and the ways back: the primary, a backup, anew.

Never decides by itself, with one exception: where only the system key is lost, and an administrator has the keys of the
cluster renewed on a peer that is well, this peer takes the configuration from there (ForceSystemKeyUpdate).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from sextet.cluster.configuration.history import Version
from sextet.cluster.configuration.revisions import KEY_FILE, MEMORY_FILE, StoreLost
from sextet.cluster.configuration.system_key import KeyFailure, SystemKey
from sextet.cluster.disk import rebuilding, remembrance, restoring
from sextet.cluster.disk.backup import Contents
from sextet.cluster.disk.package import rank
from sextet.cluster.disk.paths import Paths
from sextet.cluster.disk.recovery import Caller, Copy, RecoveryFailed, fetch
from sextet.cluster.disk.remembrance import Remembered
from sextet.model.config import Document
from sextet.model.schema import Problem, Refused

ORDERED_WITHIN_S = 60.0  # so long does an order to renew the keys reach peers that look for it
_UNREADABLE = "what this peer remembered of its cluster is lost as well; restore a backup or purge"


class LostVault:
    """The stored data of a peer whose database or system key is lost; `damage` or `key_trouble` says why."""

    degraded = True

    def __init__(self, paths: Paths, caller: Caller, *, damage: str, key_trouble: str) -> None:
        self.paths = paths
        self.damage, self.key_trouble = damage, key_trouble
        self._caller = caller
        self._remembered = remembrance.read(paths.state_dir / MEMORY_FILE, SystemKey(paths.state_dir / KEY_FILE))

    @property
    def serial(self) -> str:
        return self._remembered.peer_id if self._remembered else ""

    @property
    def others(self) -> tuple[int, ...]:
        """The numbers of the other peers, the primary first."""
        seen = self._remembered
        if seen is None or not seen.membership.key:
            return ()
        numbers = [n for n, name in enumerate(seen.peers, 1) if name and n != seen.number]
        return tuple(sorted(numbers, key=lambda number: number != seen.primary))

    def host(self) -> str:
        """By which name this system goes."""
        system = self._remembered.own.get("system", {}) if self._remembered else {}
        return str(system.get("dns_host_name") or system.get("name") or self._caller.address)

    def why_no_restore(self) -> str:
        return ""  # the others may have removed it or not: it stands alone afterwards

    def document(self) -> Document:
        return {}

    async def check(self) -> str:
        return self.damage

    async def demand_recoverable(self) -> None:
        """Fetch a copy as `recover` does, and change nothing."""
        await self._copy()

    async def recover(self) -> str:
        copy, number = await self._copy()
        kept = await self._take(copy.version)
        return (
            f"The configuration was fetched from peer {number}, {copy.version.stamp}; what was here is kept in {kept}."
        )

    async def renew_key(self) -> str:
        if not self.key_trouble:
            raise Refused(Problem("", "The system key is not what is lost: recover the database, or restore a backup."))
        if self.others:
            try:
                return await self.recover()
            except Refused as refused:
                way = "Run the command on a peer without this alarm; where all show it, the cluster must be recreated"
                raise Refused(Problem("", f"{refused}. {way} (purge, then restore a backup).")) from refused
        try:
            version, lost = await asyncio.to_thread(rebuilding.salvage, self.paths.state_dir)
        except KeyFailure as error:
            raise Refused(Problem("", f"The system key was not renewed: {error}")) from error
        kept = await self._take(version)
        return (
            f"This system has a new system key. {lost} secrets could not be decrypted and are random now: set the "
            f"passwords again. What was here is kept in {kept}."
        )

    async def ordered(self) -> bool:
        """Look whether an administrator has the system keys of the cluster renewed on another peer just now."""
        for number in self.others:
            try:
                copy = await self._fetch(number)
            except RecoveryFailed:
                continue
            if 0 <= copy.key_renewed_s < ORDERED_WITHIN_S:
                return True
        return False

    async def restore(self, contents: Contents, *, user: str, source: str) -> None:
        try:
            await asyncio.to_thread(restoring.rebuild, self.paths, contents, user=user, source=source)
        except (OSError, StoreLost, KeyFailure) as error:
            raise Refused(Problem("", f"Nothing was restored: {error}.")) from error

    async def purge(self) -> Path:
        own = {"system": self._remembered.own.get("system", {})} if self._remembered else {}
        try:
            return await asyncio.to_thread(rebuilding.purge, self.paths.state_dir, own)
        except (OSError, StoreLost, KeyFailure) as error:
            raise Refused(Problem("", f"Nothing was purged: {error}.")) from error

    async def _take(self, version: Version) -> Path:
        if self._remembered is None:
            raise Refused(Problem("", f"Nothing was recovered: {_UNREADABLE}."))
        remembered = replace(self._remembered, highest_term=max(self._remembered.highest_term, version.stamp.term))
        return await self._rebuild(remembered, version)

    async def _rebuild(self, remembered: Remembered, version: Version) -> Path:
        try:
            return await asyncio.to_thread(rebuilding.rebuild, self.paths.state_dir, remembered, version)
        except (OSError, StoreLost, KeyFailure) as error:
            raise Refused(Problem("", f"Nothing was recovered: {error}.")) from error

    async def _copy(self) -> tuple[Copy, int]:
        """Ask the primary; where this was the primary itself, all others, and take the newest."""
        seen = self._remembered
        if seen is None:
            raise Refused(Problem("", f"Nothing was recovered: {_UNREADABLE}."))
        if not self.others:
            raise Refused(
                Problem("", "This peer was in no cluster, so there is nobody to recover from; restore a backup.")
            )
        asked = self.others if seen.primary == seen.number else self.others[:1]
        failures, copies = [], []
        for number in asked:
            try:
                copies.append((await self._fetch(number), number))
            except RecoveryFailed as error:
                failures.append(str(error))
        if not copies:
            raise Refused(Problem("", f"Nothing was recovered: {'; '.join(failures)}."))
        return max(copies, key=lambda one: one[0].version.stamp)

    async def _fetch(self, number: int) -> Copy:
        assert self._remembered is not None
        copy = await fetch(self._caller, self._remembered, number)
        if copy.version.cluster != self._remembered.membership.cluster:
            raise RecoveryFailed(f"peer {number}: it is in another cluster")
        theirs, own = copy.version.software, self._caller.software
        if own and rank(theirs) > rank(own):  # it may have settings that mean nothing here
            why = f"it runs version {theirs}, and this system {own}; install that version on this host first"
            raise RecoveryFailed(f"peer {number}: {why}")
        return copy
