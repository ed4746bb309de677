"""Who may change the shared configuration, and which version of it is the truth: the term and its fence.

How it works. The highest stamp (term, author, revision) that anybody of the cluster holds is the truth, and every
peer adopts it from whoever shows it. A term is opened by one peer, by an administrator's act and never by itself, and
only that peer adds versions to it. A peer accepts changes only while it is the author of the newest term it knows and
its own † setting names it as primary. A version is stored durably before it is shown, applied or acknowledged; one is
being stored at a time, and the newest that came meanwhile waits. Adopting a version that does not include some that are
held here sets those aside: they are kept whole and listed.

    ALONE      no peer list; every change is accepted
    JOINING    a peer list, but nothing of this cluster's configuration is held yet; serves what it had
    PRIMARY    author of the newest term, and named by itself
    FENCED     named by itself, but the newest version is not its own to continue
    FOLLOWER   another peer is named
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sextet.cluster.configuration.history import GENESIS, ROW_BYTES_MAX, Version, includes, opening, successor, to_row
from sextet.cluster.face import Moved, NoPrimary
from sextet.model.config import Document, digest
from sextet.model.schema import Problem, Refused
from sextet.model.status import Stamp

RETRY_S = 5.0  # how soon a version that could not be written is tried again: space on a disk returns by hand


class State(StrEnum):
    """Where a peer stands; the table is in the head of this file."""

    ALONE = "alone"
    JOINING = "joining"
    PRIMARY = "primary"
    FENCED = "fenced"
    FOLLOWER = "follower"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """The peer list and the configuration primary (†) are now these."""

    peers: bool  # whether the list names other peers
    named: bool  # whether the configuration primary is this peer
    primary: str  # its name, to show


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """An administrator wants this document, made from the version `base`."""

    base: Stamp
    document: Document
    user: str
    source: str
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoted:
    """An administrator makes this peer the configuration primary."""

    user: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Founded:
    """An administrator makes this peer the first of a new cluster."""

    cluster: str
    user: str
    source: str


@dataclass(frozen=True, slots=True)
class Joined:
    """This peer was enrolled in a cluster."""

    cluster: str


@dataclass(frozen=True, slots=True)
class Seen:
    """Another peer shows the newest version it holds."""

    peer: str
    version: Version


@dataclass(frozen=True, slots=True)
class Stored:
    """The version that was to be stored is on disk."""

    stamp: Stamp


@dataclass(frozen=True, slots=True)
class NotStored:
    """The version that was to be stored is not on disk, and why."""

    stamp: Stamp
    cause: str


@dataclass(frozen=True, slots=True)
class Dismissed:
    """An administrator needs a version that was set aside no more."""

    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Forced:
    """An administrator has this peer take over what the primary holds, whatever it holds itself."""

    version: Version


Event = Configured | Edited | Promoted | Founded | Joined | Seen | Stored | NotStored | Dismissed | Forced


@dataclass(frozen=True, slots=True)
class Store:
    """Write the version durably and mark exactly these as set aside, both or none; answer with Stored or NotStored."""

    version: Version
    aside: frozenset[Stamp]


@dataclass(frozen=True, slots=True)
class Publish:
    """Show the version to the other peers, in this peer's row."""

    version: Version


@dataclass(frozen=True, slots=True)
class Apply:
    """Put the version in force."""

    version: Version


@dataclass(frozen=True, slots=True)
class SetAside:
    """Tell the administrator that these are kept as proposals, because the cluster went on with `truth`."""

    stamps: tuple[Stamp, ...]
    truth: Stamp


@dataclass(frozen=True, slots=True)
class Leave:
    """Forget the cluster's id and key: the peer list is empty."""


@dataclass(frozen=True, slots=True)
class Report:
    """Log one sentence."""

    sentence: str


Effect = Store | Publish | Apply | SetAside | Leave | Report


class Authority:
    """Decides about one peer's copy of the shared configuration; performs nothing.

    `held` says of each stored version whether it is set aside; `highest_term` is the highest that was ever stored.
    """

    def __init__(self, me: str, *, cluster: str, head: Version, held: Mapping[Stamp, bool], highest_term: int) -> None:
        self.me = me
        self.cluster = cluster
        self.head = head  # on disk and in force
        self.aside = frozenset(stamp for stamp, is_aside in held.items() if is_aside)
        self.trouble = ""  # why the last version could not be stored (alarm 60901)
        self.conflicts: dict[str, str] = {}  # per peer that shows another content under the same stamp (alarm 20011)
        self._held = set(held)
        self._highest_term = highest_term
        self._configured = Configured(peers=bool(cluster), named=False, primary="")
        self._shown: dict[str, Version] = {}  # what each peer showed last, for the moment of joining
        self._storing: Store | None = None
        self._adopting = False  # whether what is being stored came from another peer
        self._founding = ""  # the cluster that begins with what is being stored
        self._waiting: Version | None = None
        self._retry_at: float | None = None

    def start(self) -> list[Effect]:
        """Serve from the own copy, whether or not anybody else is there."""
        return [Publish(self.head), Apply(self.head)]

    @property
    def state(self) -> State:
        if not self._configured.peers:
            return State.ALONE
        if not self.cluster or self.head.cluster != self.cluster:
            return State.JOINING
        if not self._configured.named:
            return State.FOLLOWER
        return State.PRIMARY if self._is_author() else State.FENCED

    @property
    def newest(self) -> Version:
        """The newest version that this peer knows of, stored or not."""
        storing = self._storing.version if self._storing else None
        return max((version for version in (self.head, storing, self._waiting) if version), key=self._rank)

    @property
    def why_not(self) -> str:
        """Say why changes of shared settings are not accepted here; empty when they are."""
        at = f"on the configuration primary, {self._configured.primary or 'which is not in the list'}"
        match self.state:
            case State.JOINING:
                return f"This peer has not received the cluster's configuration yet. Make the change {at}, or wait."
            case State.FENCED:
                what = "The newest configuration is not this peer's own"
                return f"{what}. Make the change where it was made last, or make this peer the primary again."
            case State.FOLLOWER:
                return f"Shared settings are changed {at}. If it is lost, make another peer the primary."
            case _:
                return ""

    def receive(self, event: Event, now: float) -> list[Effect]:
        """Take one event; raises Moved, NoPrimary or Refused for what a person asked for, with nothing changed."""
        match event:
            case Configured():
                return self._configure(event)
            case Edited():
                return self._edit(event)
            case Promoted():
                return self._promote(event)
            case Founded(cluster=cluster):
                self._must_rest()
                effects = self._open(cluster, self.head.document, event.user, event.source, "Cluster created")
                self._founding = cluster
                return effects
            case Joined(cluster=cluster):
                self.cluster = cluster
                return [effect for peer, version in self._shown.items() for effect in self._see(Seen(peer, version))]
            case Seen(peer=peer, version=version):
                self._shown[peer] = version
                return self._see(event)
            case Stored(stamp=stamp):
                return self._stored(stamp)
            case NotStored(stamp=stamp, cause=cause):
                return self._not_stored(stamp, cause, now)
            case Dismissed(stamp=stamp):
                self.aside -= {stamp}
                return []
            case Forced(version=version):
                return self._force(version)

    def tick(self, now: float) -> list[Effect]:
        """Try again to store what could not be stored; where nothing waits, see whether the disk is well again."""
        if self._retry_at is None or now < self._retry_at:
            return []
        self._retry_at = None
        return self._adopt() or self._try_disk()

    def next_timer(self) -> float | None:
        return self._retry_at

    def _configure(self, event: Configured) -> list[Effect]:
        self._configured = event
        if event.peers or not self.cluster:
            return []
        self.cluster, self._waiting, self.conflicts = "", None, {}
        return [Leave()]

    def _edit(self, event: Edited) -> list[Effect]:
        if self.why_not:
            raise NoPrimary(self.why_not)
        self._must_rest()
        if event.base != self.head.stamp:
            raise Moved(f"The configuration is now {self.head.stamp}, changed by {self.head.user} after {event.base}.")
        if digest(event.document) == self.head.digest:
            return []
        if self.state is State.ALONE and (self.head.cluster or not self._continues()):
            return self._open("", event.document, event.user, event.source, event.summary)
        made = {"user": event.user, "source": event.source, "summary": event.summary}
        return self._write(successor(self.head, event.document, **made))

    def _promote(self, event: Promoted) -> list[Effect]:
        state = self.state
        if state is State.ALONE:
            problem = "This system has no peers; enter the peer list first."
            raise Refused(Problem("clustering.configuration_primary", problem))
        if state is State.JOINING:
            raise NoPrimary(self.why_not)  # its content would replace a configuration that it has never seen
        self._must_rest()
        if state is State.PRIMARY:
            return []
        return self._open(self.cluster, self.head.document, event.user, event.source, "Made the configuration primary")

    def demand_forceable(self, version: Version) -> None:
        """Raise Refused for a version of the primary's that this peer cannot take over."""
        if self.state not in (State.FOLLOWER, State.JOINING):
            raise Refused(Problem("", "This peer names no other one as the configuration primary."))
        if not self.cluster or version.cluster != self.cluster:
            raise Refused(Problem("", "The configuration of the primary is that of another cluster."))

    def _force(self, version: Version) -> list[Effect]:
        self.demand_forceable(version)
        self._must_rest()
        self._adopting, self.conflicts = True, {}
        # The answer took its time: what grew out of it since, and was shown meanwhile, would not be shown again.
        since = (one for one in self._shown.values() if one.cluster == self.cluster and includes(one, version.stamp))
        newest = max(since, key=lambda one: one.stamp, default=version)
        return self._store(newest if newest.stamp > version.stamp else version, frozenset())

    def _open(self, cluster: str, content: Document, user: str, source: str, summary: str) -> list[Effect]:
        term = max(self._highest_term, self.head.stamp.term) + 1
        made = {"user": user, "source": source, "summary": summary}
        return self._write(opening(self.head, content, cluster=cluster, term=term, author=self.me, **made))

    def _is_author(self) -> bool:
        newest = self.newest
        if newest is self.head:
            return self._continues()
        return not self._adopting and self._storing is not None and newest is self._storing.version

    def _continues(self) -> bool:
        """Whether the next revision of the head's term is ours to give, and was never given: one stamp, one content.

        A peer that left a cluster and came back may hold its own term at an older revision than it once wrote.
        """
        head = self.head.stamp
        later = (s for s in self._held if (s.term, s.author) == (head.term, head.author) and s.revision > head.revision)
        return head.author == self.me and head.term == self._highest_term and not any(later)

    def _must_rest(self) -> None:
        if self._storing or self._waiting:
            raise Moved(f"The configuration is just becoming {self.newest.stamp}; read it and try again.")

    def _see(self, event: Seen) -> list[Effect]:
        version, head = event.version, self.head
        if not self.cluster or version.cluster != self.cluster:
            return []
        if (version.cluster, version.stamp) == (head.cluster, head.stamp) and version.digest != head.digest:
            return self._conflict(event.peer)
        self.conflicts.pop(event.peer, None)
        if self._rank(version) <= self._rank(self.newest):
            return []
        self._waiting = version
        return self._adopt()

    def _conflict(self, peer: str) -> list[Effect]:
        if peer in self.conflicts:
            return []
        stamp = self.head.stamp
        self.conflicts[peer] = f"{peer} holds another content under {stamp}: a database was put back to an older state"
        return [Report(f"configuration {stamp}: {self.conflicts[peer]}")]

    def _adopt(self) -> list[Effect]:
        if self._waiting is None or self._storing:
            return []
        version, self._waiting, self._adopting = self._waiting, None, True
        # A later version of my own term that I lack: my database was put back, what I wrote since is no ancestor of it.
        ours, theirs = self.head.stamp, version.stamp
        same_term = (ours.term, ours.author) == (theirs.term, theirs.author)
        put_back = theirs.author == self.me and same_term and theirs not in self._held
        if not put_back:
            return self._store(version, frozenset())
        told = Report(f"configuration {ours}: older than what this peer wrote once; {theirs} is fetched back")
        return [told, *self._store(version, frozenset({ours}))]

    def _write(self, version: Version) -> list[Effect]:
        if (size := len(to_row(version))) > ROW_BYTES_MAX:
            what = f"The configuration would be {size} bytes long when compressed"
            raise Refused(Problem("", f"{what}; at most {ROW_BYTES_MAX} can travel between peers. Remove entries."))
        self._adopting = False
        return self._store(version, frozenset())

    def _store(self, version: Version, lost: frozenset[Stamp]) -> list[Effect]:
        # What an ancestor includes, its descendants include: only where its line is left can a version be lost that was
        # part of it. What was no part of it is set aside already, or was dismissed and shall not come back.
        line_left = not includes(version, self.head.stamp)
        part = {stamp for stamp in self._held if includes(self.head, stamp)} if line_left else set()
        suspects = self.aside | part
        aside = lost | {stamp for stamp in suspects if not includes(version, stamp)}
        self._storing = Store(version, aside)
        return [self._storing]

    def _stored(self, stamp: Stamp) -> list[Effect]:
        assert self._storing is not None and self._storing.version.stamp == stamp, f"{stamp} was not to be stored"
        done, self._storing = self._storing, None
        fresh = tuple(sorted(done.aside - self.aside))
        self.head, self.aside, self.trouble, self._retry_at = done.version, done.aside, "", None
        self.cluster, self._founding = self._founding or self.cluster, ""  # a cluster begins when it is on disk
        self._held.add(stamp)
        self._highest_term = max(self._highest_term, stamp.term)
        told: list[Effect] = [SetAside(fresh, stamp)] if fresh else []
        return [Publish(self.head), Apply(self.head), *told, *self._adopt()]

    def _not_stored(self, stamp: Stamp, cause: str, now: float) -> list[Effect]:
        assert self._storing is not None and self._storing.version.stamp == stamp, f"{stamp} was not to be stored"
        failed, self._storing, self._founding, self.trouble = self._storing.version, None, "", cause
        if self._adopting and self._waiting is None:
            self._waiting = failed
        self._retry_at = now + RETRY_S
        return [Report(f"configuration {stamp}: could not be stored, {cause}")]

    def _try_disk(self) -> list[Effect]:
        """Store what is held already once more: the trouble is over when that succeeds."""
        if not self.trouble or self._storing or self.head.stamp == GENESIS.stamp:
            return []
        self._adopting, self._storing = False, Store(self.head, self.aside)
        return [self._storing]

    def _rank(self, version: Version) -> tuple[bool, Stamp]:
        return version.cluster == self.cluster, version.stamp
