"""What must never be broken, at every step, and what must be true when all is well again: each a named claim."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sextet.cluster.configuration.history import Version
from sextet.cluster.trust import certificates
from sextet.cluster.wire.enrolment import WINDOW_S
from sextet.cluster.wire.link import State
from sextet.model import alarms as types
from sextet.model.settings.clustering import Clustering
from sextet.model.status import Binding, Registration, Stamp
from sextet.model.status import from_row as row_from
from tests.support.memory_store import MemoryStore
from tests.support.simulator.host import Host, Process, World
from tests.support.simulator.network import End

CLAIMS = {
    "owner": "A row has one owner, and every mirror shows only what its owner wrote.",
    "stamp": "A stamp has one content, which its author wrote.",
    "back": "What a peer holds of its cluster never becomes older by itself.",
    "kept": "Nothing that was acknowledged is lost: it is in force, or set aside and listed.",
    "term": "A term is opened by an administrator's act and by nothing else: none forks off silently.",
    "removed row": "A peer that was taken off the list gets no row any more.",
    "key": "The cluster key is given by the primary only, to a listed peer, while enrolment is open.",
    "keyless": "Who has not the cluster key gets no data.",
    "left": "Who left the cluster keeps no key of it.",
    "enforce": "Where TLS verification is enforced, a certificate that is not right opens nothing.",
    "restart": "What waits for a restart is not in force before.",
    "listed": "What is in force is not listed as set aside.",
    "stuck": "A link always has something to wait for.",
    "silence": "A cut is noticed in time.",
    "refusal": "What must be refused is refused, and changes nothing.",
    "ours": "No error of our own.",
    "converged": "When the network is whole and all lists agree, all members come to the same configuration in time.",
    "alarms": "When all is well, no alarm is left of what was not.",
    "mirrors": "When all is well, every mirror is equal to what its owner has.",
    "ghosts": "When all is well, rows are what engines carry, a device is at one peer, and every engine knows where.",
}
APPLIED_S = 1.0  # what is saved on a peer is in force on its links within this
STUCK_S = 0.5  # by which a link's timer may be late
LOOK_S = 0.25
USUAL = {types.TLS_PERMISSIVE, types.H323_OFF, types.NO_CLUSTER_NAME}  # of settings that nobody makes here


class Broken(AssertionError):
    """A claim does not hold; the text says which, of whom."""

    def __init__(self, claim: str, what: str) -> None:
        super().__init__(f"[{claim}] {CLAIMS[claim]} But: {what}")
        self.claim = claim


class Checks:
    """Sees every write to a disk and every message; looks around four times a second."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.broken: Broken | None = None
        self.hosts: Mapping[int, Host] = {}
        self._world: World | None = None
        self._contents: dict[tuple[str, Stamp], str] = {}
        self._heads: dict[int, tuple[MemoryStore, Version]] = {}
        self._ever: dict[tuple[str, str], set[bytes | None]] = {}
        self._born: dict[str, tuple[int, MemoryStore]] = {}  # an edit -> where it was stored first
        self._edits: dict[tuple[Stamp, str], frozenset[str]] = {}  # what a version includes
        self._acknowledged: dict[str, None] = {}
        self._acts: dict[str, int] = {}  # peer id -> how often an administrator named it on itself
        self._terms: set[tuple[str, int, str]] = set()
        self._unlisted_since: dict[tuple[int, int], float] = {}
        self._enforces_since: dict[int, float] = {}
        self._parents: dict[Stamp, Stamp] = {}  # the real descent, to hold against what lineages say
        self._modes: dict[int, tuple[object, str, bool]] = {}  # process, TLS mode in force, whether changes wait
        self._alone_since: dict[int, float] = {}
        self._keyless_since: dict[int, float] = {}
        self._lists_saved: dict[int, tuple[object, float, float]] = {}  # by which process, and by both clocks
        self._given: set[tuple[bytes, int]] = set()
        self._members: list[Host] = []
        self._forced: set[int] = set()  # stores whose content an administrator is giving up

    def watch(self, world: World) -> None:
        self._world, self.hosts = world, world.hosts
        self._look()

    def _break(self, claim: str, what: str) -> None:
        self.broken = self.broken or Broken(claim, what)
        raise self.broken

    def step(self) -> None:
        """What was seen amid somebody else's work, who may have caught it."""
        if self.broken:
            raise self.broken

    # What operators say

    def named(self, host: Host) -> None:
        """An administrator names this peer as the primary, on itself."""
        me = host.store.peer_id
        self._acts[me] = self._acts.get(me, 0) + 1

    def list_saved(self, host: Host) -> None:
        """From now on counts what this list says, also where no look came between it and the one before."""
        self._keyless_since.pop(host.number, None)
        for other in self.hosts:
            self._unlisted_since.pop((host.number, other), None)
        self._lists_saved[host.number] = host.process, host.monotonic(), host.wall()

    def acknowledged(self, edit: str) -> None:
        if edit not in self._born:
            self._break("kept", f"{edit} was acknowledged and is stored nowhere")
        self._acknowledged[edit] = None
        self._is_kept(edit)

    def must_refuse(self, what: str) -> None:
        self._break("refusal", what)

    def forcing(self, store: MemoryStore, under_way: bool) -> None:
        """An administrator has a peer give up what the primary has not."""
        if under_way:
            self._forced.add(id(store))
            return
        self._forced.discard(id(store))
        for edit in [edit for edit, (_, born) in self._born.items() if born is store and not self._has(store, edit)]:
            self._acknowledged.pop(edit, None)

    def given_up(self, store: MemoryStore) -> None:
        """An administrator destroys or replaces what this peer has."""
        gone = [edit for edit, (_, born) in self._born.items() if born is store]
        for edit in gone:
            self._acknowledged.pop(edit, None)

    # What disks see

    def stored(self, number: int, store: MemoryStore, version: Version) -> None:
        new = (version.cluster, version.stamp) not in self._contents
        if new and version.stamp.author != store.peer_id:
            self._break("stamp", f"peer {number} writes {version.stamp}, whose author it is not")
        known = self._contents.setdefault((version.cluster, version.stamp), version.digest)
        if known != version.digest:
            self._break("stamp", f"peer {number} stores a second content under {version.stamp}")
        before = self._heads.get(number)
        if version.stamp not in self._parents and before and before[0] is store:
            self._parents[version.stamp] = before[1].stamp
        for edit in self._included(version):
            self._born.setdefault(edit, (number, store))
        term = (version.cluster, version.stamp.term, version.stamp.author)
        if version.cluster and term not in self._terms:
            self._terms.add(term)
            opened = sum(author == version.stamp.author for _, _, author in self._terms)
            if opened > self._acts.get(version.stamp.author, 0):
                self._break("term", f"peer {number} stores {version.stamp}, a term that no administrator opened")
        if before and before[0] is store and before[1].cluster == version.cluster and version.stamp < before[1].stamp:
            self._break("back", f"peer {number} went back from {before[1].stamp} to {version.stamp}")
        self._heads[number] = store, version
        for edit in self._acknowledged:
            if self._born[edit][1] is store:
                self._is_kept(edit)

    def lost_write(self, number: int, store: MemoryStore) -> None:
        """The machine stopped in the middle of a write; what was acknowledged is there all the same."""
        before, head = self._heads.get(number), store.head()
        if before and before[0] is store and before[1].stamp != head.stamp:
            self._unwritten(before[1])
        self._heads[number] = store, head
        for edit in [edit for edit, (_, born) in self._born.items() if born is store and not self._has(store, edit)]:
            if edit in self._acknowledged:
                self._is_kept(edit)
            else:
                del self._born[edit]

    def _unwritten(self, version: Version) -> None:
        """A version that no disk holds was never there: its stamp may be given again."""
        if any(version.stamp in host.store.held() for host in self.hosts.values()):
            return
        self._contents.pop((version.cluster, version.stamp), None)
        self._parents.pop(version.stamp, None)
        term = (version.stamp.term, version.stamp.author)
        held = {(stamp.term, stamp.author) for host in self.hosts.values() for stamp in host.store.held()}
        if term not in held:
            self._terms.discard((version.cluster, *term))

    def _is_kept(self, edit: str) -> None:
        number, store = self._born[edit]
        if id(store) not in self._forced and not self._has(store, edit):
            self._break("kept", f"peer {number} acknowledged {edit}; it is neither in force there nor set aside")

    def _has(self, store: MemoryStore, edit: str) -> bool:
        if edit in self._included(store.head()):
            return True
        return any(kept.aside and edit in self._included(kept.version) for kept in store.everything())

    def _included(self, version: Version) -> frozenset[str]:
        key = version.stamp, version.digest
        if key not in self._edits:
            self._edits[key] = frozenset(domain["name"] for domain in version.document.get("domains", ()))
        return self._edits[key]

    # What wires see

    def written(self, owner: int, key: str, value: bytes | None) -> None:
        if not key.startswith("_"):
            self._ever.setdefault((self.hosts[owner].name, key), set()).add(value)

    def mirrored(self, reader: int, owner: str, key: str, value: bytes | None) -> None:
        if value is not None and value not in self._ever.get((owner, key), ()):
            self._break("owner", f"peer {reader} shows a row {key} of {owner}, who never wrote it")

    def sent(self, end: End) -> None:
        since = self._unlisted_since.get((end.me, end.other))
        process = self.hosts[end.me].process
        late = since is not None and self._now() > since + APPLIED_S
        if late and process and self.hosts[end.other].name not in running(process).peers:
            self._break("removed row", f"peer {end.me} sends rows to peer {end.other}, which is not in its list")
        self._must_be_right(end, "sends rows to")

    def entered(self, end: End) -> None:
        owner, reader = self.hosts[end.me], self.hosts[end.other]
        key, since = _key(owner), self._keyless_since.get(end.me)
        known = key and (key in (_key(reader), reader.store.membership().key) or (key, end.other) in self._given)
        if not known and (key or (since is not None and self._now() > since + APPLIED_S)):
            self._break("keyless", f"peer {end.other} is let in by peer {end.me} without its cluster key")
        self._must_be_right(end, "lets in")

    def reached(self, end: End, verify: bool) -> None:
        self._must_be_right(end, "goes on to")
        owner, reader = self.hosts[end.other], self.hosts[end.me]
        if _key(reader) and _key(owner) and _key(reader) != _key(owner):
            self._break("keyless", f"peer {end.me} reads the rows of peer {end.other}, which has another key")
        if not verify and self._has_enforced(end.other):
            self._break("enforce", f"peer {end.me} did not verify peer {end.other}, which enforces, and is let in")

    def on_the_wire(self, end: End, data: bytes) -> None:
        if b'"type": "Grant"' not in data:
            return
        owner = self.hosts[end.me]
        assert owner.process
        its = running(owner.process)
        self._given.add((_key(owner), end.other))
        since = self._unlisted_since.get((end.me, end.other), self._now())
        if self.hosts[end.other].name not in its.peers and self._now() > since + APPLIED_S:
            self._break("key", f"peer {end.me} gives the key to peer {end.other}, which is not in its list")
        if owner.name in its.peers and its.peers.index(owner.name) + 1 != its.configuration_primary:
            self._break("key", f"peer {end.me} gives the key away and is not the primary")
        saved = self._lists_saved.get(end.me)
        age_s = WINDOW_S + 1
        if saved:  # over a restart only the clock on the wall goes on
            began_s, began_wall_s = owner.process.began
            same = saved[0] is owner.process
            age_s = owner.monotonic() - (saved[1] if same else began_s - (began_wall_s - saved[2]))
        bound = owner.process.peer._custody.pins().get(self.hosts[end.other].name)
        assert end.peer
        if bound not in (None, certificates.fingerprint(end.peer.papers.der)):
            self._break("key", f"peer {end.me} gives the key to another certificate than peer {end.other}'s")
        if age_s > WINDOW_S + APPLIED_S:
            self._break("key", f"peer {end.me} gives the key away {age_s:.0f} s after its list was saved")

    def _must_be_right(self, end: End, what: str) -> None:
        number, other = end.me, end.other
        if not self._has_enforced(number):
            return
        assert end.peer
        papers, name = end.peer.papers, self.hosts[other].name
        if problem := papers.fault or certificates.mismatch(papers.der, name):
            self._break("enforce", f"peer {number} enforces and {what} peer {other}, whose certificate is {problem}")

    def _has_enforced(self, number: int) -> bool:
        since, process = self._enforces_since.get(number), self.hosts[number].process
        enforces = process and running(process).tls_verification_mode == "Enforce"
        return bool(enforces) and since is not None and self._now() > since + APPLIED_S

    # Four times a second

    def _look(self) -> None:
        assert self._world
        for number, host in self.hosts.items():
            if host.process is None or not host.process.started:
                self._enforces_since.pop(number, None)
                for other in self.hosts:
                    self._unlisted_since.pop((number, other), None)
                continue
            its = running(host.process)
            peers = its.peers
            self._mark(self._enforces_since, number, its.tls_verification_mode == "Enforce")
            self._mark(self._keyless_since, number, not _key(host))
            self._given.add((_key(host), number))  # who had it once can prove it
            for other, one in self.hosts.items():
                self._mark(self._unlisted_since, (number, other), one.name not in peers)
            self._mark(self._alone_since, number, not any(peers))
            if self._now() > self._alone_since.get(number, self._now()) + APPLIED_S and _key(host):
                self._break("left", f"peer {number} is in no list of its own and holds a cluster key")
            self._none_is_stuck(host)
            self._waits_for_the_restart(host)
        self._world.loop.later(LOOK_S, self._look)

    def _mark(self, since: dict[Any, float], key: Any, holds: bool) -> None:
        if not holds:
            since.pop(key, None)
        else:
            since.setdefault(key, self._now())

    def _none_is_stuck(self, host: Host) -> None:
        for other, link in links_of(host):
            if link.state is State.DISABLED:
                continue
            due = link.next_timer()
            if due is None and not (link.target and link.target.obstacle):
                self._break(
                    "stuck", f"peer {host.number}'s link to place {other} is {link.state} and waits for nothing"
                )
            if due is not None and self._now() > due + STUCK_S:
                self._break("stuck", f"peer {host.number}'s link to place {other} is {link.state}: nobody woke it")

    def _waits_for_the_restart(self, host: Host) -> None:
        process = host.process
        assert process
        mode, saved = running(process).tls_verification_mode, process.peer.saved.clustering
        waits = saved.changes_take_effect == "At restart"
        before = self._modes.get(host.number)
        if before and before[0] is process and before[2] and waits and mode != before[1]:
            self._break("restart", f"peer {host.number} went from {before[1]} to {mode}, which waits for a restart")
        self._modes[host.number] = process, mode, waits

    def hears(self, reader: int, owner: int) -> None:
        """A way was cut for so long that the reader must have noticed."""
        host = self.hosts[reader]
        for name, link in _by_name(host):
            if name == self.hosts[owner].name and link.state is State.LIVE:
                self._break("silence", f"peer {reader} believes to hear peer {owner}, from where nothing comes")

    # When all is whole again

    def converged(self, plan: Iterable[int], primary: int) -> None:
        members = [self.hosts[number] for number in plan]
        self._members = members
        truth = self.hosts[primary].store.head()
        newest = max((h.store.head() for h in members if h.store.head().cluster == truth.cluster), key=_stamp)
        if truth != newest or not truth.cluster:
            self._break("converged", f"the primary holds {truth.stamp} of {truth.cluster!r}, {newest.stamp} is newer")
        for host in members:
            self._is_member(host, truth, primary)
        for edit in self._acknowledged:
            self._is_kept(edit)
        self._mirrors_are_equal(members)
        self._nobody_is_a_ghost(members)

    def _is_member(self, host: Host, truth: Version, primary: int) -> None:
        process, head = host.process, host.store.head()
        if process is None or not process.started:
            self._break("converged", f"peer {host.number} does not run")
        assert process
        status = process.peer.status()
        if (head.cluster, head.stamp, head.digest) != (truth.cluster, truth.stamp, truth.digest):
            self._break("converged", f"peer {host.number} holds {head.stamp} of {head.cluster!r}: {truth.stamp}")
        if status.in_force != truth.stamp:
            self._break("converged", f"peer {host.number} has {status.in_force} in force, {truth.stamp} is true")
        bad = [f"{m.number}: {m.clustering}, {m.cause}" for m in status.members if not m.clustering_ok]
        if bad or status.database not in ("Active", "Conflict"):
            self._break("converged", f"peer {host.number} says {status.database}; {'; '.join(bad)}")
        if (host.number == primary) != (process.peer._custody.is_primary):
            self._break("converged", f"peer {host.number} is the primary or not, against all lists: {status.why_not}")
        wrongly = [kept.version.stamp for kept in host.store.everything() if kept.aside]
        wrongly = [stamp for stamp in wrongly if self._descends(truth.stamp, stamp)]
        if wrongly:
            self._break("listed", f"peer {host.number} lists {wrongly[0]}, which is in {truth.stamp}")
        raised = {alarm.number: alarm.detail for alarm in process.peer.live.alarms.raised()}
        wrong = {n: d for n, d in raised.items() if n not in {one.number for one in USUAL}}
        if status.database == "Conflict" and host.store.conflicts():
            wrong.pop(types.CONFIGURATION_CONFLICT.number, None)
        if wrong:
            self._break("alarms", f"peer {host.number} still raises {wrong}")

    def _descends(self, stamp: Stamp, ancestor: Stamp) -> bool:
        step: Stamp | None = stamp
        while step is not None and step != ancestor:
            step = self._parents.get(step)
        return step == ancestor

    def _mirrors_are_equal(self, members: list[Host]) -> None:
        by_name = {host.name: host for host in members}
        for host in members:
            assert host.process
            for name, link in host.process.peer._links._links.items():
                owner = by_name.get(host.process.peer._links._others().get(name, ""))
                if owner is None:
                    continue
                assert owner.process
                mine, theirs = dict(link.rows), dict(owner.process.peer._links.own.rows)
                different = {key for key in mine.keys() | theirs.keys() if mine.get(key) != theirs.get(key)} - {"peer"}
                if different or link._mirror.stale:
                    what = sorted(different) or "nothing but a mark"
                    self._break("mirrors", f"peer {host.number} mirrors peer {owner.number} wrongly: {what}")

    def _nobody_is_a_ghost(self, members: list[Host]) -> None:
        homes: dict[tuple[str, str], list[int]] = {}
        addresses: dict[str, set[int]] = {}
        for host in members:
            assert host.process
            own = host.process.peer._links.own.rows
            rows = [row_from(Registration, value) for key, value in own.items() if key.startswith("reg.")]
            carried = host.engine.picture()
            if {row.alias: _devices(row.bindings) for row in rows} != {a: _devices(b) for a, b in carried.items()}:
                self._break("ghosts", f"peer {host.number} shows registrations that its engine has not, or the reverse")
            calls = {key[5:] for key in own if key.startswith("call.")}
            if calls != {call.serial for call in host.engine.calls.values()}:
                self._break("ghosts", f"peer {host.number} shows calls that its engine does not carry, or the reverse")
            for alias, bindings in carried.items():
                for binding in bindings:
                    homes.setdefault((alias, binding.device), []).append(host.number)
                    if ip := binding.received.partition(";")[0].rpartition(":")[0].strip("[]"):
                        addresses.setdefault(ip, set()).add(host.number)
        for (alias, device), numbers in homes.items():
            if len(numbers) > 1:
                self._break("ghosts", f"device {device} of {alias} is on peers {numbers}")
        self._engines_know(members, homes, addresses)

    def _engines_know(
        self, members: list[Host], homes: Mapping[tuple[str, str], list[int]], addresses: Mapping[str, set[int]]
    ) -> None:
        places = {host.number: place for place, host in enumerate(members, 1)}
        for host in members:
            truth: dict[str, set[int]] = {}
            for (alias, _), (home,) in homes.items():
                if home != host.number:
                    truth.setdefault(alias, set()).add(places[home])
            for ip, numbers in addresses.items():  # an address is located as an alias is
                if others := {places[number] for number in numbers - {host.number}}:
                    truth[ip] = others
            if {alias: set(owners) for alias, owners in host.engine.located.items()} != truth:
                self._break("ghosts", f"the engine of peer {host.number} locates {host.engine.located}, not {truth}")

    def devices_are_at(self, homes: Mapping[tuple[str, str], int]) -> None:
        """After everybody refreshed: each device is where it says it is."""
        for (alias, device), home in homes.items():
            found = [h.number for h in self._members if device in h.engine.bindings.get(alias, {})]
            if found != [home]:
                self._break("ghosts", f"device {device} of {alias} is at peer {home}, engines {found} have it")


def running(process: Process) -> Clustering:
    """The cluster settings that are in force in a process."""
    return process.peer._following.running


def _key(host: Host) -> bytes:
    return host.process.peer._custody.membership.key if host.process else b""


def links_of(host: Host) -> list[tuple[int, object]]:
    """The automata of a peer's links."""
    assert host.process
    return [(number, link._link) for number, link in host.process.peer._links._links.items()]


def _by_name(host: Host) -> list[tuple[str, object]]:
    if host.process is None or not host.process.started:
        return []
    links = host.process.peer._links
    return [(name, links._links[number]._link) for number, name in links._others().items() if number in links._links]


def _stamp(version: Version) -> Stamp:
    return version.stamp


def _devices(bindings: list[Binding] | tuple[Binding, ...]) -> set[str]:
    return {binding.device for binding in bindings}
