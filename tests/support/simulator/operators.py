"""The administrators of a day: they type lists, choose primaries, change settings, and repair with the usual means."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from sextet.cluster.configuration.revisions import StoreDamaged, StoreLost
from sextet.cluster.disk.backup import Contents
from sextet.cluster.face import Moved, NoPrimary
from sextet.model.config import Change
from sextet.model.schema import Refused
from sextet.model.settings.clustering import PEERS_MAX
from tests.support.simulator.checks import Checks
from tests.support.simulator.host import Host, World

WHO = {"user": "operator", "source": "simulator"}
REPAIR_S = 1.0  # how often an administrator looks whether something is left to repair


class Operators:
    """`plan` is what the cluster is meant to be: its members in the order of the list, and its primary."""

    def __init__(self, world: World, checks: Checks, tell: Callable[[str], None]) -> None:
        self._world, self._checks, self.tell = world, checks, tell
        self._dice = world.dice
        self.plan = [1]
        self.primary = 1
        self._edits = 0
        self._busy: set[int] = set()  # peers on which an administrator waits for an answer

    @property
    def addresses(self) -> list[str]:
        """The list as it should be."""
        return [self._world.hosts[number].name for number in self.plan]

    def list_of(self, host: Host) -> tuple[str, ...]:
        """The list that is saved on a peer."""
        assert host.process
        return host.process.peer.saved.clustering.peers

    def is_alone(self, host: Host) -> bool:
        return self.running(host) and not any(self.list_of(host)) and not host.store.membership().cluster

    def running(self, host: Host) -> bool:
        return host.process is not None and host.process.started and not host.process.restarting

    # What they do

    def type_list(self, host: Host, *, without: int = 0, primary: int = 0) -> None:
        """Enter the list and the primary, as they are meant to be, on one peer; `without` one, to enter it later."""
        left = [number for number in self.plan if number != without]
        before = self._named_on(host)  # to change the primary is a step of its own
        primary = primary or (before if before in left else self.primary)
        addresses = [*[self._world.hosts[number].name for number in left], *[""] * PEERS_MAX][:PEERS_MAX]
        changes = [Change("set", f"clustering.peer_{n}_address", a) for n, a in enumerate(addresses, 1)]
        changes.append(Change("set", "clustering.configuration_primary", left.index(primary) + 1))
        self._name(host, changes, f"the list {left}, primary {primary}", primary)

    def _named_on(self, host: Host) -> int:
        """Which peer is the primary by what is saved on this one; 0 where it is none."""
        if not self.running(host):
            return 0
        assert host.process
        saved = host.process.peer.saved.clustering
        names = [*saved.peers, *[""] * PEERS_MAX]
        return next(
            (h.number for h in self._world.hosts.values() if h.name == names[saved.configuration_primary - 1]), 0
        )

    def clear_list(self, host: Host) -> None:
        """Take a peer out of its cluster: at its next restart it is reset."""
        changes = [Change("set", f"clustering.peer_{n}_address", "") for n in range(1, PEERS_MAX + 1)]
        self._name(host, changes, "clears its list", 0)

    def name_primary(self, host: Host, number: int) -> None:
        """Choose the primary on one peer, by its place in the list there."""
        name = self._world.hosts[number].name
        if self.running(host) and name in self.list_of(host):
            place = self.list_of(host).index(name) + 1
            changes = [Change("set", "clustering.configuration_primary", place)]
            self._name(host, changes, f"names peer {number} as the primary", number)

    def _name(self, host: Host, changes: list[Change], what: str, primary: int) -> None:
        if host.number == primary:
            self._checks.named(host)
        if self.running(host) and len(changes) > 1:
            self._checks.list_saved(host)
        self.change(host, changes, what)

    def edit(self, host: Host) -> None:
        """Add something that can be found again."""
        self._edits += 1
        name = f"edit{self._edits}.peer{host.number}"
        change = Change("add", "domains", {"name": name})
        self.change(host, [change], name, lambda: self._checks.acknowledged(name))

    def change(self, host: Host, changes: list[Change], what: str, done: Callable[[], None] | None = None) -> None:
        self.do(host, lambda peer: peer.change(changes, **WHO), what, done)

    def do(
        self,
        host: Host,
        work: Callable[[Any], Coroutine[Any, Any, Any]],
        what: str,
        done: Callable[[], None] | None = None,
        refused: Callable[[Exception], None] | None = None,
    ) -> None:
        """Ask a peer for something; `done` when it says so, nothing when it dies before."""
        if not self.running(host):
            return
        assert host.process
        process = host.process
        self.tell(f"peer {host.number}: {what}")

        def ended(task: asyncio.Task[Any]) -> None:
            if host.process is not process or task.cancelled():
                return
            error = task.exception()
            if error is None:
                self.tell(f"peer {host.number}: {what}: done")
                if done:
                    done()
            elif isinstance(error, Refused | Moved | NoPrimary | StoreLost | StoreDamaged):
                self.tell(f"  refused: {error}")
                if refused:
                    refused(error)
            else:
                self._world.loop.call_exception_handler({"exception": error})

        self._world.loop.start(process.life, work(process.peer)).add_done_callback(ended)

    def restart(self, host: Host) -> None:
        self.do(host, lambda peer: peer.restart(**WHO), "restarts")

    def force(self, host: Host) -> None:
        """ForceConfigUpdate: what is held there gives way to what the primary has."""
        store = host.store
        self._checks.forcing(store, True)
        ended = lambda *_: self._checks.forcing(store, False)
        self.do(host, lambda peer: peer.lifecycle.force_update(), "ForceConfigUpdate", ended, ended)

    def restore(self, host: Host) -> None:
        """Restore a backup, which a member of a cluster must refuse.

        One whose database is damaged may: it becomes a new system (tests/guide/test_database_failure.py).
        """
        if not self.running(host) or host.store.damage:
            return
        assert host.process
        member = any(self.list_of(host)) or bool(host.store.membership().cluster)
        document = {**host.process.peer.vault.document(), "domains": []}
        contents = Contents(document=document, certificate="", private_key="", trusted="")
        head, store = host.store.head(), host.store
        self._checks.forcing(store, not member)

        def restored() -> None:
            self._checks.forcing(store, False)
            if member:
                self._checks.must_refuse(f"peer {host.number} restores a backup although it is in a cluster")

        def refused(error: Exception) -> None:
            self._checks.forcing(store, False)
            if member and host.store.head() != head and not isinstance(error, Refused):
                self._checks.must_refuse(f"peer {host.number} refuses a backup, and changes its configuration")

        self.do(host, lambda peer: peer.vault.restore(contents, **WHO), "restores a backup", restored, refused)

    def recover(self, host: Host) -> None:
        """Have a damaged database made whole: from memory where the peer runs, else from the primary."""
        if not host.store.damage:
            return
        if self.running(host):
            self.do(host, lambda peer: peer.vault.recover(), "recovers its database")
        elif host.process is None:
            self.tell(f"peer {host.number} recovers its database from the others")
            host.recover(self.tell, calm=self._world.network.calm)

    # How they repair

    def repair(self) -> None:
        """Look at every peer, and do what its page or the manual says."""
        for host in self._world.hosts.values():
            self._repair(host)
        self._world.loop.later(REPAIR_S, self.repair)

    def _repair(self, host: Host) -> None:
        if host.store.damage:
            self.recover(host)
        elif host.process is None:
            host.start()
        elif self.running(host) and host.number not in self.plan:
            self._see_off(host)
        elif self.running(host):
            self._settle(host)

    def _see_off(self, host: Host) -> None:
        """A peer that is in the cluster no more: its list is cleared, and the restart resets it."""
        assert host.process
        if any(host.process.peer.saved.clustering.peers):
            self.clear_list(host)
        elif host.process.peer.lifecycle.armed or host.process.peer.status().restart_reasons:
            self.restart(host)

    def _settle(self, host: Host) -> None:
        assert host.process
        peer, saved = host.process.peer, host.process.peer.saved.clustering
        if list(saved.peers) != self.addresses:
            self.type_list(host)
        elif saved.configuration_primary != self.plan.index(self.primary) + 1:
            self.name_primary(host, self.primary)
        elif peer.status().restart_reasons:
            self.restart(host)
        elif host.number == self.primary and not peer.status().writable:
            self.name_primary(host, host.number)
        elif host.number != self.primary:
            self._admit(host)

    def _admit(self, host: Host) -> None:
        """Help a peer that has not the key of the primary's cluster: its page says what to do."""
        assert host.process
        primary = self._world.hosts[self.primary]
        cluster, its = primary.store.membership().cluster, host.store.membership().cluster
        if its == cluster or not self.running(primary):
            return
        if its:
            self.clear_list(host)  # and the next look restarts it, types its list again, and it is new
            return
        cause = " ".join(member.cause for member in host.process.peer.status().members)
        if "enrolled before" in cause:
            self.type_list(primary, without=host.number)
        elif "enrolment is closed" in cause:
            self.type_list(host)
            self.type_list(primary)
