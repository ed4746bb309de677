"""Where does a call go: transforms, policy, user policy, then search rules by priority (facts 7.1)?

How it works. A request from another peer is for devices registered here and nothing else: that peer did the search.
Any other request is changed by the first transform that matches; policy and user policy may refuse it or name other
aliases, which begin again at the transforms; then each search rule that matches changes it on its own account. What is
to be asked comes as rounds, one for each priority: the targets of a round are asked at once, the next round only where
nothing was found. An alias that comes back to itself is a policy loop and ends that branch, not the search. Where
nothing at all is found, whoever named the aliases says what comes after, as he does of devices that do not answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest

from sextet.call.alias import key
from sextet.call.decision import (
    SIPS,
    Decision,
    Elsewhere,
    Here,
    Refuse,
    Request,
    Round,
    Searched,
    Target,
    Then,
    Try,
    safe,
)
from sextet.call.rules import Inquiry, rounds_of
from sextet.call.source import SourceKind
from sextet.call.stages import OPEN, Again, Ask, Stages
from sextet.call.table import Table
from sextet.call.transform import applied, first_matching
from sextet.model.expression import ALIAS_MAX

SEARCHES_MAX = (
    30  # aliases of one search: 15 devices of a person and some forwarding; policies can name new ones for ever
)
DEPTH_MAX = 10  # aliases that led from one to the next
REASONS_MAX = 3  # causes named in one refusal; the rest is in the notes


def search(
    table: Table, request: Request, here: Here, elsewhere: Elsewhere, stages: Stages = OPEN, *, every: bool = False
) -> Searched:
    """Decide; `here(key)` says whether an alias has devices on this peer, `elsewhere(key)` on which other peers.

    The notes tell what matched; with `every` also what did not, rule by rule, which takes longer with many rules.
    """
    inquiry = Inquiry(table, request, here, elsewhere, every)
    refusal = _obstacle(table, request)
    if refusal is not None:
        return Searched(refusal, ())
    if request.source.kind is SourceKind.PEER:
        return Searched(_from_peer(inquiry), tuple(inquiry.notes))
    return _decided(inquiry, stages, _branch(inquiry, stages, _named(inquiry), (), _caller(inquiry)))


def again(
    table: Table, request: Request, trail: tuple[str, ...], named: Again, here: Here, elsewhere: Elsewhere,
    stages: Stages = OPEN, then: Sequence[Then] = (), *, every: bool = False,
) -> Searched:  # fmt: skip
    """Go on with the aliases that a target named (Target.trail), with the hops that are left.

    `then` are those who are asked what comes after besides him who named them.
    """
    inquiry = Inquiry(table, request, here, elsewhere, every)
    refusal = _obstacle(table, request)
    if refusal is not None:
        return Searched(refusal, ())
    inquiry.then += then
    return _decided(inquiry, stages, _asked_then(inquiry, stages, named, trail, named.caller))


def _obstacle(table: Table, request: Request) -> Refuse | None:
    if table.maintenance:
        return Refuse(503, "this peer is in maintenance mode")  # who asked tries another peer (facts 6.7)
    if request.hops <= 0:
        return Refuse(483, "Too many hops")  # RFC 3261 16.3 step 3
    if not request.alias or len(request.alias) > ALIAS_MAX:
        return Refuse(404 if not request.alias else 414, safe(f"an alias has 1 to {ALIAS_MAX} characters"))
    if request.secure and "tls" not in table.dial_plan.transports:
        return Refuse(416, f"SIP over TLS is off at this peer, {SIPS}")  # RFC 5630 5.4
    return None


def _from_peer(inquiry: Inquiry) -> Decision:
    alias = key(inquiry.request.alias)
    found = inquiry.here(alias)
    finding = f"{alias} is registered at this peer" if found else f"{alias} is not registered at this peer"
    if found is None:
        finding = f"{alias} is not registered at this peer over TLS, {SIPS}"
    inquiry.note("peer", inquiry.request.source.name, alias, alias, finding, matched=bool(found))
    if not found:
        return Refuse(480 if found is None else 404, safe(finding))
    target = Target(kind="local", alias=alias, hops=inquiry.request.hops - 1, rule="", here=True)
    return Try((Round(priority=0, targets=(target,)),))


def _named(inquiry: Inquiry) -> str:
    """Put the fallback alias in the place of a name that is only this system's (facts 7.5)."""
    table, alias = inquiry.table, inquiry.request.alias
    if "@" in alias or not (
        alias.lower() in table.hosts or alias.lower() in table.domains or alias in table.peer_of_ip
    ):
        return alias
    fallback = table.dial_plan.fallback_alias
    finding = "it names only this system" if fallback else "it names only this system, and there is no fallback alias"
    inquiry.note("alias", "fallback alias", alias, fallback, finding, matched=bool(fallback))
    return fallback


def _caller(inquiry: Inquiry) -> str:
    """Show the person in the place of his device, where the call proved that it is his (facts 7.7)."""
    request = inquiry.request
    person = inquiry.table.findme_ids.get(key(request.caller), "") if request.authenticated else ""
    if person:
        inquiry.note("policy", "FindMe caller ID", request.caller, person, f"{person} is shown as the caller")
    return person


def _branch(inquiry: Inquiry, stages: Stages, dialled: str, trail: tuple[str, ...], caller: str) -> list[Round]:
    """Take one alias through all stages: transforms, policy, user policy, search rules.

    `caller` is who is shown as calling; a policy may show another (facts 7.6), whatever the FindMe ID is.
    """
    inquiry.searches += 1
    if not dialled:
        inquiry.failed.append(f"{inquiry.request.alias} names only this system, and there is no fallback alias")
        return []
    alias = _transformed(inquiry, dialled)
    if not alias or len(alias) > ALIAS_MAX:
        inquiry.failed.append(f"the transforms leave {len(alias)} characters of {dialled}")
        return []
    if key(alias) in trail:
        inquiry.failed.append(f"policy loop detected at {alias}")  # facts 7.1, 7
        inquiry.note("alias", "search again", dialled, alias, "policy loop detected", matched=False)
        return []
    trail = (*trail, key(alias))
    for name, stage in (("policy", stages.policy), ("user policy", stages.user_policy)):
        if name == "user policy" and inquiry.request.device is not None:
            finding = f"not asked: the device {inquiry.request.device} is called"
            inquiry.note("policy", name, alias, alias, finding, matched=False)
            break  # RFC 5627 6.1: who calls one device is not forwarded to others
        answer = stage(inquiry.table, inquiry.request, alias)
        if isinstance(answer, Refuse):
            inquiry.status = answer.status
            inquiry.failed.append(answer.reason)
            inquiry.note("policy", name, alias, alias, f"refused: {answer.status} {answer.reason}")
            return []
        if isinstance(answer, Ask):
            inquiry.open.append((answer.service, answer.kind, answer.alias))
            return []
        if isinstance(answer, Again):
            caller = answer.caller or caller
            shown = f"; {caller} is shown as the caller" if answer.caller else ""
            inquiry.note("policy", name, alias, ", ".join(answer.aliases) or alias, f"{answer.reason}{shown}")
            rounds = _asked_then(inquiry, stages, answer, trail, caller)
            if answer.groups:
                return rounds
    rounds = rounds_of(inquiry, alias, trail)
    return [_shown(one, caller) for one in rounds] if caller else rounds


def _asked_then(inquiry: Inquiry, stages: Stages, named: Again, trail: tuple[str, ...], caller: str) -> list[Round]:
    """Search for what was named; who named it is asked what comes after, before those who led to him."""
    if named.then is not None:
        inquiry.then.insert(0, replace(named.then, caller=caller))
    return _again(inquiry, stages, named, trail, caller)


def _shown(one: Round, caller: str) -> Round:
    return replace(one, targets=tuple(replace(target, caller=caller) for target in one.targets))


def _again(inquiry: Inquiry, stages: Stages, named: Again, trail: tuple[str, ...], caller: str) -> list[Round]:
    rounds: list[Round] = []
    for group in named.groups:
        branches: list[list[Round]] = []
        for alias in group:
            if len(trail) >= DEPTH_MAX or inquiry.searches >= SEARCHES_MAX:
                inquiry.failed.append(f"{alias} is one alias too many of those that {named.reason} named")
                inquiry.note("alias", "search again", alias, alias, "too many new aliases", matched=False)
                break
            branches.append(_branch(inquiry, stages, alias, trail, caller))
        rounds += [_joined([one for one in column if one is not None]) for column in zip_longest(*branches)]
    return rounds


def _joined(rounds: list[Round]) -> Round:
    """Make one round of those that are asked at the same time, the devices of the cluster first."""
    targets = [target for one in rounds for target in one.targets]
    targets.sort(key=lambda target: target.kind != "local")
    return Round(priority=rounds[0].priority, targets=tuple(targets))


def _transformed(inquiry: Inquiry, alias: str) -> str:
    table = inquiry.table
    near = table.transform_index.candidates(alias.lower())
    transform = first_matching([table.transforms[place] for place in near], alias)
    if transform is None:
        return alias
    changed = applied(transform.behavior, transform.pattern, transform.replace, alias)
    name = f"transform {transform.priority}"
    inquiry.note("transform", name, alias, changed, transform.behavior, priority=transform.priority)
    return changed


def _after_nothing(inquiry: Inquiry, stages: Stages, then: Then) -> list[Round]:
    """Ask who named aliases that nobody has what comes after; a refusal of his is the last word."""
    answer = stages.ending(inquiry.table, inquiry.request, then, inquiry.status)
    if answer is None:
        return []
    ending = f"{then.reason}, where nothing is found"
    if isinstance(answer, Refuse):
        inquiry.note("policy", ending, then.alias, then.alias, f"refused: {answer.status} {answer.reason}")
        inquiry.status, inquiry.failed, inquiry.then = answer.status, [answer.reason], []
        return []
    named = ", ".join(answer.aliases)
    inquiry.note("policy", ending, then.alias, named, f"{named} is searched")
    inquiry.status = 404
    return _asked_then(inquiry, stages, answer, (key(then.alias),), answer.caller or then.caller)


def _decided(inquiry: Inquiry, stages: Stages, rounds: list[Round]) -> Searched:
    while not rounds and inquiry.then and not inquiry.open:
        rounds = _after_nothing(inquiry, stages, inquiry.then.pop(0))
    if rounds:
        return Searched(Try(tuple(rounds), tuple(inquiry.then)), tuple(inquiry.notes), tuple(inquiry.open))
    reasons = "; ".join(inquiry.failed[-REASONS_MAX:])
    return Searched(Refuse(inquiry.status, safe(reasons)), tuple(inquiry.notes), tuple(inquiry.open))
