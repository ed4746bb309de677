"""Carries out what is decided about a request outside a dialog: who sent it, may he, where does it go.

A request from a peer is proved by its header and rings devices here only. The rounds of a decision become branches in
forking.py.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
from collections.abc import Mapping
from typing import Any

from sextet.call.admission import counts_as_authenticated, must_authenticate
from sextet.call.alias import key, of_uri
from sextet.call.decision import Refuse, Request, Searched, safe
from sextet.call.gruu import device_of
from sextet.call.loop import looped, mark
from sextet.call.policy.asking import stages
from sextet.call.search import search
from sextet.call.source import LOCAL, Source, SourceKind, source_of
from sextet.sip.kemi.asking import directory, questions
from sextet.sip.kemi.asking.services import Services
from sextet.sip.kemi.instructions import Instructions
from sextet.sip.kemi.limits.admitting import attempt, within
from sextet.sip.kemi.proof import HEADER, Identity, identity_of, new_tag, proven
from sextet.sip.kemi.refusing import answer
from sextet.sip.kemi.registration import carrying, flows
from sextet.sip.kemi.registration.bindings import elsewhere, here, is_endpoint
from sextet.sip.kemi.registration.contacts import contacts_of
from sextet.sip.kemi.reporting import Reporter
from sextet.sip.kemi.routing import calls, cancelling, carriage, failing, session_timing, tracing
from sextet.sip.kemi.routing.aftermath import Aftermath
from sextet.sip.kemi.routing.forking import Call
from sextet.sip.kemi.zones import reaching, traversal

WITHIN = ("BYE", "PRACK", "UPDATE")  # mean something within a call only; what is new to us goes on (RFC 4475 3.1.1.2)
NO_WAY_BACK = "an INVITE has exactly one Contact"  # RFC 3261 8.1.1.8; of another Kamailio keeps no dialog, and no end
STEP = "search"  # of a request that waits (questions.py)
_MARK = re.compile(r";sxl=([0-9a-f]{16})")


def initial(ksr: Any, reporter: Reporter, told: Instructions, proved: bool) -> None:
    """Decide about a request outside a dialog; `proved`: the native route has found and consumed right credentials."""
    get = ksr.pv.get
    method = str(get("$rm"))
    if method in WITHIN:
        ksr.sl.send_reply(481, "Call/Transaction Does Not Exist")
        return
    identity = identity_of(ksr)
    peer, tag, node = sender(ksr, told, identity)
    source, authenticated = (within(ksr, told.table, LOCAL), True) if proved else _identified(ksr, told, method, peer)
    if source is None or not questions.begun(ksr):
        return  # challenged; or a retransmission, which the transaction absorbs
    secret = told.secret or told.local_secret.encode()
    carried = carriage.read(str(get(f"$hdr({carriage.HEADER})") or ""), source)
    request = Request(
        protocol="SIP",
        alias=of_uri(identity.uri),
        source=source,
        authenticated=authenticated,
        hops=carriage.hops_of(str(get("$hdr(Max-Forwards)") or "")),
        tag=tag or carried.tag or new_tag(secret, identity),
        caller=of_uri(str(get("$fu") or "")),
        user=str(get("$var(user)") or ""),
        device=device_of(identity.uri),
        secure=identity.uri[:5].lower() == "sips:",
    )
    own = mark(request, secret)
    passed = (*carried.marks, *_MARK.findall(str(get("$(hdr(Via)[*])") or "")))
    if told.table.dial_plan.loop_detection and looped(own, passed):
        reporter.emit("loop", alias=request.alias, source=source.name, tag=request.tag)
        refusal = Searched(Refuse(482, "Search Loop detected"), ())
        looked_up = tracing.Lookups(here(ksr, request.secure), elsewhere(ksr))
        tracing.told(
            reporter, os.urandom(8).hex(), request, refusal, looked_up, told.table.generation, method, identity.call_id
        )  # fmt: skip
        answer(ksr, 482, "Search Loop detected")
        return
    if method == "INVITE" and session_timing.refused(ksr, told.table.session):
        return
    flows.note(ksr, key(request.alias), source.kind is SourceKind.PEER, request.device)
    ksr.pv.sets("$avp(call)", carriage.written(request.tag, (*carried.marks, own)))
    ksr.pv.sets("$avp(serial)", cancelling.serial(ksr))
    _search(ksr, reporter, told, Errand(request=request, identity=identity, node=node, own=own))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """A request while it is decided where it goes."""

    request: Request
    identity: Identity
    node: str  # where a peer says that its caller is
    own: str  # what loops are found by
    name: str = ""  # of its search, once that was told; it may have waited for answers since
    known: Mapping[str, str] = dataclasses.field(default_factory=dict)  # what policy services said, by question
    last: bool = False  # it can wait for no more

    @property
    def state(self) -> questions.State:
        """What is kept of it while it waits."""
        return {
            "step": STEP, "request": dataclasses.asdict(self.request), "node": self.node, "own": self.own,
            "name": self.name, "known": dict(self.known),
        }  # fmt: skip


def _search(ksr: Any, reporter: Reporter, told: Instructions, one: Errand) -> None:
    """Search, tell how it came about, and answer or send on."""
    request = one.request
    lookups = tracing.Lookups(here(ksr, request.secure), elsewhere(ksr))
    services = Services(ksr, told.table, request, one.known, last=one.last)
    token = "" if one.name or one.known else str(ksr.pv.get("$var(token)") or "")
    searched = _found(told, request, lookups, services, token)
    if searched.open:
        furnish(ksr, told)
        if not questions.suspend(ksr, reporter, [services.question(*each) for each in searched.open], one.state):
            _search(ksr, reporter, told, dataclasses.replace(one, last=True))
        return
    if not one.name:
        one = dataclasses.replace(one, name=cancelling.search_of(str(ksr.pv.get("$avp(serial)"))))
        generation, method = told.table.generation, str(ksr.pv.get("$rm"))
        tracing.told(reporter, one.name, request, searched, lookups, generation, method, one.identity.call_id)
    decision = searched.decision
    if isinstance(decision, Refuse):
        answer(ksr, decision.status, decision.reason)
        return
    found, asked = questions.resolved(
        ksr, told.table, request, decision.rounds, lookups.here, lookups.elsewhere, services
    )
    if asked and not one.last:
        furnish(ksr, told)
        if not questions.suspend(ksr, reporter, asked, one.state):
            _search(ksr, reporter, told, dataclasses.replace(one, last=True))
        return
    after, uri = Aftermath(request=request, then=(*found.then, *decision.then)), one.identity.uri if token else ""
    _send(ksr, reporter, told, one, found, after, uri)


def _send(
    ksr: Any, reporter: Reporter, told: Instructions, one: Errand, found: questions.Expanded, after: Aftermath, uri: str
) -> None:
    request, invite = one.request, ksr.pv.get("$rm") == "INVITE"
    if invite and len(contacts_of(str(ksr.pv.get("$(hdr(Contact)[*])") or ""), "")) != 1:
        tracing.answered(ksr, reporter, one.name, tracing.clock(ksr), 400, True, NO_WAY_BACK)
        answer(ksr, 400, NO_WAY_BACK)
        return
    ksr.pvx.xavp_child_sets("via", "sxl", one.own)
    ksr.corex.via_add_xavp_params(1)
    furnish(ksr, told)
    call: Call = {"tag": request.tag, "search": one.name}
    if invite and (after.then or not found.refused):
        ksr.dialog.dlg_manage()
        if request.source.kind is SourceKind.PEER:
            calls.named(ksr, str(ksr.pv.get("$avp(serial)")))
        call |= {
            "call_id": one.identity.call_id, "serial": str(ksr.pv.get("$avp(serial)")), "source": request.caller,
            "destination": request.alias, "protocol": "SIP", **attempt(ksr, told.table, request.source, one.node),
        }  # fmt: skip
    failing.ask(ksr, reporter, told, found.rounds, call, after, refused=found.refused, uri=uri)


def furnish(ksr: Any, told: Instructions) -> None:
    """Add what every branch of every round carries, once.

    tm keeps it with the transaction where it is there before that waits for the first time, or has its first branch;
    what is added after a wait reaches the first round only.
    """
    if ksr.pv.get("$avp(furnished)"):
        return
    ksr.pv.seti("$avp(furnished)", 1)
    _record_route(ksr, told, str(ksr.pv.get("$ci")))
    if ksr.pv.get("$rm") == "INVITE":
        session_timing.ask(ksr, told.table.session)


def _found(told: Instructions, request: Request, lookups: tracing.Lookups, services: Services, token: str) -> Searched:
    if token:
        return carrying.outward(told, request, token)
    return search(told.table, request, lookups.here, lookups.elsewhere, stages(services))


def resumed(
    ksr: Any, reporter: Reporter, told: Instructions, state: questions.State, known: dict[str, str]
) -> None:  # fmt: skip
    """Go on with a request that waited for answers; in the agent."""
    source = Source(**state["request"].pop("source"))
    request = Request(**state["request"], source=dataclasses.replace(source, kind=SourceKind(source.kind)))
    identity = identity_of(ksr)
    if state["step"] == carrying.STEP:
        carrying.send(ksr, reporter, told, request, identity, state["name"], known)
        return
    one = Errand(
        request=request, identity=identity, node=state["node"], own=state["own"], name=state["name"], known=known
    )
    _search(ksr, reporter, told, one)


def sender(ksr: Any, told: Instructions, identity: Identity) -> tuple[int | None, str, str]:
    """Say which peer sent the request at hand, with its proven tag and node; None where no peer proved that it did."""
    value = ksr.pv.get(f"$hdr({HEADER})")
    if not value:
        return None, "", ""
    found = proven(told.secret, str(value), identity)
    if found is not None and found[0] in told.table.peers and told.table.peers[found[0]].ip == ksr.pv.get("$si"):
        return found
    ksr.htable.sht_inc("count", "unproven")
    return None, "", ""


def _identified(ksr: Any, told: Instructions, method: str, peer: int | None) -> tuple[Source | None, bool]:
    """Name the source; None when the request was answered with a challenge (RFC 3261 22)."""
    get = ksr.pv.get
    ip = str(get("$si"))
    flow, zone = f"{ip}:{get('$sp')}", traversal.zone_of(ksr)
    source = source_of(told.table, ip, peer, is_endpoint(ksr, str(get("$var(flow)"))), flow, zone)
    if source.kind is SourceKind.PEER:
        return source, True
    source = within(ksr, told.table, source)
    proved = _digest(ksr, told.realm)
    objection = "" if proved else reaching.objection(ksr, told, source)
    if objection:
        ksr.htable.sht_inc("count", "unnamed")
        answer(ksr, 403, safe(objection))
        return None, False
    if must_authenticate(told.table, source, method) and not proved:
        ksr.auth.auth_challenge(told.realm, 1)
        return None, False
    if proved:
        ksr.pv.sets("$var(user)", str(get("$au") or ""))
        if not get("$avp(waited)"):  # then they were taken before (directory.py)
            ksr.auth.consume_credentials()
        source = within(ksr, told.table, source_of(told.table, ip, peer, True, flow, zone))
    return source, counts_as_authenticated(told.table, source, proved)


def _digest(ksr: Any, realm: str) -> bool:
    if ksr.auth.has_credentials(realm) < 0:
        return False
    ha1 = directory.ha1_of(ksr, str(ksr.pv.get("$au") or ""))
    return bool(ha1) and ksr.auth.pv_auth_check(realm, ha1, 1, 0) > 0


def _record_route(ksr: Any, told: Instructions, call_id: str) -> None:
    text = f"{told.local_secret}|{call_id}|{told.local_secret}"
    ksr.rr.add_rr_param(f";sx={hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}")
    if told.table.traverses:
        ksr.rr.add_rr_param(f";sxt={told.instance}")  # by which the other side finds the connection: see traversal.py
    ksr.rr.record_route()
