"""What a peer offers to administrators, through whatever door they come: the contract between cluster and admin."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from sextet.cluster.capacity.judging import Load
from sextet.model.alarms import AlarmType
from sextet.model.checks import CheckResult
from sextet.model.config import Change, Difference
from sextet.model.sections import Root
from sextet.model.status import Alarm, Call, LinkStatus, PastAlarm, PeerStatus, Registration, Stamp, ZoneStatus

Row = TypeVar("Row", Registration, Call, Alarm, PastAlarm, PeerStatus, ZoneStatus)


@dataclass(frozen=True, slots=True)
class Owned(Generic[Row]):
    """A row with its owner, its age on this peer's clock, and whether the owner can be heard at the moment."""

    number: int  # the owner's place in the peer list; 0 = a stand-alone system
    peer: str  # the owner's address as configured, or its host name when stand-alone
    row: Row
    age_s: float  # since the row's since_s; of an alarm, since it was raised last
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Used:
    """How much of an element the calls use, in kbit/s (facts 5.5, LocalUsage and ClusterUsage)."""

    local: int  # those that this peer charges
    cluster: int  # all of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One filled row of the peer list, with the status lines of the guide."""

    number: int
    address: str  # as configured
    this_system: bool
    primary: bool
    clustering: (
        str  # "This system", "Unknown", "Failed", "Active as <host> (Resolved '<fqdn>' as '<ip>')": the guide's words
    )
    clustering_ok: bool
    certificate: str  # "Valid", "Invalid (...)", "Not checked"
    certificate_ok: bool
    cause: str = ""  # the measured reason where clustering is not ok, a sentence to show below it
    link: LinkStatus | None = None  # None for this system
    status: PeerStatus | None = None  # what the peer last said of itself
    in_step: bool = False  # its digest in force is the primary's


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterStatus:
    """The whole Clustering page in one value."""

    name: str
    database: str  # "Active", "Synchronising r118/r120", "Conflict", "Failed", "Single peer", "Suspended" (by versions)
    members: tuple[Member, ...]
    primary: int  # the number all agree on, or this peer's own opinion
    writable: bool  # whether changes to shared settings are accepted on this peer
    why_not: str  # when not writable: the sentence, naming the primary
    held: Stamp
    in_force: Stamp
    digest: str
    enrolment_s: float = 0.0  # seconds left in which listed peers may enrol
    restart_reasons: tuple[str, ...] = ()
    reset_list: tuple[str, ...] = ()  # the peer list that disarms the factory reset; () where none is armed

    @property
    def own(self) -> Member | None:
        """This system among the members; None where it is in no list."""
        return next((member for member in self.members if member.this_system), None)

    @property
    def number(self) -> int:
        """This system's place in the list; 0 where it is in none."""
        own = self.own
        return own.number if own else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One entry of the configuration's history."""

    stamp: Stamp
    digest: str
    user: str
    source: str  # "web 192.0.2.1", "cli", "peer <name>"
    age_s: float
    summary: str
    set_aside: bool = False  # held here, but the cluster went on without it; kept as a proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one peer measured."""

    number: int  # of the peer that measured; 0 = a stand-alone system
    peer_name: str  # as configured
    results: tuple[CheckResult, ...] = ()
    age_s: float = -1.0  # since it measured everything; -1 while it never did
    failure: str = ""  # why its results are not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found when the requirements were checked."""

    results: tuple[CheckResult, ...]  # as this system sees them
    age_s: float  # since everything was measured; -1 while it never was
    others: tuple[Report, ...] = ()  # as each other peer sees them


@dataclass(frozen=True, slots=True, kw_only=True)
class Unregistered:
    """What became of devices whose registration was to be ended."""

    gone: tuple[tuple[int, str, str], ...]  # (peer, alias, device)
    failures: tuple[str, ...]  # a sentence for each peer that has others, or device that it has not


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a change."""

    stamp: Stamp
    differences: tuple[Difference, ...]
    restart: tuple[str, ...] = ()  # settings that need a restart to be in force
    warnings: tuple[str, ...] = ()


class Moved(Exception):
    """The configuration changed since it was read; nothing was stored. The text names the newer revision."""


class NoPrimary(Exception):
    """A shared setting was to be changed, but no primary can be reached; the text names it and the way out."""


class Face(Protocol):
    """A running peer."""

    @property
    def saved(self) -> Root:
        """The newest saved configuration, shared and †."""

    @property
    def running(self) -> Root:
        """What is in force; differs from saved where a restart is required."""

    def status(self) -> ClusterStatus: ...

    def registrations(self) -> Mapping[int, Mapping[str, Registration]]:
        """Give what is registered with each peer, by alias.

        These may be a hundred thousand and pages look often: nothing is copied, so it is good until the next `await`.
        """

    def owned(self, rows: Sequence[tuple[int, Registration]]) -> Sequence[Owned[Registration]]:
        """Say of some of these, each with the number of its peer, whose they are and how old."""

    def calls(self) -> Sequence[Owned[Call]]: ...

    def bandwidth(self) -> Mapping[str, Used]:
        """Give the use of every element that is used, such as "pipe/London"."""

    def alarms(self) -> Sequence[Owned[Alarm]]: ...

    def past_alarms(self) -> Sequence[Owned[PastAlarm]]: ...

    def statuses(self) -> Sequence[Owned[PeerStatus]]: ...

    def zones(self) -> Sequence[Owned[ZoneStatus]]: ...

    async def unregister(self, devices: Collection[tuple[str, str]], user: str) -> Unregistered:
        """End the registrations of these (alias, device), whichever peers have them."""

    async def disconnect(self, tag: str, user: str) -> Call:
        """End the call with this tag or serial number, whichever peers it passes. Raises Refused."""

    async def test_zone(self, name: str) -> None:
        """Have this peer ask all addresses of a zone now. Raises Refused where it cannot."""

    def history(self, most: int = 50) -> Sequence[Revision]: ...

    def load(self) -> Load:
        """What the cluster carries against what it may carry."""

    def checks(self) -> Checked:
        """Give the requirements as last measured."""

    async def check(self) -> Checked:
        """Measure everything now, on every peer; takes some seconds where something does not answer."""

    def difference_of(self, stamp: Stamp) -> Sequence[Difference]:
        """What a revision changed against the one before it (or, when set aside, against what is held now)."""

    def undoing(self, stamp: Stamp) -> Sequence[Change]:
        """Give the changes that take back what a revision changed; raises Refused where they cannot."""

    async def change(
        self, changes: Sequence[Change], *, user: str, source: str, expected: Stamp | None = None, dry_run: bool = False
    ) -> Outcome:
        """Validate all and store all, or nothing: † settings here, shared ones on the primary (forwarded to it).

        Raises Refused with every problem, Moved when `expected` is not the newest stamp, and NoPrimary when nobody
        can accept shared settings.
        """

    async def promote(self, *, user: str, source: str, dry_run: bool = False) -> Outcome:
        """Make this peer the configuration primary: a new term. Raises Refused when it is not in its own list."""

    async def dismiss(self, stamp: Stamp) -> None:
        """List an edit that was set aside as a proposal no more."""

    async def restart(self, *, user: str, source: str) -> None:
        """Restart this peer's application; ends the calls that pass it."""

    async def acknowledge(self, alarm: AlarmType, key: str, who: Mapping[str, str], number: int) -> None:
        """Note who has seen an alarm of peer `number`, 0 for this one. Raises Refused."""

    def changes(self) -> AsyncIterator[frozenset[str]]:
        """Yield topics that changed, at most four times a second: registrations calls zones alarms status config."""
