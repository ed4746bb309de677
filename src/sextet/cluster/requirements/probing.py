"""What has to be asked before requirements can be judged: ports, names, clocks, certificates; by limits, and in time.

How it works. Every minute each peer is asked once, one after the other, and the host itself; on demand everything is
asked at once. What came of it stays in `measured` until it is asked again.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.serialization import Encoding

from sextet.cluster import host
from sextet.cluster.configuration.identity import Identity
from sextet.cluster.judgement import LIVE, Evidence
from sextet.cluster.requirements import knock
from sextet.cluster.requirements.checks import ALARMS, alarms_of, not_inside
from sextet.cluster.requirements.clocks import CONFIRMED, confirmed
from sextet.cluster.requirements.knock import Knock, ServerTime
from sextet.cluster.requirements.measured import Answer, Found, Look, Measured
from sextet.cluster.requirements.newcomer import unmet
from sextet.cluster.requirements.ports import call_port
from sextet.cluster.requirements.ways import outdated
from sextet.cluster.rows.alarms import Alarms
from sextet.cluster.trust import certificates
from sextet.cluster.trust.certificates import CertificateError, Inspection
from sextet.cluster.wire.dial import SOURCE_PORTS
from sextet.cluster.wire.feed import CallFailed
from sextet.cluster.wire.links import Links
from sextet.cluster.wire.names import NameFailure, Resolved, Resolver
from sextet.cluster.wire.peer_link import PeerLink
from sextet.model.alarms import INVALID_PEER_ADDRESS
from sextet.model.schema import is_ip, server_place

EVERY_S = 60.0  # names, dates and clocks change over minutes; links are watched all the time anyway
AGAIN_S = 5.0  # between looks for peers that came back since they were asked: nobody waits a minute for what is over
FIRST_S = 10.0  # links are up 2 s after a start; until then there is little to ask
EXCHANGES = 3  # of clocks; the fastest counts, since waiting in queues is what makes them uncertain
ANSWER_LIMIT_S = 2.0
ZONE_NAMES_MAX = 60  # names of zones' peers that are looked up each minute
OUTSIDE = "inside interface"  # what alarm 20005 is about where it comes from here
ANY_PORT = (0, 0)  # as calls do
NAME = "check"  # the question `rpc.check`
PORTS: tuple[tuple[Literal["tcp", "udp"], int], ...] = (
    ("tcp", 4371),
    ("udp", 1719),
)  # 4372 is watched by the link itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Where this peer's certificate and the authorities are."""

    certificate: Path
    trusted: Path

    @classmethod
    def of(cls, identity: Identity) -> Files:
        return cls(certificate=identity.certificate, trusted=identity.trusted)


_CLOCKS = (CONFIRMED, host.SYNCHRONISED, host.UNSYNCHRONISED, host.UNKNOWN)


class Probing:
    """Asks, remembers, and raises the alarms that follow."""

    def __init__(
        self, files: Files, evidence: Callable[[], Evidence], links: Links, alarms: Alarms, clock: Callable[[], float]
    ) -> None:
        self.measured = Measured()
        self._files = files
        self._evidence = evidence
        self._links = links
        self._alarms = alarms
        self._clock = clock
        self._asking = asyncio.Lock()
        self._ended = 0.0  # when everything had been asked
        self._ended_at_once = 0.0  # and all of it at one time
        self._naming: object = None
        self._resolver = Resolver(mapping={}, servers=(), clock=clock)

    def age_s(self) -> float:
        """Say how long ago everything was asked last; -1 while it was not."""
        return self._clock() - self._ended if self._ended else -1.0

    async def run(self) -> None:
        """Ask for ever, each peer in its turn."""
        await asyncio.sleep(FIRST_S)
        while True:
            try:
                await self._rounds()
            except Exception as error:  # the task ends here: what fails once must not end the checks for good
                context = {"message": "checks: our error", "exception": error}
                asyncio.get_running_loop().call_exception_handler(context)
            await asyncio.sleep(EVERY_S)

    async def _rounds(self) -> None:
        await self.now()
        while True:
            others = sorted(self._evidence().links)
            pause_s = EVERY_S / (len(others) + 1)
            for number in others:
                await self._pause(pause_s)
                await self._ask([number], here=False)
            await self._pause(pause_s)
            await self._ask([], here=True)
            self._ended = self._clock()

    async def _pause(self, pause_s: float) -> None:
        """Wait, and meanwhile ask peers again of which something else may be true by now."""
        until = self._clock() + pause_s
        while (left_s := until - self._clock()) > 0:
            await asyncio.sleep(min(left_s, AGAIN_S))
            if again := outdated(self._evidence(), self.measured):
                await self._ask(again, here=False)

    async def now(self) -> None:
        """Ask for everything at once; who comes while that is done waits for it and does not ask again."""
        came = self._clock()
        async with self._asking:
            if self._ended_at_once > came:
                return
            await self._everything(sorted(self._evidence().links), here=True)
            self._ended = self._ended_at_once = self._clock()

    async def newcomer(self, address: str) -> tuple[str, ...]:
        """Say which requirements a system does not meet that is to become a peer; takes some seconds at most."""
        seen = self._evidence()
        self._follow(seen)
        look = await self._look(address)
        places = [("tcp", 4372), ("tcp", 4371)] if look.ip else []
        knocked = await asyncio.gather(*(self._knock(seen, place, look.ip) for place in places))
        knocks = {f"{kind} {port}": one for (kind, port), one in zip(places, knocked, strict=True)}
        return unmet(seen, address, look, knocks)

    async def answer(self, question: bytes) -> bytes:
        """Answer another peer: what this clock shows and from where the asker comes. Raises CallFailed."""
        try:
            number = json.loads(question)["peer"]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise CallFailed("the question cannot be read") from error
        seen_as = self._links.addresses().get(number, "") if type(number) is int else ""
        clock = CONFIRMED if confirmed(self.measured) else host.clock_state()
        # The wall clock travels for this check only: it is what is compared, and only a sentence follows from it.
        return json.dumps({"wall_s": time.time(), "seen_as": seen_as, "clock": clock}).encode()

    async def _ask(self, numbers: Sequence[int], *, here: bool) -> None:
        async with self._asking:
            await self._everything(numbers, here=here)

    async def _everything(self, numbers: Sequence[int], *, here: bool) -> None:
        seen = self._evidence()
        self._follow(seen)
        own = [self._here(seen)] if here else []
        peers = [self._peer(seen, number) for number in numbers if number in seen.links]
        await asyncio.gather(*own, *peers)
        listed = set(self._evidence().links)
        others = {number: found for number, found in self.measured.others.items() if number in listed}
        self.measured = replace(self.measured, others=others)
        standing = alarms_of(self._evidence(), self.measured)
        for alarm, about in ALARMS:
            self._alarms.set(alarm, about, (alarm, about) in standing, standing.get((alarm, about), ""))
        outside = not_inside(self._evidence(), self.measured)
        self._alarms.set(INVALID_PEER_ADDRESS, OUTSIDE, bool(outside), outside)

    def _follow(self, seen: Evidence) -> None:
        rows = seen.running.address_mappings if seen.running.address_mapping_enabled else ()
        mapping = {row.fqdn: row.ip for row in rows}
        servers = tuple(server.address for server in seen.saved.system.dns_servers)
        naming = mapping, servers, seen.running.cluster_ip_version
        if naming != self._naming:
            self._naming = naming
            self._resolver = Resolver(mapping=mapping, servers=servers, ipv6=naming[2] == "IPv6", clock=self._clock)

    async def _here(self, seen: Evidence) -> None:
        servers = asyncio.gather(*(self._server(one.address) for one in seen.saved.system.ntp_servers))
        name = seen.running.peers[seen.number - 1] if seen.number else ""
        looks = self._looks([name] if name else [])
        zones = self._zones(seen)
        told, look, zone_ips = await asyncio.gather(servers, looks, zones)
        certificate, failure = await asyncio.to_thread(self._own_certificate, name or _fqdn(seen))
        self.measured = replace(
            self.measured,
            servers=tuple(told),
            listens=frozenset(f"{kind} {port}" for kind, port in PORTS if knock.listens(kind, seen.own.ip, port)),
            looked=True,
            looks=self._listed({**self.measured.looks, **look}),
            zone_ips=zone_ips,
            certificate=certificate,
            certificate_failure=failure,
        )

    async def _peer(self, seen: Evidence, number: int) -> None:
        link, status = self._links.link(number), seen.links[number]
        if link is None:
            return
        ip = seen.names.get(status.peer, "")
        places = (*PORTS, *_sip(seen), *([("tcp", 4372)] if status.state != LIVE else []))
        knocks = asyncio.gather(*(self._through(link, seen, place, ip) for place in places if ip))
        answer, knocked, looks = await asyncio.gather(
            self._exchange(link, seen.number), knocks, self._looks([status.peer])
        )
        certificate, failure = await asyncio.to_thread(self._certificate_of, link, status.peer)
        found = Found(
            knocks={f"{kind} {port}": one for (kind, port), one in zip(places, knocked, strict=False)},
            answer=answer,
            comes_from=self._links.addresses().get(number, ""),
            since_s=status.since_s,
            certificate=certificate,
            certificate_failure=failure,
        )
        others = {**self.measured.others, number: found}
        self.measured = replace(self.measured, others=others, looks=self._listed({**self.measured.looks, **looks}))

    async def _exchange(self, link: PeerLink, own: int) -> Answer:
        """Compare clocks as NTP does: the peer's, less ours half way between question and answer."""
        best: Answer | None = None
        question = json.dumps({"peer": own}).encode()
        for _ in range(EXCHANGES):
            wall, started = time.time(), time.monotonic()  # the wall clock is what is compared
            try:
                said = json.loads(await link.request(NAME, question, ANSWER_LIMIT_S))
                took_s = time.monotonic() - started
                ahead, seen_as = float(said["wall_s"]) - (wall + took_s / 2), _shown(said["seen_as"])
                clock = said.get("clock")
            except CallFailed as error:
                return best or Answer(failure=str(error))
            except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
                return Answer(failure=f"its answer cannot be read: {type(error).__name__}")
            if best is None or took_s / 2 < best.uncertain_s:
                best = Answer(
                    clock_ahead_s=ahead,
                    uncertain_s=took_s / 2,
                    seen_as=seen_as,
                    clock=clock if clock in _CLOCKS else "",
                )
        assert best is not None
        return best

    async def _through(self, link: PeerLink, seen: Evidence, place: tuple[str, int], ip: str) -> Knock:
        """Knock where the cable to the peer is not cut (fault injection)."""
        try:
            async with asyncio.timeout(knock.LIMIT_S):
                await link.gate.passed()
        except TimeoutError:
            return Knock("silent", f"no answer from {ip} port {place[1]} within {knock.LIMIT_S:g} s")
        return await self._knock(seen, place, ip)

    async def _knock(self, seen: Evidence, place: tuple[str, int], ip: str) -> Knock:
        kind, port = place
        sources = ANY_PORT if (kind, port) in _sip(seen) else SOURCE_PORTS
        return await (knock.tcp(seen.own.ip, ip, port, sources=sources) if kind == "tcp" else knock.udp(ip, port))

    async def _looks(self, names: Sequence[str]) -> dict[str, Look]:
        return {name: await self._look(name) for name in names}

    async def _look(self, name: str) -> Look:
        answer = await self._resolver.resolve(name)
        if isinstance(answer, NameFailure):
            return Look(failure=answer.sentence)
        if answer.by == "mapping":
            return Look(ip=answer.ip, by=answer.by)
        names = await self._resolver.names_of(answer.ip)
        if isinstance(names, NameFailure):
            return Look(ip=answer.ip, by=answer.by, failure=names.sentence)
        return Look(ip=answer.ip, by=answer.by, names=names)

    def _listed(self, looks: dict[str, Look]) -> dict[str, Look]:
        peers = self._evidence().running.peers
        return {name: look for name, look in looks.items() if name in peers}

    async def _zones(self, seen: Evidence) -> dict[str, str]:
        zones = [zone for zone in seen.saved.zones if zone.state == "Enabled"]
        names = {peer.address for zone in zones for peer in zone.peers if not is_ip(peer.address)}
        wanted = sorted(names)[:ZONE_NAMES_MAX]
        answers = await asyncio.gather(*(self._resolver.resolve(name) for name in wanted))
        return {name: answer.ip for name, answer in zip(wanted, answers, strict=True) if isinstance(answer, Resolved)}

    async def _server(self, server: str) -> ServerTime:
        name, port = server_place(server, knock.NTP_PORT)
        answer = await self._resolver.resolve(name)
        if isinstance(answer, NameFailure):
            return ServerTime(server, failure=answer.cause)
        return await knock.ntp(server, answer.ip, port)

    def _own_certificate(self, name: str) -> tuple[Inspection | None, str]:
        try:
            chain = certificates.read_pem(self._files.certificate.read_bytes(), str(self._files.certificate))
            pem = self._files.trusted.read_bytes()
            trusted = certificates.read_pem(pem, str(self._files.trusted)) if pem.strip() else []
            der = [one.public_bytes(Encoding.DER) for one in chain]
            # The wall clock, since certificates speak of moments.
            return certificates.inspect(der, name, trusted, datetime.now(UTC)), ""
        except (OSError, CertificateError) as error:
            return None, str(error)

    def _certificate_of(self, link: PeerLink, name: str) -> tuple[Inspection | None, str]:
        if not link.chain:
            return None, link.line or link.reason or "no certificate was seen yet"
        try:
            # The wall clock, since certificates speak of moments.
            return certificates.inspect(link.chain, name, self._links.trusted, datetime.now(UTC)), ""
        except CertificateError as error:
            return None, str(error)


def _sip(seen: Evidence) -> tuple[tuple[str, int], ...]:
    """Name the port of calls between peers, as every peer of this configuration has it."""
    if (on := call_port(seen.saved.protocols)) is None:
        return ()
    return (("udp" if on[0] == "UDP" else "tcp", on[1]),)


def _fqdn(seen: Evidence) -> str:
    system = seen.saved.system
    return f"{system.dns_host_name}.{system.dns_domain_name}"


def _shown(address: object) -> str:
    """Take over an address that another peer names, and nothing else."""
    return address if isinstance(address, str) and is_ip(address) else ""
