"""What must never be broken, at every step, and what must be true when the network is whole again."""

from __future__ import annotations

from collections.abc import Mapping

from sextet.cluster.configuration import primary
from sextet.cluster.configuration.history import Version
from sextet.cluster.wire.link import State
from sextet.model.status import Binding, Registration, Stamp, from_row
from tests.support.simulator.process import Host

CLUSTER = "cluster"


class Broken(AssertionError):
    """A rule does not hold; the text says which, of whom."""


class Checks:
    """Watches every write; `hosts` are looked at after each step in which a configuration moved."""

    def __init__(self, hosts: Mapping[int, Host]) -> None:
        self._hosts = hosts
        self._contents: dict[Stamp, str] = {}
        self._acknowledged: list[tuple[int, Version]] = []
        self._heads: dict[int, Version] = {}
        self._ever: dict[tuple[int, str], set[bytes | None]] = {}
        self._opened: set[tuple[int, str]] = set()
        self._parents: dict[Stamp, Stamp] = {}  # the real descent, to hold against what lineages say
        self._founding: Stamp | None = None
        self._looked = True

    # Called by the processes

    def written(self, number: int, key: str, value: bytes | None) -> None:
        self._ever.setdefault((number, key), set()).add(value)

    def mirrored(self, reader: int, owner: int, key: str, value: bytes | None) -> None:
        if value not in self._ever.get((owner, key), ()):
            raise Broken(f"peer {reader} mirrors a row {key} that peer {owner} never had, or misses one it always had")

    def crashed(self, number: int) -> None:
        for (owner, _), values in self._ever.items():
            if owner == number:
                values.add(None)

    def stored(self, number: int, version: Version) -> None:
        self._looked = False
        opening = (version.stamp.term, version.stamp.author)
        if version.cluster and opening not in self._opened:
            raise Broken(f"peer {number} stores {version.stamp} of a term that no administrator opened")
        if self._founding and version.cluster and not self._descends(version.stamp, self._founding):
            raise Broken(f"peer {number} stores {version.stamp}, which did not grow out of what the cluster began with")
        known = self._contents.setdefault(version.stamp, version.digest)
        if known != version.digest:
            raise Broken(f"peer {number} stores a second content under {version.stamp} of {version.stamp.author}")

    def asked(self, parent: Stamp, version: Version, event: primary.Event) -> None:
        self._parents[version.stamp] = parent
        if isinstance(event, primary.Founded):
            self._founding = version.stamp
        if isinstance(event, primary.Promoted | primary.Founded):
            self._opened.add((version.stamp.term, version.stamp.author))
        if isinstance(event, primary.Edited) and version.stamp.revision != event.base.revision + 1:
            raise Broken(f"{version.stamp} was made from {event.base}, what came between is undone")

    def acknowledged(self, number: int, version: Version) -> None:
        self._looked = False
        self._acknowledged.append((number, version))

    # At every step

    def step(self) -> None:
        if self._looked:
            return
        self._looked = True
        for number, host in self._hosts.items():
            head, before = host.store.head(), self._heads.get(number)
            if before and before.cluster == head.cluster and head.stamp < before.stamp:
                raise Broken(f"peer {number} went back from {before.stamp} to {head.stamp}")
            self._heads[number] = head
        for number, version in self._acknowledged:
            self._is_kept(number, version)

    def _is_kept(self, number: int, version: Version) -> None:
        store = self._hosts[number].store
        head, kept = store.head(), store.at(version.stamp)
        if kept is None or kept.version != version:
            raise Broken(f"peer {number} acknowledged {version.stamp} and has it no more")
        if not self._descends(head.stamp, version.stamp) and not kept.aside:
            raise Broken(f"peer {number} acknowledged {version.stamp}, went on with {head.stamp}, and does not list it")

    def _descends(self, stamp: Stamp, ancestor: Stamp) -> bool:
        step: Stamp | None = stamp
        while step is not None and step != ancestor:
            step = self._parents.get(step)
        return step == ancestor

    def hears(self, reader: int, owner: int) -> None:
        """A way was cut for so long that the reader must have noticed."""
        process = self._hosts[reader].process
        if process and process.feeds[owner].link.state is State.LIVE:
            raise Broken(f"peer {reader} believes to hear peer {owner}, from where nothing comes")

    # When all is whole again

    def converged(self) -> None:
        heads = [host.store.head() for host in self._hosts.values()]
        truth = max((head for head in heads if head.cluster == CLUSTER), key=lambda version: version.stamp)
        for number, host in self._hosts.items():
            process = host.process
            assert process is not None
            if host.store.head() != truth or process.applied != truth or process.authority.newest != truth:
                raise Broken(f"peer {number} holds {host.store.head().stamp}, the truth is {truth.stamp}")
            if process.authority.aside != frozenset(s for s, aside in host.store.held().items() if aside):
                raise Broken(f"peer {number} lists other proposals than it stores")
            if any(self._descends(truth.stamp, stamp) for stamp in process.authority.aside):
                raise Broken(f"peer {number} lists as a proposal what is in the truth")
            if process.alarms.rows():
                raise Broken(f"peer {number} still raises {list(process.alarms.rows())}")
        for number, version in self._acknowledged:
            kept = self._hosts[number].store.at(version.stamp)
            if not self._descends(truth.stamp, version.stamp) and not (kept and kept.aside):
                raise Broken(f"{version.stamp}, acknowledged by peer {number}, is lost")
        self._mirrors_are_equal()
        self._nobody_is_a_ghost()

    def _mirrors_are_equal(self) -> None:
        for number, host in self._hosts.items():
            assert host.process
            for other, feed in host.process.feeds.items():
                owner = self._hosts[other].process
                assert owner
                if dict(feed.mirror.rows) != owner.rows or feed.mirror.stale:
                    different = dict(feed.mirror.rows).items() ^ owner.rows.items()
                    what = sorted({key for key, _ in different}) or "nothing but a mark"
                    raise Broken(f"peer {number} mirrors peer {other} wrongly: {what}; {feed.link.state}")

    def _nobody_is_a_ghost(self) -> None:
        homes: dict[tuple[str, str], list[int]] = {}
        for number, host in self._hosts.items():
            assert host.process
            rows = {k[4:]: from_row(Registration, v) for k, v in host.process.rows.items() if k.startswith("reg.")}
            carried = host.engine.picture()
            if {alias: _devices(row.bindings) for alias, row in rows.items()} != {
                alias: _devices(bindings) for alias, bindings in carried.items()
            }:
                raise Broken(f"peer {number} shows registrations that its engine does not carry, or the reverse")
            calls = {key[5:] for key in host.process.rows if key.startswith("call.")}
            if calls != {call.serial for call in host.engine.calls.values()}:
                raise Broken(f"peer {number} shows calls that its engine does not carry, or the reverse")
            for alias, bindings in carried.items():
                for binding in bindings:
                    homes.setdefault((alias, binding.device), []).append(number)
        for (alias, device), numbers in homes.items():
            if len(numbers) > 1:
                raise Broken(f"device {device} of {alias} is on peers {numbers}")
        self._engines_know(homes)

    def _engines_know(self, homes: Mapping[tuple[str, str], list[int]]) -> None:
        for number, host in self._hosts.items():
            truth: dict[str, set[int]] = {}
            for (alias, _), (home,) in homes.items():
                if home != number:
                    truth.setdefault(alias, set()).add(home)
            if {alias: set(owners) for alias, owners in host.engine.located.items()} != truth:
                raise Broken(f"the engine of peer {number} locates {host.engine.located}, the truth is {truth}")

    def devices_are_at(self, homes: Mapping[tuple[str, str], int]) -> None:
        """After everybody refreshed: each device is where it says it is."""
        for (alias, device), home in homes.items():
            found = [n for n, host in self._hosts.items() if device in host.engine.bindings.get(alias, {})]
            if found != [home]:
                raise Broken(f"device {device} of {alias} is at peer {home}, engines {found} have it")


def _devices(bindings: list[Binding] | tuple[Binding, ...]) -> set[str]:
    return {binding.device for binding in bindings}
