"""What happens when every branch of a round has failed: the next round, or what a script says comes after.

Who has nothing more to ask passes on the best answer. A script that names new aliases has them searched as the first
one was: what has to be asked before that, of policy services or of DNS, is asked while the transaction waits
(questions.py), with the rounds and the answer that there was kept in it.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

from sextet.call.decision import Refuse, Round, Searched, Try, safe
from sextet.call.policy.asking import BUSY, stages
from sextet.sip.kemi.asking import questions
from sextet.sip.kemi.asking.services import Services
from sextet.sip.kemi.instructions import Instructions
from sextet.sip.kemi.limits import proxied
from sextet.sip.kemi.refusing import answer, explain, phrase
from sextet.sip.kemi.registration import flows
from sextet.sip.kemi.registration.bindings import elsewhere, here
from sextet.sip.kemi.reporting import Reporter, read_back, written
from sextet.sip.kemi.routing import addresses, calls, session_timing, tracing
from sextet.sip.kemi.routing.aftermath import Aftermath, asked
from sextet.sip.kemi.routing.forking import DEVICE_MS, REQUEST_MS, Call, begin, run, sent

STEP = "after"  # of a request that waits (questions.py)
BUSY_PEER = 503  # it carries what it may, or is in maintenance mode
FINAL = (401, 407, 422, 484, 486, 487)  # answers of the person asked for: searching on would not help
_FINAL_PHRASES = {
    401: "Unauthorized",
    407: "Proxy Authentication Required",
    422: "Session Interval Too Small",
    484: "Address Incomplete",
    486: "Busy Here",
}


def failed(ksr: Any, reporter: Reporter, told: Instructions) -> None:
    """Ask the next round after one that failed, or who knows what comes after; else the caller gets the answer."""
    given = ksr.tm.t_get_status_code()
    status = _heard(ksr, given)
    brief = str(ksr.pv.get("$avp(brief)") or "")
    person = 422 if brief else int(ksr.pv.get("$avp(person)") or 0)
    lone = str(ksr.pv.get("$avp(lone)") or "")
    if lone and addresses.was_silent(ksr):
        addresses.pass_over(ksr, reporter, told, lone)
    rounds, call, row = read_back(ksr.pv.get("$avp(steps)"))
    after = Aftermath.from_row(row)
    final = status >= 600 or status in FINAL
    hidden = person in _FINAL_PHRASES and not final
    while not (final or hidden) and (names := flows.unsent(ksr)):
        flows.follow(ksr, names)
        if sent(ksr, after, DEVICE_MS if "call_id" in call else REQUEST_MS):
            return
    rounds = addresses.untried(ksr, rounds)
    said = hidden and status >= 400  # who redirects the caller is a lower class of answers (RFC 3261 16.7 step 6)
    if said:
        status = person  # of several answers tm would pass on the lowest: 404 of a zone before the busy device's
    goes_on = bool(rounds) and (not (final or hidden) or (status in BUSY and not after.stops_on_busy))
    ours = tracing.unsaid(ksr, status)
    tracing.answered(ksr, reporter, call["search"], call["began"], status, not goes_on, ours)
    if goes_on:
        refusal = run(ksr, reporter, told, rounds, call, after, again=True)
        if refusal is not None:
            _given_up(ksr, reporter, told, call, after, refusal)
        return
    proxied.failed(ksr, reporter, told.table)
    if _follows(ksr, reporter, told, call, after, status, {}):
        return
    calls.left(ksr, reporter, f"{status} {phrase(status)}")
    if said:
        if brief:
            ksr.hdr.append_to_reply(f"{session_timing.LEAST}: {brief}\r\n")  # what the caller tries again with
        ksr.tm.t_reply(person, _FINAL_PHRASES[person])
    elif status == BUSY_PEER and (peer := told.table.peer_of_ip.get(str(ksr.pv.get("$avp(full)")))) is not None:
        # The cluster is one system: tm would say 500 without a reason, as to what another system said (RFC 3261 16.7).
        explain(ksr, status, safe(f"{told.table.peers[peer].name}: {tracing.why(ksr, status)}"))
        ksr.tm.t_reply(status, phrase(status))
    elif ours or status != given:  # tm would answer 477 of its own, where an address took no message in the end
        if ours:
            explain(ksr, status, ours)
        ksr.tm.t_reply(status, phrase(status))


def ask(
    ksr: Any, reporter: Reporter, told: Instructions, rounds: Sequence[Round], call: Call, after: Aftermath,
    *, refused: Refuse | None = None, again: bool = False, uri: str = "",
) -> None:  # fmt: skip
    """Begin with the rounds (forking.begin); where there is none (`refused`) or it cannot be asked, do what is next."""
    call = {**call, "began": tracing.clock(ksr)}
    nowhere = refused or begin(ksr, reporter, told, rounds, call, after, again=again, uri=uri)
    if nowhere is not None:
        _given_up(ksr, reporter, told, call, after, nowhere)


def _given_up(
    ksr: Any, reporter: Reporter, told: Instructions, call: Call, after: Aftermath, refusal: Refuse
) -> None:  # fmt: skip
    """Do what a script says comes after a request that could be sent nowhere, or answer it."""
    proxied.failed(ksr, reporter, told.table)
    tracing.answered(ksr, reporter, call["search"], call["began"], refusal.status, True, refusal.reason)
    if after.then:
        ksr.pv.sets("$avp(steps)", written(([], call, after.to_row())))
        if _follows(ksr, reporter, told, call, after, refusal.status, {}):
            return
    if "call_id" in call:
        calls.ended(ksr, reporter, call["call_id"], f"{refusal.status} {refusal.reason}", call["serial"])
    answer(ksr, refusal.status, refusal.reason)


def _heard(ksr: Any, given: int) -> int:
    """Say what the answers of a round mean to the caller, of which tm gave the lowest."""
    if given in flows.FAILED and (said := flows.said(ksr)):
        return said
    return 480 if given == flows.FLOW_FAILED and not flows.is_for_one(ksr) else given  # RFC 5626 11.2


def resumed(
    ksr: Any, reporter: Reporter, told: Instructions, state: questions.State, known: dict[str, str]
) -> None:  # fmt: skip
    """Go on with what comes after, now that it is known; in the agent."""
    _, call, row = read_back(ksr.pv.get("$avp(steps)"))
    status = int(state["status"])
    if not _follows(ksr, reporter, told, call, Aftermath.from_row(row), status, known):
        ksr.tm.t_reply(status, phrase(status))  # the script that had something to say was changed meanwhile


def _follows(
    ksr: Any, reporter: Reporter, told: Instructions, call: Call, after: Aftermath, status: int,
    known: dict[str, str], *, last: bool = False,
) -> bool:  # fmt: skip
    """Do what a script says comes after, or wait for what it takes to know; says whether one says anything.

    `known` and `last` are those of services.Services.
    """
    if not after.then:
        return False
    table, request = told.table, after.request
    lookups = tracing.Lookups(here(ksr, request.secure), elsewhere(ksr))
    services = Services(ksr, table, request, known, last=last)
    more = asked(table, after, status, lookups.here, lookups.elsewhere, stages(services))
    if more is None:
        return False
    searched, after = more
    found, wanting = questions.Expanded(), [services.question(*one) for one in searched.open]
    if isinstance(searched.decision, Try) and not wanting:
        found, wanting = questions.resolved(
            ksr, table, request, searched.decision.rounds, lookups.here, lookups.elsewhere, services
        )
    if wanting and not last:
        state: questions.State = {"step": STEP, "status": status, "known": known}
        if not questions.suspend(ksr, reporter, wanting, state):
            # The call has asked often enough, or it cannot wait: default CPLs hold.
            _, _, row = read_back(ksr.pv.get("$avp(steps)"))
            return _follows(ksr, reporter, told, call, Aftermath.from_row(row), status, known, last=True)
        return True
    _go_on(ksr, reporter, told, call, lookups, searched, found, after)
    return True


def _go_on(
    ksr: Any, reporter: Reporter, told: Instructions, call: Call, lookups: tracing.Lookups, searched: Searched,
    found: questions.Expanded, after: Aftermath,
) -> None:  # fmt: skip
    """Carry it out; it is a search of its own in the history, under the same call tag."""
    name = os.urandom(8).hex()
    method, call_id = str(ksr.pv.get("$rm")), str(ksr.pv.get("$ci"))
    tracing.told(reporter, name, after.request, searched, lookups, told.table.generation, method, call_id)
    refusal = searched.decision
    if isinstance(refusal, Refuse):
        explain(ksr, refusal.status, refusal.reason)
        ksr.tm.t_reply(refusal.status, phrase(refusal.status))
        return
    after = dataclasses.replace(after, then=(*found.then, *after.then))
    call = {**call, "search": name}
    ask(ksr, reporter, told, found.rounds, call, after, refused=found.refused, again=True)
