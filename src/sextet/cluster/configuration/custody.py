"""The shared configuration of this peer, on disk and shown to the others: carries out what the authority decides."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from sextet.cluster.configuration import primary
from sextet.cluster.configuration.history import Version, to_row
from sextet.cluster.configuration.primary import Authority, Effect, Event
from sextet.cluster.configuration.revisions import Membership, Store, StoreDamaged, StoreLost
from sextet.cluster.face import Moved
from sextet.engine import Journal
from sextet.model.config import Document
from sextet.model.status import Stamp

ROW = "config"  # the key of the row that shows the newest version held
REST_S = 2.0  # storing takes milliseconds; a person waits no longer than this for a disk
MODULE = "developer.replication"  # as in the guide's log lines


class Follower(Protocol):
    """Who is told when the configuration of this peer became another one."""

    def show(self, key: str, value: bytes) -> None: ...

    def apply(self, version: Version) -> None: ...


class Custody:
    """Runs one authority on one store; every answer that it gives is on disk."""

    def __init__(self, store: Store, journal: Journal, clock: Callable[[], float], software: str = "") -> None:
        self._store = store
        self.software = software  # the version of sextet that runs here
        self._journal = journal
        self._clock = clock
        self._follower: Follower | None = None
        self._editing = asyncio.Lock()
        self._rested = asyncio.Condition()
        self._membership = store.membership()
        self._pins = store.pins()
        self._counted: tuple[frozenset[Stamp], str, int] = frozenset(), "", 0  # of which stamps in which cluster
        self.authority = Authority(
            store.peer_id,
            cluster=self._membership.cluster,
            head=store.head(),
            held=store.held(),
            highest_term=store.highest_term(),
        )

    @property
    def membership(self) -> Membership:
        return self._membership

    @property
    def head(self) -> Version:
        return self.authority.head

    async def start(self, follower: Follower) -> None:
        """Show and apply what is held; from now on the follower is told."""
        self._follower = follower
        await self._carry_out(self.authority.start())

    async def receive(self, event: Event) -> None:
        """Take one event and carry out what follows; raises Refused, Moved or NoPrimary for what a person asked for."""
        await self._carry_out(self.authority.receive(event, self._clock()))

    async def tick(self) -> None:
        await self._carry_out(self.authority.tick(self._clock()))

    async def edit(
        self, make: Callable[[Document], Document], *, expected: Stamp | None, user: str, source: str, summary: str
    ) -> Version:
        """Store what `make` makes of the document held; edits wait for each other, so each is made from the newest.

        Raises Moved when `expected` is not the newest stamp, NoPrimary, Refused, and StoreLost when the disk fails.
        """
        async with self._editing:
            await self._rest()
            base = self.head
            if expected is not None and expected != base.stamp:
                who = base.user or "nobody"
                raise Moved(f"The configuration is now {base.stamp}, changed by {who} since {expected} was read.")
            document = make(base.document)
            edited = primary.Edited(base=base.stamp, document=document, user=user, source=source, summary=summary)
            return await self._ask(edited)

    async def ask(self, event: Event) -> Version:
        """Do what an administrator asks of the whole configuration (promote); raises like edit."""
        async with self._editing:
            await self._rest()
            return await self._ask(event)

    async def found(self, membership: Membership, *, user: str, source: str) -> None:
        """Become the first peer of a new cluster; its key and its first version are stored as one."""
        async with self._editing:
            await self._rest()
            self._membership = membership
            try:
                await self._ask(primary.Founded(cluster=membership.cluster, user=user, source=source))
            except BaseException:
                self._membership = await asyncio.to_thread(self._store.membership)
                raise

    async def join(self, membership: Membership) -> None:
        """Belong to a cluster whose key was handed over; its configuration comes with the first rows."""
        await asyncio.to_thread(self._store.join, membership)
        self._membership = membership
        await self.receive(primary.Joined(membership.cluster))

    async def unfound(self) -> None:
        """Give up a cluster that this peer founded alone, to be enrolled in another; the configuration stays."""
        await self.join(Membership())

    async def edits_set_aside(self) -> int:
        """Count the versions of this cluster that it went on without; what a newcomer brought along is no conflict."""
        stamps, cluster = self.authority.aside, self._membership.cluster
        if (stamps, cluster) != self._counted[:2]:
            kept = [await asyncio.to_thread(self._store.at, stamp) for stamp in sorted(stamps)]
            mine = [one for one in kept if one and cluster and one.version.cluster == cluster]
            self._counted = stamps, cluster, len(mine)
        return self._counted[2]

    def row_of(self, version: Version) -> bytes:
        """Write a version as this peer shows it to others."""
        return to_row(replace(version, software=self.software))

    def pins(self) -> Mapping[str, str]:
        """The certificate fingerprints to which peers are bound, by address as configured."""
        return self._pins

    async def pin(self, peer: str, fingerprint: str) -> None:
        """Bind a peer to a certificate."""
        await asyncio.to_thread(self._store.pin, peer, fingerprint)
        self._pins[peer] = fingerprint

    async def keep_pins(self, peers: frozenset[str]) -> None:
        """Forget the certificates of peers that are no members any more."""
        for peer in sorted(self._pins.keys() - peers):
            await self.unpin(peer)

    async def unpin(self, peer: str) -> None:
        """Let who is at this address be bound to another certificate."""
        await asyncio.to_thread(self._store.unpin, peer)
        self._pins.pop(peer, None)

    async def dismiss(self, stamp: Stamp) -> None:
        """List a version that was set aside no more."""
        await asyncio.to_thread(self._store.dismiss, stamp)
        await self.receive(primary.Dismissed(stamp))

    async def reopened(self) -> None:
        """A new database is in the place of a damaged one: list no proposal that it does not hold."""
        held = await asyncio.to_thread(self._store.held)
        for stamp in sorted(self.authority.aside - held.keys()):
            await self.receive(primary.Dismissed(stamp))

    @property
    def is_primary(self) -> bool:
        return self.authority.state is primary.State.PRIMARY

    def demand_forceable(self, version: Version) -> None:
        """Raise Refused for a version that cannot be held instead of what is held."""
        self.authority.demand_forceable(version)

    async def force(self, version: Version) -> tuple[Stamp, ...]:
        """Hold this version instead of what is held; gives the edits that are no conflict any more.

        Raises like edit. Everything stays in the history.
        """
        async with self._editing:
            await self._rest()
            await self._ask(primary.Forced(version))
            aside = tuple(sorted(self.authority.aside))
            for stamp in aside:
                await self.dismiss(stamp)
            return aside

    async def _ask(self, event: Event) -> Version:
        effects = self.authority.receive(event, self._clock())
        made = next((effect.version for effect in effects if isinstance(effect, primary.Store)), self.head)
        for failure in await self._carry_out(effects):
            if failure.stamp == made.stamp:  # another one may be of a version that only came meanwhile
                raise StoreLost(failure.cause)
        return made

    async def _rest(self) -> None:
        """Wait until nothing is being stored; on a full disk that may be never, and the authority then says so."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REST_S), self._rested:
                await self._rested.wait_for(lambda: self.authority.newest is self.head)

    async def _carry_out(self, effects: Sequence[Effect]) -> list[primary.NotStored]:
        failures: list[primary.NotStored] = []
        todo = list(effects)
        while todo:
            effect = todo.pop(0)
            if isinstance(effect, primary.Store):
                stored = await self._write(effect)
                failures += [stored] if isinstance(stored, primary.NotStored) else []
                todo += self.authority.receive(stored, self._clock())
                async with self._rested:
                    self._rested.notify_all()
            else:
                await self._tell(effect)
        return failures

    async def _write(self, storing: primary.Store) -> primary.Stored | primary.NotStored:
        stamp = storing.version.stamp
        joining = self._membership if storing.version.cluster == self._membership.cluster else None
        try:
            await asyncio.to_thread(self._store.add, storing.version, storing.aside, joining)
        except (StoreLost, StoreDamaged) as error:
            return primary.NotStored(stamp, str(error))
        return primary.Stored(stamp)

    async def _tell(self, effect: Effect) -> None:
        assert self._follower is not None, "start() comes first"
        match effect:
            case primary.Publish(version):
                self._follower.show(ROW, self.row_of(version))
            case primary.Apply(version):
                self._follower.apply(version)
            case primary.Leave():
                self._membership = Membership()  # at once; where the disk fails, the next start does it again
                await asyncio.to_thread(self._store.join, Membership())
            case primary.SetAside(stamps, truth):
                kept = ", ".join(str(stamp) for stamp in stamps)
                self._journal.module(MODULE, "WARN", f"Edits set aside: {kept}; the cluster went on with {truth}")
            case primary.Report(sentence):
                self._journal.module(MODULE, "WARN", sentence)
