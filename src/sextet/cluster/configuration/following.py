"""What is saved and seen is made true: links, engines, status row and alarms follow, whatever happened.

How it works. Each round looks at everything anew: the saved configuration, which cluster settings run, which place in
the list is this system's; then it tells the links, the engines and the alarms what follows from it. A round that finds
nothing new changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sextet.cluster import host
from sextet.cluster.capacity.account import Account, licences_of
from sextet.cluster.capacity.judging import Load
from sextet.cluster.capacity.judging import alarms_of as capacity_alarms
from sextet.cluster.capacity.pool import HOUR_S
from sextet.cluster.configuration import primary
from sextet.cluster.configuration.custody import Custody
from sextet.cluster.configuration.editing import Editor
from sextet.cluster.configuration.identity import Identity
from sextet.cluster.configuration.leading import Leading
from sextet.cluster.configuration.naming import Naming
from sextet.cluster.configuration.revisions import Membership, StoreDamaged, StoreLost
from sextet.cluster.configuration.settings import list_age_s, own_number, running_after, waiting
from sextet.cluster.configuration.standing import KEY_BYTES, Standing, new_cluster
from sextet.cluster.configuration.telling import Telling
from sextet.cluster.judgement import LIVE, Evidence, alarms_of, may_carry_calls
from sextet.cluster.rows.live import Live
from sextet.cluster.rows.sharers import Sharers, serves
from sextet.cluster.trust.own_certificate import OwnCertificate
from sextet.cluster.wire.enrolment import WINDOW_S, Facts
from sextet.cluster.wire.links import Links
from sextet.cluster.wire.links import Membership as Mesh
from sextet.cluster.wire.names import NameFailure, Resolved, Resolver
from sextet.engine import EngineError, Journal, Neighbour, Wanted
from sextet.model import alarms as types
from sextet.model import interfaces
from sextet.model.alarms import AlarmType
from sextet.model.capacity import HERE
from sextet.model.config import Document
from sextet.model.sections import Root
from sextet.model.settings.clustering import Clustering
from sextet.model.status import LinkStatus, PeerStatus, Stamp, to_row


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where what cannot be foreseen comes from: files and chance."""

    certificate: Callable[..., OwnCertificate] = OwnCertificate
    new_cluster: Callable[[], Membership] = new_cluster
    serves: Callable[[str, int], Awaitable[bool]] = serves


REAL = Sources()


class Following:
    """One round after the other; not two at once."""

    def __init__(
        self,
        identity: Identity,
        custody: Custody,
        editor: Editor,
        links: Links,
        live: Live,
        log: Journal,
        clock: Callable[[], float],
        sources: Sources = REAL,
    ) -> None:
        self.running = Clustering()
        self._named: tuple[Clustering | None, dict[int, str]] = None, {}  # names(), and of which settings they are
        self.number = 0
        self.version_next = self.version_before = ""  # that were chosen, or can be chosen again, on this peer
        self.maintenance = False  # takes no new calls and registrations until the next restart
        self.telling = Telling(log)
        self.unreadable = ""  # why what another peer shows as its configuration cannot be read
        self.leading = Leading(live, clock)
        self._identity = identity
        self._custody, self._editor = custody, editor
        self._links = links
        self._standing = Standing(custody, links, sources.new_cluster)
        self._live = live
        self._clock = clock
        self._naming = Naming(editor, clock)
        self._started_s = clock()
        self._processors, self._memory_mb = host.processors(), host.memory_mb()
        self._round = asyncio.Lock()
        self._window_until = clock()
        self._sharers = Sharers(sources.serves)
        self._in_force = Stamp()
        self._digest = ""
        self._behind_since: dict[int, float] = {}
        self._raised: set[AlarmType] = set()
        self._status: PeerStatus | None = None
        self._mesh: object = None
        self._own_certificate = sources.certificate(
            certificate=identity.certificate,
            private_key=identity.private_key,
            trusted=identity.trusted,
            crl=identity.crl,
            waiting=identity.waiting,
            clock=clock,
        )
        self._account = Account(identity.state_dir, live.own_rows, clock)
        self._secret = secrets.token_bytes(KEY_BYTES)  # of a system that is in no cluster

    def open_window(self, seconds: float = WINDOW_S) -> None:
        """Let listed peers enrol for this long."""
        self._window_until = self._clock() + seconds

    def names(self) -> dict[int, str]:
        """The peers of the running list; a stand-alone system is number 0 under its host name."""
        if self._named[0] is not self.running:
            self._named = self.running, {number: name for number, name in enumerate(self.running.peers, 1) if name}
        listed = self._named[1]
        return listed if self.number else {0: self.host_name(), **listed}

    def leader(self) -> tuple[int, str]:
        """The configuration primary, by number and name; number 0 where that is this peer, or nobody."""
        number = self.running.configuration_primary
        name = self.names().get(number, "")
        return (0, "") if number == self.number or not name or not self.number else (number, name)

    def named_primary(self) -> tuple[int, str]:
        """Give the number and the name of the configuration primary, whoever it is."""
        number = self.running.configuration_primary
        return number, self.names().get(number, "")

    def why_apart(self) -> str:
        """Say why shared settings cannot be changed through the primary because it runs another version, or ""."""
        number, name = self.leader()
        theirs, own = self._statuses().get(number), self._identity.version
        if theirs is None or theirs.version == own or number in self.stale():
            return ""
        return (
            f"Shared settings are changed on the configuration primary, peer {number} {name}, which runs version "
            f"{theirs.version}; this system runs {own}. Make the change there, or upgrade so that both run the same."
        )

    def links(self) -> dict[int, LinkStatus]:
        """How this peer sees the way to every other one of the list, by number."""
        return {number: link for number, link in self._links.statuses().items() if link.state != "DISABLED"}

    def stale(self) -> frozenset[int]:
        """The peers that cannot be heard at the moment."""
        return frozenset(number for number, link in self.links().items() if link.state != LIVE)

    async def bind(self, name: str, fingerprint: str) -> None:
        """Remember the certificate of a peer that was given the key; where the disk fails, a later round does it."""
        with contextlib.suppress(StoreLost, StoreDamaged):
            await self._custody.pin(name, fingerprint)

    async def start(self, saved_lists: Sequence[tuple[float, Document]]) -> None:
        """Begin with everything saved in force; `saved_lists` are the † documents with their ages, newest first."""
        self.running = self._editor.saved.clustering
        self.telling.started(self.running.tls_verification_mode)
        age_s = list_age_s(saved_lists)
        if age_s is not None:
            self.open_window(WINDOW_S - age_s)
        await self.once()

    async def once(self) -> None:
        """Make one round."""
        async with self._round:
            saved = self._editor.saved
            self.running = running_after(saved.clustering, self.running, self.number)
            await self._find_place()
            await self._standing.keep(self.running, self.number)
            await self._connect()
            members = await self._sharers.members(self.links(), saved.protocols.sip_tls_port, self._clock())
            self._live.sharing(members, self._sharers.limited(saved) | (self._account.limits.keys() - set(HERE)))
            await self._drive()
            self.leading.tell_locations(all(link.state == LIVE for link in self.links().values()))
            self._judge()

    def evidence(self) -> Evidence:
        """Everything seen at this moment."""
        saved = self._editor.saved
        authority = self._custody.authority
        links = self.links()
        answers = {link.peer: self._links.resolved(number) for number, link in links.items()}
        own = {self.names().get(self.number, ""): self._identity.address} if self.number else {}
        leader = links.get(self.running.configuration_primary)
        forwards = authority.state is primary.State.FOLLOWER and leader is not None and leader.state == LIVE
        why_not = self.why_apart() or ("" if forwards else authority.why_not)
        return Evidence(
            saved=saved,
            running=self.running,
            number=self.number,
            own=self._own_status(),
            own_certificate=self._own_certificate.seen.line,
            names=own | {name: answer.ip for name, answer in answers.items() if isinstance(answer, Resolved)},
            name_failures={
                name: answer.sentence for name, answer in answers.items() if isinstance(answer, NameFailure)
            },
            links=links,
            statuses=self._statuses(),
            behind_s={number: self._clock() - since for number, since in self._behind_since.items()},
            writable=not why_not,
            why_not=why_not,
            not_replicated=self.unreadable or authority.trouble or self._standing.trouble,
            store_frozen=self._links.frozen(),
            set_aside=self._standing.set_aside + len(authority.conflicts),
            enrolment_s=max(0.0, self._window_until - self._clock()) if any(self.running.peers) else 0.0,
            restart_cluster=waiting(saved.clustering, self.running),
            restart_engines=self.leading.waiting(),
            restart_certificate=self._own_certificate.restart_reasons,
        )

    def facts(self) -> Facts:
        """What the enrolment of a peer depends on."""
        members = {number: name for number, name in enumerate(self.running.peers, 1) if name}
        pins = self._custody.pins()
        return Facts(
            number=self.number,
            primary=self.running.configuration_primary,
            members=frozenset(members),
            holds_key=bool(self._custody.membership.key),
            bound={number: pins[name] for number, name in members.items() if name in pins},
            window_s=max(0.0, self._window_until - self._clock()),
        )

    async def _find_place(self) -> None:
        own = frozenset({self._identity.address, self._naming.fqdn()} - {""})
        number = own_number(self.running.peers, own, {})
        if not number and any(self.running.peers):
            number = own_number(self.running.peers, own, await self._naming.addresses(self.running))
        if number != self.number:
            self.number = number
            self._live.renumber(number)

    async def _connect(self) -> None:
        mapping, dns, ipv6 = self._naming.lookup(self.running)
        mesh = Mesh(
            number=self.number,
            peers=self.running.peers,
            enforce=self.running.tls_verification_mode == "Enforce",
            key=self._custody.membership.key,
            certificate=self._identity.certificate,
            private_key=self._identity.private_key,
            trusted=self._identity.trusted,
            crl=self._identity.crl,
            mapping=mapping,
            dns=dns,
            ipv6=ipv6,
        )
        files = self._own_certificate.stamps
        if (mesh, files) != self._mesh:
            before = set(self.links())
            try:
                await self._links.configure(mesh if self.number else None)
                self._mesh = mesh, files
                self._live.engine_state("links", "")
            except EngineError as error:
                self._live.engine_state("links", str(error))
            for number in before - set(self.links()):
                self._live.forget(number)
        self._links.refresh()
        self._own_certificate.look(self.names().get(self.number, "") if self.number else self._naming.fqdn())

    async def _drive(self) -> None:
        head = self._custody.head
        await self.leading.follow(self._wish(replace(self._editor.saved, clustering=self.running)))
        self._in_force, self._digest = head.stamp, head.digest

    def _wish(self, running: Root) -> Wanted:
        links = self.links()
        key = self._custody.membership.key
        neighbours = tuple(
            Neighbour(number=number, name=link.peer, ip=link.resolved_ip, up=may_carry_calls(link))
            for number, link in sorted(links.items())
        )
        return Wanted(
            config=running,
            generation=0,
            number=self.number,
            address=self._identity.address,
            neighbours=neighbours,
            secret=hmac.digest(key, b"sextet sip", "sha256") if key else self._secret,
            certificate=self._identity.certificate,
            private_key=self._identity.private_key,
            trusted=self._identity.trusted,
            crl=self._own_certificate.seen.crl,
            material=self._own_certificate.seen.material,
            limits=self._account.limits,
            maintenance=self.maintenance,
        )

    def _judge(self) -> None:
        now = self._clock()
        links, statuses = self.links(), self._statuses()
        stale = frozenset(number for number, link in links.items() if link.state != LIVE)
        apart = {n for n, status in statuses.items() if status.version != self._identity.version}
        behind = {n for n, status in statuses.items() if status.digest != self._digest and n not in stale} - apart
        self._behind_since = {number: self._behind_since.get(number, now) for number in behind}
        self._tell_synchronised(links, statuses, behind | apart | stale)
        load, seen = self.load(), self.evidence()
        standing = {**alarms_of(seen), **self._own_certificate.alarms, **capacity_alarms(load)}
        for alarm in self._raised - set(standing):
            self._live.alarms.set(alarm, "", False)
        for alarm, cause in standing.items():
            self._live.alarms.set(alarm, "", True, cause)
        self._raised = set(standing)
        trouble = self._custody.authority.trouble or self._standing.trouble
        self._live.alarms.set(types.DISK_FULL, "", bool(trouble), trouble)
        self._publish(seen.own)

    def load(self) -> Load:
        """What the cluster carries against what it may carry."""
        names, silent = self.names(), self.stale()
        others = {names[number]: status for number, status in self._statuses().items()}
        own = names.get(self.number, self.host_name())
        return self._account.look(self._editor.saved.capacity, own, others, {names[number] for number in silent})

    def let_pass(self, hours: float) -> None:
        """Let those who cannot be heard be lost for so many hours more (lab)."""
        self._account.let_pass(hours * HOUR_S)

    def _tell_synchronised(
        self, links: Mapping[int, LinkStatus], statuses: Mapping[int, PeerStatus], not_there: frozenset[int] | set[int]
    ) -> None:
        """Write the guide's lines once this peer has what the primary has, and the primary once all others have it."""
        primary = self.running.configuration_primary
        waits_for = set(links) if primary == self.number else {primary}
        if not self.number or not links or waits_for - set(statuses) or waits_for & not_there:
            return
        hosts = {number: status.host_name for number, status in statuses.items()}
        ips = {number: link.resolved_ip for number, link in links.items()}
        hosts[self.number], ips[self.number] = self.host_name(), self._identity.address
        peers = [(ips.get(number) or name, hosts.get(number, "")) for number, name in self.names().items() if number]
        self.telling.synchronised(peers, primary, self.number, self._in_force)

    def _publish(self, status: PeerStatus) -> None:
        before, self._status = self._status, status
        if before is None or replace(before, now_s=0.0, links=()) != replace(status, now_s=0.0, links=()):
            self._live.put_status("peer", to_row(status))

    def beat(self) -> None:
        """Show this peer's clock and links to the others."""
        self._live.put_status("peer", to_row(self._own_status()))

    def _own_status(self) -> PeerStatus:
        running, saved = self.running, self._editor.saved
        return PeerStatus(
            peer_id=self._custody.authority.me,
            address=self.names().get(self.number, "") if self.number else "",
            host_name=self.host_name(),
            version=self._identity.version,
            now_s=self._clock(),
            started_s=self._started_s,
            held=self._custody.head.stamp,
            in_force=self._in_force,
            digest=self._digest,
            cluster_name=running.cluster_name,
            primary=running.configuration_primary,
            ip_version=running.cluster_ip_version,
            tls_mode=running.tls_verification_mode,
            peers=running.peers,
            h323_mode=saved.protocols.h323_mode,
            restart_reasons=waiting(saved.clustering, running)
            + self.leading.waiting()
            + self._own_certificate.restart_reasons,
            engines=tuple(f"{name}: {words}" for name, words in self._live.troubles.items() if words),
            certificate=self._own_certificate.seen.fingerprint,
            ip=self._identity.address,
            fqdn=self._naming.fqdn(),
            system_name=saved.system.name,
            processors=self._processors,
            memory_mb=self._memory_mb,
            kernel=host.kernel(),
            clock=host.clock_state(),
            platform=saved.capacity.platform,
            licences=licences_of(saved.capacity),
            use=self._account.use(),
            version_next=self.version_next,
            version_before=self.version_before,
            links=tuple(link for _, link in sorted(self.links().items())),
            system_type=saved.system.system_type,
            inside_ip=interfaces.inside(saved.interfaces, running.cluster_ip_version),
            outside=interfaces.outside(saved.interfaces),
        )

    def _statuses(self) -> dict[int, PeerStatus]:
        found = {number: self._live.view.of(PeerStatus, number).get("") for number in self.names()}
        return {number: status for number, status in found.items() if status is not None and number != self.number}

    def host_name(self) -> str:
        """By which this system is shown."""
        return self._naming.host_name() or self._identity.address

    def resolver(self) -> Resolver:
        """Look names up as the running configuration says."""
        return self._naming.resolver(self.running)
