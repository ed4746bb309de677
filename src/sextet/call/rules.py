"""Which search rules match an alias, whom do they ask, and in which rounds (facts 7.1, 5)?

The rules of one priority are looked at together and make one round, and one more by the other protocol where
interworking allows it. The rounds end after the priority that found a device of the cluster, or where a rule that says
Stop matched. An IP address that nobody here is registered from may be called without asking any rule (facts 7.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sextet.call.alias import is_ip, key, place_of, uri_of
from sextet.call.decision import SIPS, Elsewhere, Here, Note, NoteKind, Request, Round, Target, Then
from sextet.call.interworking import OTHER, others
from sextet.call.search_rule import Rule
from sextet.call.source import Source, SourceKind
from sextet.call.table import Table
from sextet.call.transform import applied
from sextet.call.zones import ZoneRow
from sextet.model.expression import ALIAS_MAX
from sextet.model.settings.zones import DNS

TARGETS_MAX = 20  # of one search: each failing one can cost a caller seconds, and a worker a branch of 30


@dataclass(slots=True)
class Inquiry:
    """One search while it goes on: what it was given, and what it has gathered so far."""

    table: Table
    request: Request
    here: Here
    elsewhere: Elsewhere
    every: bool  # note also what did not match
    notes: list[Note] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    asked: set[tuple[str, str]] = field(default_factory=set)
    then: list[Then] = field(default_factory=list)  # whom to ask what comes after, the one asked last first
    open: list[tuple[str, str, str]] = field(default_factory=list)  # what policy services have to be asked first
    targets: int = 0
    searches: int = 0  # aliases looked for: the first, and each that a stage or a target named
    status: int = 404  # of the refusal, when nothing is found

    def note(
        self, kind: NoteKind, name: str, before: str, after: str, finding: str,
        *, matched: bool = True, priority: int = 0, target: str = "",
    ) -> None:  # fmt: skip
        self.notes.append(
            Note(
                kind=kind, name=name, matched=matched, before=before, after=after, finding=finding,
                priority=priority, target=target,
            )
        )  # fmt: skip


def rounds_of(inquiry: Inquiry, alias: str, trail: tuple[str, ...]) -> list[Round]:
    """Run the rules for one alias, to the end of the priority that finds a device or holds a Stop."""
    lowered, ip = alias.lower(), is_ip(alias)
    if ip and inquiry.table.dial_plan.unknown_ip != "Indirect" and not _known(inquiry, alias):
        return _unknown(inquiry, alias)
    rounds: list[Round] = []
    gathered: list[Target] = []
    priority, stopped_by = 0, ""
    table = inquiry.table
    source = inquiry.request.source
    rules = table.rules if inquiry.every else table.rule_index.candidates(lowered, ip, source.name, source.subzone)
    for rule in rules:
        if rule.priority != priority:
            _close(inquiry, rounds, priority, gathered)
            if stopped_by or _found(gathered):
                break
            priority, gathered = rule.priority, []
        obstacle = _obstacle(rule, inquiry.request, alias, lowered, ip)
        if obstacle:
            if inquiry.every:
                inquiry.note(
                    "rule", rule.name, alias, alias, obstacle,
                    matched=False, priority=rule.priority, target=rule.target,
                )  # fmt: skip
            continue
        changed = applied(rule.behavior, rule.pattern, rule.replace, alias) if rule.pattern is not None else alias
        finding, target = _ask(inquiry, rule, changed, trail)
        if target is not None:
            gathered.append(target)
        inquiry.note("rule", rule.name, alias, changed, finding, priority=rule.priority, target=rule.target)
        if rule.stop and not stopped_by:
            stopped_by = rule.name
    else:
        _close(inquiry, rounds, priority, gathered)
    if stopped_by and not rounds:
        inquiry.failed.append(f"rule {stopped_by} ended the search")
    elif not rounds and not inquiry.failed:
        inquiry.failed.append(f"no search rule matched {alias}")
    return rounds


def _close(inquiry: Inquiry, rounds: list[Round], priority: int, gathered: Sequence[Target]) -> None:
    """Make the rounds of a priority, the devices of the cluster first, the caller's own protocol first."""
    if not gathered:
        return
    targets = (*(one for one in gathered if one.kind == "local"), *(one for one in gathered if one.kind != "local"))
    rounds.append(Round(priority=priority, targets=targets))
    request, table = inquiry.request, inquiry.table
    too, reason = others(table.dial_plan.interworking, table.gateway, request, targets)
    if too:
        rounds.append(Round(priority=priority, targets=too, protocol=OTHER[request.protocol]))
    if reason and inquiry.every:
        inquiry.note("protocol", f"priority {priority}", "", "", reason, matched=False, priority=priority)


def _known(inquiry: Inquiry, ip: str) -> bool:
    """Say whether an address is registered, or within the range of a subzone (facts 7.5)."""
    return inquiry.here(ip) is not False or bool(inquiry.elsewhere(ip)) or inquiry.table.dial_plan.within(ip)


def _unknown(inquiry: Inquiry, ip: str) -> list[Round]:
    """Call an unknown address, or refuse it; a stranger gets nobody to send packets to an address of his choice."""
    request, plan = inquiry.request, inquiry.table.dial_plan
    finding = ""
    if plan.unknown_ip == "Off":
        finding = f"{ip} is not known here, and calls to unknown IP addresses are Off"
    elif request.source.kind is SourceKind.DEFAULT and not request.authenticated:
        finding = f"{ip} is not known here, and strangers are not connected to unknown IP addresses"
    inquiry.note("alias", "unknown IP address", ip, ip, finding or f"{ip} is called directly", matched=not finding)
    if finding:
        inquiry.status = 403
        inquiry.failed.append(finding)
        return []
    return [Round(priority=0, targets=(_direct(inquiry, ip, ""),))]


def _direct(inquiry: Inquiry, ip: str, rule: str) -> Target:
    transports = ("tls",) if inquiry.request.secure else inquiry.table.dial_plan.transports
    uris = tuple(f"{uri_of(ip)};transport={name}" for name in transports)
    return Target(kind="direct", alias=ip, hops=inquiry.request.hops - 1, rule=rule, uris=uris)


def _found(gathered: Sequence[Target]) -> bool:
    return any(target.kind not in ("zone", "service") for target in gathered)


def _obstacle(rule: Rule, request: Request, alias: str, lowered: str, ip: bool) -> str:
    """Say why a rule does not match; the questions that nearly every rule passes come last."""
    if rule.pattern is not None:
        if not rule.pattern.matches(alias, lowered):
            return "the pattern does not match"
    elif ip != (rule.mode == "Any IP address"):
        return f"the mode is {rule.mode}"
    if not rule.enabled:
        return "the rule is disabled"
    if rule.protocol != "Any" and rule.protocol != request.protocol:
        return f"the protocol is not {rule.protocol}"
    if rule.authenticated and not request.authenticated:
        return "the request is not authenticated"
    return "" if rule.source == "Any" else _wrong_source(rule, request.source)


def _wrong_source(rule: Rule, source: Source) -> str:
    """All zones means every sender that is known: our own endpoints and the neighbour zones, not the Default Zone."""
    if rule.source == "All zones":
        return "the source is not known" if source.kind is SourceKind.DEFAULT else ""
    wanted = rule.source_name if rule.source == "Named" else "LocalZone"
    return "" if wanted in (source.name, source.subzone) else f"the source is not {wanted}"


def _ask(inquiry: Inquiry, rule: Rule, alias: str, trail: tuple[str, ...]) -> tuple[str, Target | None]:
    """Ask the target of a rule; gives the finding, and the target where there is something to ask."""
    if not alias or len(alias) > ALIAS_MAX:
        return _missed(inquiry, rule, f"nothing that can be searched is left of {inquiry.request.alias}")
    asked = (rule.target, key(alias))
    if asked in inquiry.asked:
        return "already asked", None  # facts 7.1: duplicates after the transform are removed
    inquiry.asked.add(asked)
    finding, target = _local(inquiry, rule, asked[1]) if rule.local else _zone(inquiry, rule, alias, trail)
    if target is not None and inquiry.targets == TARGETS_MAX:
        return _missed(inquiry, rule, f"{TARGETS_MAX} targets are asked already")
    inquiry.targets += target is not None
    return finding, target


def _local(inquiry: Inquiry, rule: Rule, alias: str) -> tuple[str, Target | None]:
    table = inquiry.table
    if inquiry.request.device == "":
        return _missed(inquiry, rule, "no temporary GRUU is known here")  # RFC 5627 6.1
    here = inquiry.here(alias)
    owners = [number for number in inquiry.elsewhere(alias) if number != table.number]
    peers = tuple(number for number in owners if number in table.peers and table.peers[number].up)
    if not here and not peers:
        if here is None and not owners:
            inquiry.status = 480
            return _missed(inquiry, rule, f"{alias} is not registered over TLS, {SIPS}")
        if not owners and is_ip(alias) and table.dial_plan.within(alias):
            return f"{alias} is within a subzone's range and is called directly", _direct(inquiry, alias, rule.name)
        if not owners:
            return _missed(inquiry, rule, f"{alias} is not registered")
        inquiry.status = 480
        return _missed(inquiry, rule, f"{alias} is registered at {_names(table, owners)}, which cannot be reached")
    hops = inquiry.request.hops - 1
    target = Target(kind="local", alias=alias, hops=hops, rule=rule.name, here=bool(here), peers=peers)
    return f"registered at {_names(table, [*([table.number] if here else []), *peers])}", target


def _zone(inquiry: Inquiry, rule: Rule, alias: str, trail: tuple[str, ...]) -> tuple[str, Target | None]:
    request, zone = inquiry.request, inquiry.table.zones.get(rule.target)
    if zone is None and rule.target in inquiry.table.services:
        return f"policy service {rule.target} is asked about {alias}", Target(
            kind="service", alias=alias, hops=request.hops - 1, rule=rule.name, zone=rule.target, trail=trail
        )
    if zone is None:
        return _missed(inquiry, rule, f"there is no enabled zone {rule.target}")
    if request.source.kind is SourceKind.ZONE and request.source.name == zone.name:
        return _missed(inquiry, rule, f"zone {zone.name} is where the request came from")
    if not zone.uris and not zone.on_demand:
        return _missed(inquiry, rule, f"zone {zone.name} has no address")
    uris = tuple(uri for uri in zone.uris if ";transport=tls" in uri or not request.secure)
    if zone.uris and not uris:
        inquiry.status = 480
        return _missed(inquiry, rule, f"zone {zone.name} is not reached over TLS, {SIPS}")
    if unfit := zone.unfit(alias) or _barred(inquiry, zone, alias):
        return _missed(inquiry, rule, unfit)
    hops = min(request.hops - 1, zone.hop_count)  # facts 7.3, and RFC 3261 16.6 step 3
    return f"zone {zone.name} is asked for {alias}", Target(
        kind="zone", alias=alias, hops=hops, rule=rule.name, zone=zone.name, uris=uris, trail=trail
    )


def _barred(inquiry: Inquiry, zone: ZoneRow, alias: str) -> str:
    """Say why a DNS zone does not call an IP address; "" where it does, or a domain is called."""
    if zone.type != DNS or not is_ip(place := place_of(alias)):
        return ""
    if place in inquiry.table.peer_of_ip or place in inquiry.table.hosts:
        return f"{place} is an address of this cluster"
    if inquiry.request.source.kind is SourceKind.DEFAULT and not inquiry.request.authenticated:
        return f"strangers are not connected to IP addresses such as {place}"
    return ""


def _missed(inquiry: Inquiry, rule: Rule, finding: str) -> tuple[str, None]:
    inquiry.failed.append(f"rule {rule.name}: {finding}")
    return finding, None


def _names(table: Table, numbers: Sequence[int]) -> str:
    names = ("this peer" if number == table.number else _name(table, number) for number in numbers)
    return ", ".join(names)


def _name(table: Table, number: int) -> str:
    return f"peer {number} ({table.peers[number].name})" if number in table.peers else f"peer {number}"
