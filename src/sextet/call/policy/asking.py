"""Call Policy and User Policy as stages of the search: what a script decides, in the words of a search (facts 7.1)."""

from __future__ import annotations

import functools
import zlib
from dataclasses import replace

from sextet.call.alias import key
from sextet.call.decision import Refuse, Request, Then, safe
from sextet.call.policy.cpl import Decision, Facts, Proxy, Reject, Result, Script, after, decide
from sextet.call.policy.scripts import ADMINISTRATOR
from sextet.call.policy.services import ADMIN, REGISTRATION, Answers, ServiceRow, script_of
from sextet.call.source import SourceKind
from sextet.call.stages import Again, Ask, Stages
from sextet.call.table import Table

BUSY = (486, 600)
NO_ANSWER = 408
CHALLENGED = (401, 407, 487)  # for the caller himself to answer, or his own doing
DICE = 4  # numbers that order random locations; more are rarely written


def policy(table: Table, request: Request, alias: str, answers: Answers | None = None) -> Refuse | Again | Ask | None:
    """Ask the administrator's script, or the policy service in its place."""
    service = table.services.get(table.policy_service)
    if service is None:
        return _asked(table, request, alias, ADMINISTRATOR, "call policy")
    if answers is None:
        return Again(groups=(), reason=f"policy service {service.name} was not asked; taken as allowed")
    return by_service(service, ADMIN, request, alias, answers)


def by_service(
    service: ServiceRow, kind: str, request: Request, alias: str, answers: Answers
) -> Refuse | Again | Ask | None:
    """Carry out what a policy service says about an alias."""
    text = answers(service.name, kind, alias)
    if text is None:
        return Ask(service=service.name, kind=kind, alias=alias)
    reason = f"policy service {service.name}" if text else f"default CPL of policy service {service.name}"
    text = text or service.default(kind)
    return _answer(decide(script_of(text), _facts(request, alias)), reason, alias, reason, text)


def registration(table: Table, alias: str, authenticated: bool, answers: Answers) -> Refuse | Ask | None:
    """Ask the policy service about an alias that registers: it may reject it, and nothing else."""
    service = table.services.get(table.registration_service)
    if service is None:
        return None
    text = answers(service.name, REGISTRATION, alias)
    if text is None:
        return Ask(service=service.name, kind=REGISTRATION, alias=alias)
    facts = Facts(origin=alias, destination=alias, authenticated=authenticated)
    decision = decide(script_of(text or service.default(REGISTRATION)), facts)
    return Refuse(decision.status, safe(decision.reason)) if isinstance(decision, Reject) else None


def user_policy(table: Table, request: Request, alias: str) -> Refuse | Again | None:
    """Ask the script of the person whose FindMe ID this is."""
    return _asked(table, request, alias, key(alias), f"FindMe of {alias}")


def outcome(table: Table, request: Request, then: Then, result: Result, status: int = 0) -> Refuse | Again | None:
    """Ask the script that named the last aliases what comes after they ended so; None where it says nothing."""
    script = _script(table, then)
    if script is None:
        return None
    decision = after(script, then.node, result, _facts(request, then.alias), status)
    answer = _answer(decision, then.script, then.alias, then.reason, then.document)
    return replace(answer, caller=answer.caller or then.caller) if isinstance(answer, Again) else answer


def ended(table: Table, request: Request, then: Then, status: int) -> Refuse | Again | None:
    """Say what comes after the last aliases ended with this status; None where the caller gets it."""
    result = _result(status)
    answer = outcome(table, request, then, result, status) if result is not None else None
    return answer if isinstance(answer, Refuse) or (answer is not None and answer.groups) else None


def _result(status: int) -> Result | None:
    """Name an ending in the words of RFC 3880 6.1."""
    if status in CHALLENGED:
        return None
    if status in BUSY:
        return "busy"
    if status == NO_ANSWER:
        return "noanswer"
    return "redirection" if 300 <= status < 400 else "failure"


def statuses(table: Table, then: Then) -> tuple[int, ...]:
    """Give the statuses of which the script has something of its own to say."""
    script = _script(table, then)
    return tuple(script.proxies[then.node].failures) if script and 0 <= then.node < len(script.proxies) else ()


def _script(table: Table, then: Then) -> Script | None:
    return script_of(then.document) if then.document else table.scripts.get(then.script)


STAGES = Stages(policy=policy, user_policy=user_policy, ending=ended)  # no policy service is asked


def stages(answers: Answers) -> Stages:
    """Give the stages of a search that has answers of policy services."""
    return Stages(policy=functools.partial(policy, answers=answers), user_policy=user_policy, ending=ended)


def _asked(table: Table, request: Request, alias: str, name: str, reason: str) -> Refuse | Again | None:
    script = table.scripts.get(name)
    if script is None:
        return None
    return _answer(decide(script, _facts(request, alias)), name, alias, reason)


def _answer(decision: Decision, script: str, alias: str, reason: str, document: str = "") -> Refuse | Again | None:
    match decision:
        case Reject(status, words):
            return Refuse(status, safe(words))
        case Proxy(groups) if groups or decision.node >= 0 or decision.timeout_s or decision.caller:
            groups = () if [key(one) for group in groups for one in group] == [key(alias)] else groups
            then = Then(
                script=script,
                node=decision.node,
                alias=alias,
                reason=reason,
                timeout_s=decision.timeout_s,
                stop_on_busy=decision.stop_on_busy,
                document=document if decision.node >= 0 else "",
            )
            return Again(groups=groups, reason=reason, then=then, caller=decision.caller)
    return None


def _facts(request: Request, alias: str) -> Facts:
    registered = request.source.kind is SourceKind.LOCAL
    seed = request.tag.encode(errors="replace")
    return Facts(
        origin=request.caller,
        destination=alias,
        original=request.alias,
        zone=request.source.subzone or request.source.name,
        user=request.user,
        authenticated=request.authenticated,
        registered=registered,
        protocol=request.protocol,
        dice=tuple(zlib.crc32(seed, n) / 2**32 for n in range(DICE)),
    )
