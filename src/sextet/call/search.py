"""Where does a call go: transforms, then search rules by priority, to devices of the cluster or to zones (facts 7.1)?

How it works. A request from another peer is for devices registered here and nothing else: that peer did the search.
Any other request is changed by the first transform that matches, then by each search rule that matches on its own
account. The rules of one priority are looked at together, devices of the cluster first. The search ends after the
priority that found a device, or where a rule that says Stop matched. What is found becomes steps, to be tried in order
until one is answered for good.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sextet.call.alias import is_ip, key
from sextet.call.source import Source, SourceKind
from sextet.call.table import Rule, Table
from sextet.call.transform import applied, first_matching
from sextet.model.expression import ALIAS_MAX

HOPS_WITHOUT_HEADER = 70  # RFC 3261 16.6 step 3
STEPS_MAX = 20  # each failing step can cost a caller seconds; more targets than these nobody waits for
REASONS_MAX = 3  # causes named in one refusal; the rest is in the explanation
REASON_CHARACTERS_MAX = 250  # a Reason header is one line that people read

Here = Callable[[str], bool]
Elsewhere = Callable[[str], Sequence[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What has to be routed, as plain values."""

    protocol: str  # "SIP" or "H323"
    alias: str  # see alias.of_uri
    source: Source
    authenticated: bool = False
    hops: int = HOPS_WITHOUT_HEADER  # Max-Forwards as received
    tag: str = ""  # of the call


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to try: in a local step all devices ring together, in a zone step its addresses are tried in turn.

    `alias` names who is asked for: in a local step it is the registrar's key. `hops` is the Max-Forwards to send.
    """

    kind: Literal["local", "zone"]
    alias: str
    hops: int
    rule: str
    here: bool = False
    peers: tuple[int, ...] = ()
    zone: str = ""
    uris: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Try:
    """Try these in order."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with this status; the reason names the rule that decided, and is safe inside a quoted header."""

    status: int
    reason: str


Decision = Try | Refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What one transform or rule did with the alias, for administrators."""

    kind: Literal["transform", "rule", "peer"]
    name: str
    priority: int
    matched: bool
    before: str
    after: str
    target: str
    finding: str  # why it did not match, or what was found


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision and how it came about."""

    decision: Decision
    notes: tuple[Note, ...]


@dataclass(slots=True)
class _Search:
    """What one search has gathered so far."""

    table: Table
    request: Request
    here: Here
    elsewhere: Elsewhere
    notes: list[Note] | None
    local: list[Step] = field(default_factory=list)
    zones: list[Step] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    asked: set[tuple[str, str]] = field(default_factory=set)
    unreachable: bool = False


def search(table: Table, request: Request, here: Here, elsewhere: Elsewhere) -> Decision:
    """Decide; `here(key)` says whether an alias has devices on this peer, `elsewhere(key)` on which other peers."""
    return _decide(_Search(table, request, here, elsewhere, None))


def explain(table: Table, request: Request, here: Here, elsewhere: Elsewhere) -> Explanation:
    """Decide in the same way, and tell rule by rule why."""
    notes: list[Note] = []
    return Explanation(_decide(_Search(table, request, here, elsewhere, notes)), tuple(notes))


def _decide(state: _Search) -> Decision:
    request = state.request
    if state.table.maintenance:
        return Refuse(503, "this peer is in maintenance mode")  # who asked tries another peer (facts 6.7)
    if request.hops <= 0:
        return Refuse(483, "Too many hops")  # RFC 3261 16.3 step 3
    if not request.alias or len(request.alias) > ALIAS_MAX:
        return Refuse(404 if not request.alias else 414, _safe(f"an alias has 1 to {ALIAS_MAX} characters"))
    if request.source.kind is SourceKind.PEER:
        return _from_peer(state)
    alias = _transformed(state)
    if not alias or len(alias) > ALIAS_MAX:
        return Refuse(404, _safe(f"the transforms leave {len(alias)} characters of {request.alias}"))
    stopped_by = _run_rules(state, alias)
    steps = (*state.local, *state.zones)[:STEPS_MAX]
    return Try(steps) if steps else _not_found(state, alias, stopped_by)


def _from_peer(state: _Search) -> Decision:
    alias = key(state.request.alias)
    found = state.here(alias)
    finding = f"{alias} is {'' if found else 'not '}registered at this peer"
    if state.notes is not None:
        peer = state.request.source
        state.notes.append(
            Note(
                kind="peer",
                name=peer.name,
                priority=0,
                matched=found,
                before=alias,
                after=alias,
                target="",
                finding=finding,
            )
        )
    if not found:
        return Refuse(404, _safe(finding))
    return Try((Step(kind="local", alias=alias, hops=state.request.hops - 1, rule="", here=True),))


def _transformed(state: _Search) -> str:
    alias = state.request.alias
    transform = first_matching(state.table.transforms, alias)
    if transform is None:
        return alias
    changed = applied(transform.behavior, transform.pattern, transform.replace, alias)
    if state.notes is not None:
        name = f"transform {transform.priority}"
        state.notes.append(
            Note(
                kind="transform", name=name, priority=transform.priority, matched=True, before=alias, after=changed,
                target="", finding=transform.behavior,
            )
        )  # fmt: skip
    return changed


def _run_rules(state: _Search, alias: str) -> str:
    """Run the rules to the end of the priority that finds a device or holds a Stop; gives the rule that stopped."""
    lowered, ip = alias.lower(), is_ip(alias)
    priority, stopped_by = 0, ""
    for rule in state.table.rules:
        if rule.priority != priority:
            if state.local or stopped_by:
                break
            priority = rule.priority
        obstacle = _obstacle(rule, state.request, alias, lowered, ip)
        if obstacle:
            if state.notes is not None:
                _note(state, rule, alias, alias, False, obstacle)
            continue
        changed = applied(rule.behavior, rule.pattern, rule.replace, alias) if rule.pattern is not None else alias
        finding = _ask(state, rule, changed)
        if state.notes is not None:
            _note(state, rule, alias, changed, True, finding)
        if rule.stop and not stopped_by:
            stopped_by = rule.name
    return stopped_by


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
    return "" if source.name == wanted else f"the source is not {wanted}"


def _ask(state: _Search, rule: Rule, alias: str) -> str:
    """Ask the target of a rule; gives the finding, empty where explanations are not wanted and a step was added."""
    if not alias or len(alias) > ALIAS_MAX:
        return _missed(state, rule, f"nothing that can be searched is left of {state.request.alias}")
    asked = (rule.target, key(alias))
    if asked in state.asked:
        return "already asked"  # facts 7.1: duplicates after the transform are removed
    state.asked.add(asked)
    return _ask_local(state, rule, asked[1]) if rule.local else _ask_zone(state, rule, alias)


def _ask_local(state: _Search, rule: Rule, alias: str) -> str:
    table = state.table
    here = state.here(alias)
    owners = [number for number in state.elsewhere(alias) if number != table.number]
    peers = tuple(number for number in owners if number in table.peers and table.peers[number].up)
    if not here and not peers:
        if not owners:
            return _missed(state, rule, f"{alias} is not registered")
        state.unreachable = True
        return _missed(state, rule, f"{alias} is registered at {_names(table, owners)}, which cannot be reached")
    hops = state.request.hops - 1
    state.local.append(Step(kind="local", alias=alias, hops=hops, rule=rule.name, here=here, peers=peers))
    return "" if state.notes is None else f"registered at {_names(table, [*([table.number] if here else []), *peers])}"


def _ask_zone(state: _Search, rule: Rule, alias: str) -> str:
    zone = state.table.zones.get(rule.target)
    if zone is None:
        return _missed(state, rule, f"there is no enabled zone {rule.target}")
    if state.request.source.kind is SourceKind.ZONE and state.request.source.name == zone.name:
        return _missed(state, rule, f"zone {zone.name} is where the request came from")
    if not zone.uris:
        return _missed(state, rule, f"zone {zone.name} has no address")
    hops = min(state.request.hops - 1, zone.hop_count)  # facts 7.3, and RFC 3261 16.6 step 3
    state.zones.append(Step(kind="zone", alias=alias, hops=hops, rule=rule.name, zone=zone.name, uris=zone.uris))
    return f"zone {zone.name} is asked for {alias}"


def _missed(state: _Search, rule: Rule, finding: str) -> str:
    state.failed.append(f"rule {rule.name}: {finding}")
    return finding


def _not_found(state: _Search, alias: str, stopped_by: str) -> Refuse:
    if not state.failed:
        return Refuse(404, _safe(f"no search rule matched {alias}"))
    reasons = "; ".join(state.failed[-REASONS_MAX:])
    ending = f"; rule {stopped_by} ended the search" if stopped_by else ""
    return Refuse(480 if state.unreachable else 404, _safe(reasons + ending))


def _names(table: Table, numbers: Sequence[int]) -> str:
    names = ("this peer" if number == table.number else _name(table, number) for number in numbers)
    return ", ".join(names)


def _name(table: Table, number: int) -> str:
    return f"peer {number} ({table.peers[number].name})" if number in table.peers else f"peer {number}"


def _note(state: _Search, rule: Rule, before: str, after: str, matched: bool, finding: str) -> None:
    assert state.notes is not None
    state.notes.append(
        Note(
            kind="rule", name=rule.name, priority=rule.priority, matched=matched, before=before, after=after,
            target=rule.target, finding=finding,
        )
    )  # fmt: skip


def _safe(text: str) -> str:
    """Aliases come from strangers: keep what may stand in a quoted string (RFC 3261 25.1), cut what is too long."""
    plain = "".join(character if character.isprintable() and character not in '"\\' else "?" for character in text)
    return plain if len(plain) <= REASON_CHARACTERS_MAX else plain[: REASON_CHARACTERS_MAX - 1] + "…"
