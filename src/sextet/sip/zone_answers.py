"""Answers what workers ask: where a domain is called (RFC 3263), which aliases a number stands for (RFC 6116).

Policy services and the H.350 directory are asked elsewhere; their questions come and go the same way.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Callable, Sequence

from dns.rdtypes.IN.NAPTR import NAPTR

from sextet.call.alias import of_uri
from sextet.engine import EngineError, Wanted
from sextet.model.expression import flaw
from sextet.model.ip import in_uri
from sextet.model.schema import is_ip
from sextet.model.settings.protocols import Protocols
from sextet.model.settings.zones import Zone
from sextet.sip.agent_line import AgentLine
from sextet.sip.directory import Directory
from sextet.sip.events import Asked, Named
from sextet.sip.kemi.asking.questions import DIRECTORY, HOP, WHY
from sextet.sip.kemi.zones.naming import BOUND, WANTED
from sextet.sip.name_checks import NameChecks
from sextet.sip.policy_services import PolicyServices
from sextet.sip.resolver import SERVICES, Resolver, Unanswered

LIMIT_S = 2.5  # of one question with all that follows from it; the caller's transaction waits 3 s
ANSWERED_S = 2.8  # with the certificates that are looked at
KEPT_S, MISSED_S = 30, 5  # a domain that moved is called at its new place after half a minute
TAKEN_S = 10  # the call that waits takes the answer of a policy service at once
TOGETHER_MAX = 200  # questions at once; more are answered with nothing
DEVICES_MAX = (
    1000  # of devices at once, all of which a directory that answers in 10 ms can have in time; measured: 600 in 1 s
)
HOPS_MAX = 10  # next hops of one domain, aliases of one number
NAPTR_TRANSPORTS = {b"SIPS+D2T": "tls", b"SIP+D2T": "tcp", b"SIP+D2U": "udp"}  # RFC 3263 4.1, in the order of facts 7.2
EXPRESSION_MAX = 100  # characters; what is longer is no rewriting of a number
_NAME = re.compile(r"[a-z0-9._:-]{1,253}")
_WITHIN = re.compile(
    rf"sip:(\[[0-9a-f:.]+\]|[a-z0-9._-]{{1,253}})(?::(\d{{1,5}}))?;transport=tls(;{WANTED}=[a-z0-9._:,-]+)"
)
PORTS = {"tls": 5061, "tcp": 5060, "udp": 5060}
_EXPRESSION = re.compile(r"^([^\\\d])(.*?)\1(.*?)\1(i?)$", re.IGNORECASE)
_ENUM_SERVICES = ("e2u+sip", "sip+e2u", "e2u+h323", "h323+e2u")

Answer = tuple[str, list[str], int]  # question, next hops or aliases, for how many seconds


class ZoneAnswers:
    """Answers the questions of workers, each within a time limit; `tell_named` hears what certificates showed.

    Whom it asks follows and stops with it.
    """

    def __init__(
        self, resolver: Resolver, line: AgentLine, services: PolicyServices, directory: Directory,
        tell_named: Callable[[Named], None],
    ) -> None:  # fmt: skip
        self._resolver = resolver
        self._services = services
        self._directory = directory
        self._names = NameChecks(line.name, tell_named)
        self._line = line
        self._wanted: Wanted | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._devices: set[asyncio.Task[None]] = set()

    def follow(self, wanted: Wanted) -> None:
        """These are the zones, the policy services and the H.350 directory now."""
        self._wanted = wanted
        self._services.follow(wanted)
        self._directory.follow(wanted)

    def take(self, event: Asked | Named) -> None:
        """Begin to answer, or note what was found out for an answer."""
        if isinstance(event, Named):
            self._names.heard(event)
            return
        of_a_device = event.questions[0].startswith(DIRECTORY)
        tasks, most = (self._devices, DEVICES_MAX) if of_a_device else (self._tasks, TOGETHER_MAX)
        wanted = self._wanted
        if len(tasks) >= most or wanted is None:
            return  # the transaction goes on without an answer when its time is over
        task = asyncio.create_task(self._answer(event.transaction, event.questions, wanted), name="zone question")
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def stop(self) -> None:
        """Answer nothing more."""
        for task in self._tasks | self._devices:
            task.cancel()
        self._services.stop()
        self._directory.stop()

    async def _answer(self, transaction: str, questions: Sequence[str], wanted: Wanted) -> None:
        zones = {zone.name: zone for zone in wanted.config.zones if zone.state == "Enabled"}
        answers = await asyncio.gather(*(self._one(asked, zones, wanted) for asked in questions))
        try:
            await self._line.answer(transaction, [one for each in answers for one in each])
        except EngineError:
            return  # Kamailio is gone, and the call with it

    async def _one(self, asked: str, zones: dict[str, Zone], wanted: Wanted) -> list[Answer]:
        if asked.startswith(DIRECTORY):
            return [(asked, *await self._directory.ask(asked.removeprefix(DIRECTORY)))]
        kind, what, name = asked.split(" ", 2)
        began_s = time.monotonic()
        if kind == "policy":
            text = await self._services.ask(name, what)
            return [(asked, [text] if text else [], TAKEN_S)]
        found: list[str] = []
        wrong = ""
        try:
            async with asyncio.timeout(LIMIT_S):
                if kind == HOP:
                    found = await hops_within(self._resolver, what)
                elif (zone := zones.get(name)) is not None and kind == "dns":
                    found = await next_hops(self._resolver, zone, what, _on(wanted.config.protocols))
                elif zone is not None:
                    found = await aliases(self._resolver, zone.dns_suffix, what)
        except (Unanswered, TimeoutError):
            found = []
        if kind in ("dns", HOP):
            left_s = ANSWERED_S - (time.monotonic() - began_s)
            found, wrong = await self._names.right(name, found[:HOPS_MAX], wanted, left_s)
        told = [(asked, found[:HOPS_MAX], KEPT_S if found else MISSED_S)]
        return [*told, (f"{WHY}{asked}", [wrong], MISSED_S)] if wrong and not found else told


async def next_hops(resolver: Resolver, zone: Zone, domain: str, transports: frozenset[str]) -> list[str]:
    """Find where a domain is called, best first: NAPTR, else the usual SRV records, else its address where allowed.

    An IP address is called itself, DNS is not asked (RFC 3263 4.1, 4.2); by the transport that the zone has for
    what DNS says nothing of.

    A next hop over TLS has the name that its certificate has to show, where the zone wants that, else the one that the
    connection is for (SNI). Raises Unanswered where DNS says nothing.
    """
    shown = (zone.tls_subject_name or domain).lower().rstrip(".")
    if zone.tls_verify and not _NAME.fullmatch(shown):
        raise Unanswered(f"{shown} is no name that a certificate could show")
    named = _NAME.fullmatch(shown) and not is_ip(shown)
    more = f";{WANTED}={shown}" if zone.tls_verify else f";{BOUND}={shown}" if named else ""
    transport = zone.default_transport.lower()
    if is_ip(domain):
        return [_hop(domain, PORTS[transport], transport, more)] if transport in transports else []
    services = [
        (NAPTR_TRANSPORTS[one.service.upper()], str(one.replacement).rstrip("."))
        for one in await resolver.naptr(domain)
        if one.flags.lower() == b"s" and one.service.upper() in NAPTR_TRANSPORTS
    ]
    services = services or [(transport, f"{service}.{domain}") for transport, service in SERVICES.items()]
    wanted = [(transport, name) for transport, name in services if transport in transports]
    found = await asyncio.gather(*(resolver.service(name) for _, name in wanted), return_exceptions=True)
    hops = [
        _hop(ip, one.port, transport, more)
        for (transport, _), answer in zip(wanted, found, strict=True)
        if isinstance(answer, tuple)
        for one in answer
        for ip in one.ips
    ]
    if not hops and zone.include_address_record and transport in transports:
        hops = [_hop(ip, PORTS[transport], transport, more) for ip in await resolver.addresses(domain)]
    return list(dict.fromkeys(hops))


async def hops_within(resolver: Resolver, hop: str) -> list[str]:
    """Find the addresses of a next hop over TLS that the other side of a call named (RFC 3263 4.2), best first.

    Each has the names of which its certificate has to show one. Raises Unanswered where DNS says nothing.
    """
    parts = _WITHIN.fullmatch(hop)
    if parts is None:
        raise Unanswered(f"{hop} is no next hop")
    host, port, more = parts[1].strip("[]"), parts[2], parts[3]
    if is_ip(host):
        return [hop]
    if not port:
        with contextlib.suppress(Unanswered):
            found = await resolver.service(f"{SERVICES['tls']}.{host}")
            return [_hop(ip, one.port, "tls", more) for one in found for ip in one.ips]
    return [_hop(ip, int(port or PORTS["tls"]), "tls", more) for ip in await resolver.addresses(host)]


async def aliases(resolver: Resolver, suffix: str, number: str) -> list[str]:
    """Find the aliases that a number stands for, best first; raises Unanswered."""
    name = f"{'.'.join(reversed(number))}.{suffix.strip('.')}"
    found = [rewritten(one, number) for one in await resolver.naptr(name)]
    return list(dict.fromkeys(alias for alias in found if alias))


def rewritten(record: NAPTR, number: str) -> str:
    """Carry out a terminal NAPTR rule (RFC 3402 3.2) on +number; empty where it names no SIP or H.323 alias."""
    if record.flags.lower() != b"u" or record.service.decode("ascii", "replace").lower() not in _ENUM_SERVICES:
        return ""
    rule = _EXPRESSION.fullmatch(record.regexp.decode("utf-8", "replace"))
    if rule is None or len(rule[2]) > EXPRESSION_MAX or flaw(rule[2]):  # strangers write these: none may take for ever
        return ""
    try:
        matched = re.match(rule[2], f"+{number}", re.IGNORECASE if rule[4] else 0)
        if matched is None:
            return ""
        uri = re.sub(r"\\(\d)", lambda group: matched[int(group[1])] or "", rule[3])
    except (re.error, IndexError):
        return ""
    return of_uri(re.sub(r"(?i)^h323:", "", uri)) if len(uri) <= 255 else ""


def _hop(ip: str, port: int, transport: str, more: str) -> str:
    name = more if transport == "tls" else ""
    return f"sip:{in_uri(ip)}:{port};transport={transport}{name}"


def _on(protocols: Protocols) -> frozenset[str]:
    on = {"tls": protocols.sip_tls, "tcp": protocols.sip_tcp, "udp": protocols.sip_udp}
    return frozenset(name for name, is_on in on.items() if is_on)
