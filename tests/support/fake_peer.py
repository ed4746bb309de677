"""A peer without a cluster: three peers in memory that validate, store and refuse as a real one does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sextet.call.checked import check
from sextet.cluster.capacity.judging import Load
from sextet.cluster.face import (
    Checked,
    ClusterStatus,
    Member,
    Moved,
    NoPrimary,
    Outcome,
    Owned,
    Report,
    Revision,
    Unregistered,
    Used,
)
from sextet.model import alarms
from sextet.model.alarms import AlarmType
from sextet.model.capacity import Use
from sextet.model.checks import TYPES, CheckResult, State
from sextet.model.config import (
    Change,
    Difference,
    Document,
    changed,
    differences,
    digest,
    from_document,
    setting_at,
    shared_part,
    to_document,
)  # fmt: skip
from sextet.model.ordering import settled
from sextet.model.schema import Problem, Refused
from sextet.model.sections import Root
from sextet.model.settings.protocols import Domain
from sextet.model.settings.registration import Credential
from sextet.model.settings.users import Administrator
from sextet.model.settings.zones import Zone, ZonePeer
from sextet.model.status import Alarm, Binding, Call, LinkStatus, PastAlarm, PeerStatus, Registration, Stamp, ZoneStatus
from sextet.model.undoing import undone
from sextet.watch.line import Entry

DOMAIN = "apolo.local"
_WAY_OUT = "repair the connection, or make this peer the primary"


@dataclass
class Lines:
    """A Journal that remembers, and shows its newest lines as the event log does."""

    lines: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def event(self, event: str, /, **fields: str) -> None:
        self.lines.append((event, fields))

    def module(self, module: str, level: str, detail: str, /, **fields: str) -> None:
        self.lines.append((module, {"Level": level, "Detail": detail, **fields}))

    def tail(self, most: int = 100, log: str = "event") -> Sequence[Entry]:
        return [_entry(event, fields) for event, fields in self.lines[-most:]]

    def of(self, event: str) -> list[dict[str, str]]:
        return [fields for name, fields in self.lines if name == event]


def root(administrators: Sequence[Administrator] = (), number: int = 1, peers: int = 3) -> Root:
    """Make the configuration of one peer of the lab's cluster."""
    document = to_document(Root())
    document["system"] |= {"name": f"expc{number:02}", "dns_host_name": f"expc{number:02}", "dns_domain_name": DOMAIN}
    document["clustering"] |= {"cluster_name": f"expc-cluster.{DOMAIN}" if peers > 1 else ""}
    document["clustering"] |= {f"peer_{n}_address": f"expc{n:02}.{DOMAIN}" for n in range(1, peers + 1) if peers > 1}
    document["protocols"] |= {"sip_udp": True, "sip_tcp": True, "h323_mode": True}
    document["domains"] = [to_document(Domain(name=DOMAIN))]
    document["credentials"] = [
        to_document(Credential(name=name, password=f"{name}-secret")) for name in ("alice", "bob")
    ]
    document["zones"] = [to_document(Zone(name="London", peers=(ZonePeer(address="192.0.2.10"),)))]
    document["administrators"] = [to_document(one) for one in administrators]
    return from_document(document)


class FakePeer:
    """A Face. Tests bend it through `silence`, `cut`, `raise_alarm`, `rows` and see what the doors make of it."""

    def __init__(self, number: int = 1, administrators: Sequence[Administrator] = (), peers: int = 3) -> None:
        self.number = number
        self.count = peers
        self.primary = 1
        self.now, self.enrolment_s = 1000.0, 0.0
        self.stamp = Stamp(1, "peer-1", 12)
        self._saved = self._running = root(administrators, number, peers)
        self.silent: set[int] = set()  # peers that cannot be heard
        self.apart = ""  # why shared settings cannot be changed while the primary runs another version
        self.cuts: dict[tuple[int, int], str] = {}  # (who, whom) -> why who does not see whom
        self.restart_reasons: tuple[str, ...] = ()
        self.reset_list: tuple[str, ...] = ()
        self.engines: tuple[str, ...] = ()
        self.inside: dict[int, str] = {}  # inside interfaces, as entered on the peers
        self.judged: dict[tuple[str, int], tuple[State, str]] = {}  # (check, peer) -> what is not simply ok
        self.judged_by: dict[tuple[int, str, int], tuple[State, str]] = {}  # the same as (another peer, check, peer)
        self.measured = 0  # how often everything was measured on demand
        self.restarts: list[str] = []
        first = Revision(
            stamp=self.stamp, digest=self._digest(), user="admin", source="web 192.0.2.1", age_s=3600.0,
            summary="SIP domain apolo.local was added",
        )  # fmt: skip
        self.revisions = [first]
        self.moved_by: dict[Stamp, tuple[Difference, ...]] = {self.stamp: ()}
        self.documents: dict[Stamp, tuple[Document, Document]] = {}  # what a revision led from and to
        self.zone_rows: list[Owned[ZoneStatus]] = []
        self.tested: list[str] = []
        self.alarm_rows: list[Owned[Alarm]] = []
        self.past_rows: list[Owned[PastAlarm]] = []
        self.acknowledgements: list[tuple[int, int, dict[str, str]]] = []  # (peer, alarm, audit)
        self.registration_rows: list[Owned[Registration]] = []
        self.used: dict[str, Used] = {}
        self.call_rows: list[Owned[Call]] = []
        self._listeners: list[asyncio.Queue[str]] = []

    @classmethod
    def busy(cls, number: int = 1, administrators: Sequence[Administrator] = ()) -> FakePeer:
        """Make a cluster with registrations, a call over two peers, and one alarm raised on all."""
        peer = cls(number, administrators)
        peer.register(
            "alice@apolo.local", 1, "sip:alice@127.0.0.1:5071;transport=tls", received="127.0.0.1:5071;TLS", age_s=75.0
        )
        peer.register("bob@apolo.local", 3, "sip:bob@127.0.0.1:5072", received="127.0.0.1:5072;UDP", age_s=7300.0)
        peer.register(
            "會議室@apolo.local", 2, "sip:room@127.0.0.1:5073", received="127.0.0.1:5073;TCP", age_s=200_000.0
        )
        for owner in (1, 3):
            peer.call("call-1", owner, "alice@apolo.local", "bob@apolo.local", age_s=42.0)
        for owner in (1, 2, 3):
            peer.raise_alarm(
                alarms.TLS_PERMISSIVE, owner, "The TLS verification mode is Permissive.", age_s=600.0 + owner
            )
        return peer

    @property
    def saved(self) -> Root:
        return self._saved

    @property
    def running(self) -> Root:
        return self._running

    def address(self, number: int) -> str:
        return f"expc{number:02}.{DOMAIN}" if self.count > 1 else ""

    def status(self) -> ClusterStatus:
        clustered = self.count > 1
        up = self.primary == self.number or self.primary not in self.silent
        seen = "Suspended" if self.apart else "Active" if up else "Failed"
        lost = "" if up else f"The primary {self.address(self.primary)} cannot be reached; {_WAY_OUT}."
        return ClusterStatus(
            name=self._running.clustering.cluster_name,
            database=seen if clustered else "Single peer",
            members=tuple(self._member(n) for n in range(1, self.count + 1)) if clustered else (),
            primary=self.primary if clustered else 0,
            writable=(up and not self.apart) or not clustered,
            why_not=self.apart or lost,
            held=self.stamp,
            in_force=self.stamp,
            digest=self._digest(),
            restart_reasons=self.restart_reasons,
            reset_list=self.reset_list,
            enrolment_s=self.enrolment_s,
        )

    def registrations(self) -> Mapping[int, Mapping[str, Registration]]:
        numbers, every = {one.number for one in self.registration_rows}, self.registration_rows
        return {number: {one.row.alias: one.row for one in every if one.number == number} for number in numbers}

    def owned(self, rows: Sequence[tuple[int, Registration]]) -> Sequence[Owned[Registration]]:
        found = {(one.number, one.row.alias): one for one in self.registration_rows}
        return [replace(found[number, row.alias], stale=number in self.silent) for number, row in rows]

    def calls(self) -> Sequence[Owned[Call]]:
        return [replace(row, stale=row.number in self.silent) for row in self.call_rows]

    def past_alarms(self) -> Sequence[Owned[PastAlarm]]:
        return self.past_rows

    def bandwidth(self) -> Mapping[str, Used]:
        return dict(self.used)

    def alarms(self) -> Sequence[Owned[Alarm]]:
        return [replace(row, stale=row.number in self.silent) for row in self.alarm_rows]

    def statuses(self) -> Sequence[Owned[PeerStatus]]:
        numbers = range(1, self.count + 1) if self.count > 1 else (0,)
        return [
            Owned(n, self.address(n) or "expc01", self._peer_status(n), 86_400.0, n in self.silent) for n in numbers
        ]

    def zones(self) -> Sequence[Owned[ZoneStatus]]:
        return [replace(row, stale=row.number in self.silent) for row in self.zone_rows]

    async def unregister(self, devices: Collection[tuple[str, str]], user: str) -> Unregistered:
        """Each peer answers for what it has; who cannot be heard keeps it."""
        gone, failures = [], []
        for owned in self.registration_rows:
            mine = [one.device for one in owned.row.bindings if (owned.row.alias, one.device) in devices]
            if mine and owned.number in self.silent:
                failures.append(f"{owned.row.alias} stays registered with {owned.peer}: no answer in time.")
            else:
                gone += [(owned.number, owned.row.alias, device) for device in mine]
        self.registration_rows, rows = [], self.registration_rows
        for owned in rows:
            if left := [one for one in owned.row.bindings if (owned.number, owned.row.alias, one.device) not in gone]:
                self.registration_rows.append(replace(owned, row=replace(owned.row, bindings=tuple(left))))
        return Unregistered(gone=tuple(gone), failures=tuple(failures))

    async def disconnect(self, tag: str, user: str) -> Call:
        found = next((one.row for one in self.call_rows if tag in (one.row.tag, one.row.serial)), None)
        if found is None:
            raise Refused(Problem("tag", f"There is no call {tag!r} any more; `call list` lists them."))
        self.call_rows = [one for one in self.call_rows if one.row.tag != found.tag]
        return found

    async def test_zone(self, name: str) -> None:
        if name not in {row.row.name for row in self.zone_rows}:
            raise Refused(Problem("zone", f"There is no enabled zone {name!r}; `zone list` shows what there is."))
        self.tested.append(name)

    def load(self) -> Load:
        return Load(uses={name: Use() for name in self.running.clustering.peers} or {"stand-alone": Use()})

    def checks(self) -> Checked:
        numbers = range(1, self.count + 1) if self.count > 1 else (0,)
        results = [self._checked(check, number) for check in TYPES for number in numbers]
        age_s = 12.0 if not self.measured else 0.0
        return Checked(results=tuple(results), age_s=age_s, others=tuple(self._report(n) for n in numbers if n > 1))

    async def check(self) -> Checked:
        await asyncio.sleep(0)
        self.measured += 1
        return self.checks()

    def history(self, most: int = 50) -> Sequence[Revision]:
        return list(reversed(self.revisions))[:most]

    def undoing(self, stamp: Stamp) -> Sequence[Change]:
        return undone(*self.documents[stamp], shared_part(to_document(self._saved)))

    def difference_of(self, stamp: Stamp) -> Sequence[Difference]:
        return self.moved_by.get(stamp, ())

    async def change(
        self, changes: Sequence[Change], *, user: str, source: str, expected: Stamp | None = None, dry_run: bool = False
    ) -> Outcome:
        await asyncio.sleep(0)
        if expected is not None and expected != self.stamp:
            raise Moved(f"The configuration is at {self.stamp} now; it was {expected} when the page was made.")
        if not self.status().writable and any(not setting_at(change.path).peer for change in changes):
            raise NoPrimary(self.status().why_not)
        before = to_document(self._saved)
        edited = settled(before, changed(before, changes), [change.path for change in changes])
        after = check(edited, self._saved)
        moved = tuple(differences(before, to_document(after)))
        shared = shared_part(before) != shared_part(to_document(after))
        stamp = Stamp(self.stamp.term, self.stamp.author, self.stamp.revision + shared)
        if not dry_run and moved:
            self._store(after, stamp, moved, user, source)
        restart = tuple(one.path for one in moved if setting_at(one.path).applies.value == "restart")
        return Outcome(stamp=stamp, differences=moved, restart=restart)

    async def promote(self, *, user: str, source: str, dry_run: bool = False) -> Outcome:
        await asyncio.sleep(0)
        if self.count == 1:
            raise Refused(Problem("", "This system is not in a cluster; enter the peer list first."))
        if dry_run:
            named = Difference("clustering.configuration_primary", str(self.primary), str(self.number))
            return Outcome(stamp=self.stamp, differences=() if self.primary == self.number else (named,))
        self.primary = self.number
        return await self._new_term(user, source)

    async def dismiss(self, stamp: Stamp) -> None:
        await asyncio.sleep(0)
        self.revisions = [replace(one, set_aside=one.set_aside and one.stamp != stamp) for one in self.revisions]

    async def restart(self, *, user: str, source: str) -> None:
        await asyncio.sleep(0)
        self.restarts.append(f"{user} {source}")
        self.restart_reasons = ()
        self._running = self._saved

    async def acknowledge(self, alarm: AlarmType, key: str, who: Mapping[str, str], number: int) -> None:
        await asyncio.sleep(0)
        if number in self.silent:
            raise Refused(Problem("number", f"Alarm {alarm.number} of peer {number} was not acknowledged."))
        self.acknowledgements.append((number, alarm.number, dict(who)))
        self.alarm_rows = [
            replace(one, row=replace(one.row, acknowledged=True, acknowledged_by=who["User"]))
            if (one.row.number, one.row.key, one.number) == (alarm.number, key, number)
            else one
            for one in self.alarm_rows
        ]
        self.tell("alarms")

    async def changes(self) -> AsyncIterator[frozenset[str]]:
        queue: asyncio.Queue[str] = asyncio.Queue()
        self._listeners.append(queue)
        try:
            while True:
                yield frozenset({await queue.get()})
        finally:
            self._listeners.remove(queue)

    def tell(self, topic: str) -> None:
        """Wake whoever follows `changes`."""
        for queue in self._listeners:
            queue.put_nowait(topic)

    def runs_another_version(self, why_not: str) -> None:
        """Let the primary run another version of sextet; shared settings are refused with this sentence."""
        self.apart = why_not
        self.tell("status")

    def silence(self, *numbers: int) -> None:
        """Let these peers vanish: nothing is heard of them, their rows go stale."""
        self.silent |= set(numbers)
        self.tell("status")

    def cut(self, who: int, whom: int, reason: str) -> None:
        """Let one peer not see another; the other direction stays."""
        self.cuts[who, whom] = reason
        self.tell("status")

    def register(self, alias: str, owner: int, contact: str, *, received: str = "", age_s: float = 0.0) -> None:
        binding = Binding(
            contact=contact, device=contact, received=received, user_agent="baresip v1.0.0 (x86_64/linux)", granted_s=60
        )
        row = Registration(alias=alias, since_s=self.now - age_s, sequence=1, bindings=(binding,))
        self.registration_rows.append(Owned(owner, self.address(owner), row, age_s))
        self.tell("registrations")

    def call(
        self, call_id: str, owner: int, source: str, destination: str, *, age_s: float = 0.0, state: str = "connected"
    ) -> None:
        row = Call(
            call_id=call_id,
            serial=f"{call_id}-{owner}",
            tag=f"tag-{call_id}",
            source=source,
            destination=destination,
            state=state,
            since_s=self.now - age_s,
            route="expc03",
            rule="LocalZoneMatch",
        )
        self.call_rows.append(Owned(owner, self.address(owner), row, age_s))
        self.tell("calls")

    def raise_alarm(self, alarm: AlarmType, owner: int, detail: str, *, key: str = "", age_s: float = 0.0) -> None:
        row = Alarm(number=alarm.number, key=key, detail=detail, since_s=self.now - age_s, last_s=self.now)
        self.alarm_rows.append(Owned(owner, self.address(owner), row, age_s))
        self.tell("alarms")

    def set_aside(self, *moved: Difference, user: str = "admin") -> None:
        """Keep an edit that the cluster went on without."""
        stamp = Stamp(self.stamp.term - 1, "peer-1", self.stamp.revision + 1)
        aside = Revision(
            stamp=stamp, digest="f" * 64, user=user, source="web 192.0.2.7", age_s=900.0,
            summary="SIP port of zone London", set_aside=True,
        )  # fmt: skip
        self.revisions.append(aside)
        self.moved_by[stamp] = moved

    def _report(self, by: int) -> Report:
        name = self.address(by)
        if by in self.silent:
            return Report(number=by, peer_name=name, failure="its link is DOWN: no heartbeat for 1.3 s")
        numbers = range(1, self.count + 1)
        results = tuple(self._checked(check, number, by) for check in TYPES for number in numbers)
        return Report(number=by, peer_name=name, results=results, age_s=20.0)

    def _checked(self, check: str, number: int, by: int = 1) -> CheckResult:
        judged = self.judged.get((check, number)) if by == 1 else self.judged_by.get((by, check, number))
        state, measured = judged or ("ok", "as it should be")
        kind, name = TYPES[check], self.address(number) or "expc01"
        remedy = kind.remedy if state == "failed" else ""
        return CheckResult(
            id=check, peer=number, peer_name=name, state=state, measured=measured, expected=kind.expected, remedy=remedy
        )

    def _own(self) -> int:
        return self.number if self.count > 1 else 0

    def _digest(self) -> str:
        return digest(shared_part(to_document(self._saved)))

    def _store(self, after: Root, stamp: Stamp, moved: tuple[Difference, ...], user: str, source: str) -> None:
        if stamp != self.stamp:
            self.documents[stamp] = (shared_part(to_document(self._saved)), shared_part(to_document(after)))
        self._saved = after
        late = [one.path for one in moved if setting_at(one.path).applies.value == "restart"]
        self.restart_reasons = tuple(dict.fromkeys([*self.restart_reasons, *late]))
        if not late:
            self._running = after
        if stamp != self.stamp:
            self._remember(stamp, moved, user, source)
        self.tell("config")

    async def _new_term(self, user: str, source: str) -> Outcome:
        change = Change("set", "clustering.configuration_primary", self.number)
        after = from_document(changed(to_document(self._saved), [change]))
        moved = tuple(differences(to_document(self._saved), to_document(after)))
        self._saved = self._running = after
        self._remember(Stamp(self.stamp.term + 1, f"peer-{self.number}", self.stamp.revision + 1), moved, user, source)
        return Outcome(stamp=self.stamp, differences=moved)

    def _remember(self, stamp: Stamp, moved: tuple[Difference, ...], user: str, source: str) -> None:
        self.stamp = stamp
        summary = ", ".join(one.path for one in moved)[:200]
        self.revisions.append(
            Revision(stamp=stamp, digest=self._digest(), user=user, source=source, age_s=0.0, summary=summary)
        )
        self.moved_by[stamp] = moved

    def _links(self, number: int) -> tuple[LinkStatus, ...]:
        return tuple(self._link(number, other) for other in range(1, self.count + 1) if other != number)

    def _link(self, who: int, whom: int) -> LinkStatus:
        reason = self.cuts.get((who, whom)) or ("Unreachable 14 s" if whom in self.silent else "")
        state = "DOWN" if reason else "LIVE"
        return LinkStatus(
            peer=self.address(whom),
            state=state,
            reason=reason,
            since_s=self.now - 60,
            round_trip_ms=0.4,
            resolved_ip=f"127.77.0.{whom}",
            certificate="Valid",
        )

    def _member(self, number: int) -> Member:
        this, link = number == self.number, self._link(self.number, number)
        down = not this and link.state == "DOWN"
        host = f"expc{number:02}"
        active = f"Active as {host} (Resolved '{self.address(number)}' as '127.77.0.{number}')"
        return Member(
            number=number,
            address=self.address(number),
            this_system=this,
            primary=number == self.primary,
            clustering="This system" if this else f"Failed: {link.reason}" if down else active,
            clustering_ok=not down,
            certificate="Not checked" if down else "Valid",
            certificate_ok=not down,
            link=None if this else link,
            status=self._peer_status(number),
            in_step=number not in self.silent,
        )

    def _peer_status(self, number: int) -> PeerStatus:
        clustering = self._running.clustering
        return PeerStatus(
            peer_id=f"peer-{number}",
            address=self.address(number),
            host_name=f"expc{number or 1:02}",
            version="0.1.0",
            now_s=self.now,
            started_s=self.now - 86_400,
            held=self.stamp,
            in_force=self.stamp,
            digest=self._digest(),
            cluster_name=clustering.cluster_name,
            primary=self.primary,
            ip_version=clustering.cluster_ip_version,
            tls_mode=clustering.tls_verification_mode,
            peers=clustering.peers,
            h323_mode=True,
            restart_reasons=self.restart_reasons if number == self._own() else (),
            engines=self.engines if number == self._own() else (),
            certificate="ab" * 32,
            ip=f"127.77.0.{number or 1}",
            fqdn=f"expc{number or 1:02}.apolo.local",
            system_name=f"expc{number or 1:02}",
            processors=2,
            memory_mb=4096,
            system_type="C",
            inside_ip=self.inside.get(number, ""),
            clock="synchronised",
            links=self._links(number) if self.count > 1 else (),
        )


def _entry(event: str, fields: dict[str, str]) -> Entry:
    named = {"Event": event, **fields}
    text = " ".join(f'{name}="{value}"' for name, value in named.items())
    return Entry(moment="", host="expc01", process="", fields=tuple(named.items()), text=text)
