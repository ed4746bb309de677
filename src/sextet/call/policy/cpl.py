"""What does a CPL script say about a call (RFC 3880, with the original's elements; facts 7.6)?

How it works. A script is a tree below one `taa:routed`. `decide` walks from its root along what matches: switches
choose an output, `taa:location` changes the set of locations, and the walk ends in a Proxy, a Reject, or in nothing,
which goes on as if there were no policy unless locations were set. A Proxy has outputs for what becomes of it; who
carries out the call asks again with `after`, and the number of the proxy node is all that he has to remember.

The tree is made by `cpl_reading`; here nothing can fail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sextet.call.alias import is_ip
from sextet.call.pattern import Pattern
from sextet.model.expression import ALIAS_MAX
from sextet.model.settings.zones import LOCAL_ZONE

Result = Literal["busy", "noanswer", "redirection", "failure", "default"]
Comparison = Literal["is", "contains", "subdomain-of", "regex"]
LOCATIONS_MAX = 20  # what a search tries at most; more locations nobody waits for
RANDOM = -1.0  # a priority that is drawn for each call


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a script may ask about."""

    origin: str  # alias of the caller
    destination: str  # alias as the transforms left it
    original: str = ""  # alias as dialled
    zone: str = ""  # where the request came from: the zone, or the subzone of an endpoint of ours
    user: str = ""  # the name whose credentials came with the request
    authenticated: bool = False
    registered: bool = False  # the caller is an endpoint of this cluster
    protocol: str = "SIP"
    dice: Sequence[float] = ()  # random numbers, 0 <= dice < 1, for locations without a fixed order


@dataclass(frozen=True, slots=True)
class Location:
    """One alias to try, and how early: 1.0 first (RFC 3880 6.1)."""

    alias: str
    priority: float = 1.0


@dataclass(frozen=True, slots=True)
class Proxy:
    """Call these aliases, those of one priority together; none means the destination as it is."""

    groups: tuple[tuple[str, ...], ...] = ()
    timeout_s: int = 0  # 0: as long as any call may ring
    stop_on_busy: bool = True
    node: int = -1  # for `after`; -1 where the script has nothing to say about the outcome
    caller: str = ""  # who is shown as calling; empty: who calls


@dataclass(frozen=True, slots=True)
class Reject:
    """Answer the caller with this."""

    status: int
    reason: str


Decision = Proxy | Reject | None
"""None: the script has no opinion, the call goes on as dialled."""

# The tree; every node of it has a number by which `after` finds a proxy again.


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One `address` of a switch: the value is compared with it."""

    how: Comparison
    text: str = ""
    pattern: Pattern | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressSwitch:
    """The first of the addresses that matches decides."""

    field: str
    subfield: str = ""
    cases: tuple[tuple[Test, Node], ...] = ()
    not_present: Node = None
    otherwise: Node = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One `taa:rule`: all the fields that it names must match, whole and without regard to case."""

    tests: tuple[tuple[str, Pattern], ...]
    then: Node = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSwitch:
    """The first rule that matches decides; none, and the script has no opinion."""

    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AddLocation:
    """Change the locations, then go on."""

    clear: bool = False
    alias: str = ""
    priority: float = 1.0
    pattern: Pattern | None = None
    replace: str = ""
    source: str = ""  # who is shown as calling from here on; or by pattern and replacement
    source_pattern: Pattern | None = None
    source_replace: str = ""
    then: Node = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyNode:
    """The end of a walk, with what comes after it."""

    number: int
    timeout_s: int = 0
    stop_on_busy: bool = True
    outputs: Mapping[Result, Node] = field(default_factory=dict)
    failures: Mapping[int, Node] = field(default_factory=dict)  # `failure` for one status only

    @property
    def says_what_follows(self) -> bool:
        return bool(self.outputs or self.failures)


Node = AddressSwitch | RuleSwitch | AddLocation | ProxyNode | Reject | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A script that was read without error."""

    root: Node = None
    proxies: tuple[ProxyNode, ...] = ()


def decide(script: Script, facts: Facts) -> Decision:
    """Say what becomes of a call."""
    return _walk(script.root, facts, ())


def after(script: Script, node: int, result: Result, facts: Facts, status: int = 0) -> Decision:
    """Say what comes after a proxy that ended so; None where the caller gets the answer that there was."""
    if not 0 <= node < len(script.proxies):
        return None
    proxy = script.proxies[node]
    # RFC 3880 6.1: `failure` takes what has no output of its own, `default` what is left.
    own = result in proxy.outputs and result != "failure"
    if status in proxy.failures and result != "redirection" and not own:
        return _walk(proxy.failures[status], facts, ())
    for name in (result, "failure" if result in ("busy", "noanswer") else result, "default"):
        if name in proxy.outputs:
            return _walk(proxy.outputs[name], facts, ())
    return None


def values_of(facts: Facts, name: str, subfield: str = "") -> tuple[str, ...]:
    """Give what a switch compares, one of which has to match; nothing where it is not present."""
    value = value_of(facts, name, subfield)
    if value is None:
        return ()
    # The original knows subzones only; search rules call all of them the Local Zone, and so may a policy.
    return (value, LOCAL_ZONE) if name == "originating-zone" and facts.registered and not subfield else (value,)


def value_of(facts: Facts, name: str, subfield: str = "") -> str | None:
    """Give the value of a field, or a part of it; None where it is not present."""
    alias = _field(facts, name)
    if not alias:
        return None
    user, at, host = alias.rpartition("@")
    match subfield:
        case "":
            return alias
        case "address-type":
            return facts.protocol.lower()
        case "user":
            return user if at else alias
        case "host":
            return host if at or is_ip(alias) else None
        case "tel":
            number = user if at else alias
            return number if number.lstrip("+").isdigit() else None
        case "alias-type":
            return "url-ID" if at else "dialedDigits" if alias.isdigit() else "h323-ID"
        case _:
            return None


def _field(facts: Facts, name: str) -> str:
    match name:
        case "destination":
            return facts.destination
        case "original-destination":
            return facts.original or facts.destination
        case "origin" | "authenticated-origin":
            return facts.origin if facts.authenticated else ""
        case "unauthenticated-origin":
            return facts.origin
        case "registered-origin":
            return facts.origin if facts.registered else ""
        case "originating-zone":
            return facts.zone
        case "originating-user":
            return facts.user
        case _:
            return ""


def _walk(node: Node, facts: Facts, locations: tuple[Location, ...]) -> Decision:
    caller = ""
    while node is not None:
        match node:
            case AddressSwitch():
                node = _output(node, facts)
            case RuleSwitch():
                node = next((rule.then for rule in node.rules if _all_match(rule, facts)), None)
            case AddLocation():
                locations = _located(node, facts, locations)
                caller = _shown(node, facts, caller)
                node = node.then
            case ProxyNode():
                number = node.number if node.says_what_follows else -1
                return Proxy(_grouped(locations), node.timeout_s, node.stop_on_busy, number, caller)
            case Reject():
                return node
    return Proxy(_grouped(locations), caller=caller) if locations or caller else None


def _output(switch: AddressSwitch, facts: Facts) -> Node:
    values = values_of(facts, switch.field, switch.subfield)
    if not values:
        return switch.not_present if switch.not_present is not None else switch.otherwise
    found = (node for test, node in switch.cases if any(_matches(test, value) for value in values))
    return next(found, switch.otherwise)


def _matches(test: Test, value: str) -> bool:
    lowered, text = value.lower(), test.text.lower()
    match test.how:
        case "is":
            return lowered == text
        case "contains":
            return text in lowered
        case "subdomain-of":  # RFC 3880 4.1: of a host by its labels, of a number by its beginning
            if lowered.lstrip("+").isdigit():
                return lowered.startswith(text)
            return lowered == text or lowered.endswith(f".{text}")
        case "regex":
            return test.pattern is not None and test.pattern.matches(value, lowered)


def _all_match(rule: Rule, facts: Facts) -> bool:
    for name, pattern in rule.tests:
        if not any(pattern.matches(value, value.lower()) for value in values_of(facts, name)):
            return False
    return True


def _located(node: AddLocation, facts: Facts, locations: tuple[Location, ...]) -> tuple[Location, ...]:
    kept = () if node.clear else locations
    priority = node.priority
    if priority == RANDOM:
        priority = facts.dice[len(kept) % len(facts.dice)] if facts.dice else 0.5
    if node.pattern is not None:
        if not node.pattern.matches(facts.destination, facts.destination.lower()):
            return kept
        alias = node.pattern.replaced(facts.destination, node.replace)
    else:
        alias = node.alias
    return (*kept, Location(alias, priority))[:LOCATIONS_MAX] if alias else kept


def _shown(node: AddLocation, facts: Facts, caller: str) -> str:
    """Say who is shown as calling; a pattern that does not match leaves it as it is."""
    now = caller or facts.origin
    if node.source_pattern is None:
        return node.source or caller
    if not node.source_pattern.matches(now, now.lower()):
        return caller
    return node.source_pattern.replaced(now, node.source_replace)[:ALIAS_MAX]


def _grouped(locations: Sequence[Location]) -> tuple[tuple[str, ...], ...]:
    groups: dict[float, list[str]] = {}
    for one in locations:
        aliases = groups.setdefault(one.priority, [])
        if one.alias not in aliases:
            aliases.append(one.alias)
    return tuple(tuple(groups[priority]) for priority in sorted(groups, reverse=True))
