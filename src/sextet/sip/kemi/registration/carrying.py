"""Registrations that another system keeps: an edge carries REGISTER inside, and calls back out (RFC 3327).

The way is that of a call to the alias that registers, to zones only. Each REGISTER gets a Path: this peer's address,
and a token that is the flow which the request came over, proved with this peer's own secret. A call from a zone with
that token in its Route goes over that flow and nowhere else. What is carried is counted, see limits/proxied.py.
"""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from typing import Any

from sextet.call import admission
from sextet.call.admission import may_carry_to
from sextet.call.alias import key, of_uri
from sextet.call.decision import PATH, Note, Refuse, Request, Round, Searched, Target, Try, safe
from sextet.call.policy.asking import stages
from sextet.call.search import search
from sextet.call.source import Source, SourceKind, source_of
from sextet.call.table import Table
from sextet.model.ip import in_uri
from sextet.sip.kemi.asking import questions
from sextet.sip.kemi.asking.services import Services
from sextet.sip.kemi.instructions import Instructions
from sextet.sip.kemi.limits import proxied
from sextet.sip.kemi.proof import Identity, identity_of, new_tag
from sextet.sip.kemi.refusing import answer
from sextet.sip.kemi.registration.contacts import contacts_of
from sextet.sip.kemi.reporting import Reporter, rejected
from sextet.sip.kemi.routing import tracing
from sextet.sip.kemi.routing.aftermath import Aftermath
from sextet.sip.kemi.routing.carriage import hops_of
from sextet.sip.kemi.routing.failing import ask
from sextet.sip.kemi.zones import traversal

STEP = "carry"  # of a request that waits (questions.py)
TOKEN = "sxf"  # the parameter of the Path; kamailio.cfg.j2 reads it from the first Route
_MAC_DIGITS = 32
_FLOW = re.compile(r"(.+):(\d{1,5});(udp|tcp|tls)")
_TRANSPORT = re.compile(r";transport=(\w+)", re.IGNORECASE)
_FROM = re.compile(r";from=(\d+)")


def token_of(secret: str, flow: str) -> str:
    """Name a flow so that nobody else can name one."""
    digits = flow.encode().hex()
    return f"{digits}.{_mac(secret, digits)}"


def flow_of(secret: str, token: str) -> str:
    """Read a flow from its token, "" from any other text."""
    digits, _, mac = token.partition(".")
    if not hmac.compare_digest(mac.encode(), _mac(secret, digits).encode()):
        return ""
    return bytes.fromhex(digits).decode()


def carry(ksr: Any, reporter: Reporter, told: Instructions) -> None:
    """Send a REGISTER for a domain that is not ours where a call to its alias would go."""
    get, table = ksr.pv.get, told.table
    if ksr.tm.t_newtran() <= 0:
        return
    identity = identity_of(ksr)
    secret = told.secret or told.local_secret.encode()
    alias = key(of_uri(str(get("$tu") or "")))
    request = Request(
        protocol="SIP", alias=alias, source=sent_by(ksr, table), tag=new_tag(secret, identity), caller=alias,
        hops=hops_of(str(get("$hdr(Max-Forwards)") or "")),
    )  # fmt: skip
    header = str(get("$(hdr(Contact)[*])") or "")
    contacts = contacts_of(header, str(get("$hdr(Expires)") or ""))
    flow = str(get("$var(flow)"))
    ksr.pv.sets("$avp(contacts)", " ".join(one.uri for one in contacts) or header)  # "*", or nothing: it only asks
    ksr.pv.sets("$avp(carried)", flow)
    leaves = all(one.expires_s == 0 for one in contacts)
    if (objection := None if leaves else _objection(ksr, reporter, table)) is not None:
        _refuse(ksr, reporter, table, request, objection)
        return
    send(ksr, reporter, told, request, identity)


def send(
    ksr: Any, reporter: Reporter, told: Instructions, request: Request, identity: Identity, name: str = "",
    known: dict[str, str] | None = None, *, last: bool = False,
) -> None:  # fmt: skip
    """Search where it goes, and send it there; see calling._search, whose words these are.

    Call policy and search rules decide about the way of a REGISTER as about that of a call, with the policy services in
    their place. Who may register is for the system that it is carried to.
    """
    table = told.table
    lookups = tracing.Lookups(lambda _: False, lambda _: ())
    services = Services(ksr, table, request, known or {}, last=last)

    def waits(asked: list[str]) -> None:
        state: questions.State = {
            "step": STEP, "request": asdict(request), "node": "", "own": "", "name": name, "known": known or {},
        }  # fmt: skip
        if not questions.suspend(ksr, reporter, asked, state):
            send(ksr, reporter, told, request, identity, name, known, last=True)

    open_table = (
        replace(table, maintenance=False) if table.maintenance else table
    )  # who leaves then is let go: _objection
    searched = _led(table, request, search(open_table, request, lookups.here, lookups.elsewhere, stages(services)))
    if searched.open:
        waits([services.question(*one) for one in searched.open])
        return
    carried = proxied.held(ksr)
    told_now = not name and not (carried and isinstance(searched.decision, Try))
    name = name or os.urandom(8).hex()
    if told_now:  # refreshes would fill the search history
        tracing.told(reporter, name, request, searched, lookups, table.generation, "REGISTER", identity.call_id)
    decision = searched.decision
    if isinstance(decision, Refuse):
        _refuse(ksr, reporter, table, request, decision)
        return
    found, asked = questions.resolved(ksr, table, request, decision.rounds, lookups.here, lookups.elsewhere, services)
    if asked and not last:
        waits(asked)
        return
    rounds = _carried(table, found.rounds, ("zone",))
    if not rounds:
        refusal = found.refusal or _nowhere(request)
        tracing.answered(
            ksr, reporter, "" if carried else name, tracing.clock(ksr), refusal.status, True, refusal.reason
        )
        _refuse(ksr, reporter, table, request, refusal)
        return
    call: dict[str, Any] = {"tag": request.tag, "search": "" if carried else name}
    ask(ksr, reporter, told, rounds, call, Aftermath(request=request), uri=identity.uri)


def sent_by(ksr: Any, table: Table) -> Source:
    """Name the zone that a REGISTER came from; whoever it is about is no endpoint of ours yet."""
    ip = str(ksr.pv.get("$si"))
    return source_of(table, ip, None, False, f"{ip}:{ksr.pv.get('$sp')}", traversal.zone_of(ksr))


def path(ksr: Any, told: Instructions) -> None:
    """Add the Path to a branch of a REGISTER: where its zone reaches us, and the flow that it came over.

    RFC 5626 5.1: `ob` says that we keep the flow; only the first proxy may.
    """
    hop = str(ksr.pv.get("$du") or "")
    transport = (_TRANSPORT.search(hop) or ("", "udp"))[1].lower()
    held = _FROM.search(hop)
    port = int(held[1]) if held else dict(told.ports)[transport]
    first = ";ob" if "," not in str(ksr.pv.get("$(hdr(Via)[*])") or "") else ""
    token = token_of(told.local_secret, str(ksr.pv.get("$avp(carried)")))
    ksr.hdr.append(f"Path: <sip:{told.host}:{port};transport={transport};lr{first};{TOKEN}={token}>\r\n")


def granted(ksr: Any, reporter: Reporter, table: Table) -> None:
    """Count what the answer to a REGISTER says of its contacts."""
    get = ksr.pv.get
    asked = str(get("$avp(contacts)") or "")
    if not asked:
        return
    held = contacts_of(str(get("$(hdr(Contact)[*])") or ""), str(get("$hdr(Expires)") or ""))
    expires_s = max((one.expires_s or 0 for one in held if one.uri in asked.split(" ")), default=0)
    proxied.granted(ksr, reporter, table, expires_s)


def outward(told: Instructions, request: Request, token: str) -> Searched:
    """Find the flow that a call from a zone names by our Path."""
    flow = _FLOW.fullmatch(flow_of(told.local_secret, token))
    if flow is None or request.source.kind is not SourceKind.ZONE:
        return Searched(Refuse(403, "the Route was not given by this system"), ())
    ip, port, transport = flow.groups()
    uri = f"sip:{in_uri(ip)}:{port};transport={transport}"
    target = Target(kind="direct", alias=request.alias, hops=request.hops - 1, rule=PATH, uris=(uri,))
    finding = f"the flow of a registration that was carried inside, {flow[0]}"
    note = Note(kind="alias", name=PATH, matched=True, before=request.alias, after=request.alias, finding=finding)
    return Searched(Try((Round(priority=0, targets=(target,)),)), (note,))


def _led(table: Table, request: Request, searched: Searched) -> Searched:
    """Leave of a search what a registration may be carried by."""
    decision = searched.decision
    if not isinstance(decision, Try):
        return searched
    rounds = _carried(table, decision.rounds, ("zone", "service"))
    return replace(searched, decision=replace(decision, rounds=rounds) if rounds else _nowhere(request))


def _carried(table: Table, rounds: Sequence[Round], kinds: Collection[str]) -> tuple[Round, ...]:
    left = [
        replace(one, targets=tuple(target for target in one.targets if target.kind in kinds and _may(table, target)))
        for one in rounds
    ]
    return tuple(one for one in left if one.targets)


def _may(table: Table, target: Target) -> bool:
    return target.kind == "service" or may_carry_to(table, target.zone)


def _nowhere(request: Request) -> Refuse:
    return Refuse(403, safe(f"no search rule leads {request.alias} to a zone that registrations may be carried to"))


def _objection(ksr: Any, reporter: Reporter, table: Table) -> admission.Refuse | None:
    """Say why nothing is carried for whoever does not leave: as with registrations of our own."""
    if table.maintenance:
        return admission.Refuse(503, admission.MAINTENANCE)
    return proxied.enter(ksr, reporter, table)


def _refuse(
    ksr: Any, reporter: Reporter, table: Table, request: Request, decision: Refuse | admission.Refuse
) -> None:  # fmt: skip
    proxied.failed(ksr, reporter, table)
    rejected(ksr, reporter, request.alias, decision.status, decision.reason)
    if isinstance(decision, admission.Refuse) and decision.retry_after_s:
        ksr.hdr.append_to_reply(f"Retry-After: {decision.retry_after_s}\r\n")
    answer(ksr, decision.status, decision.reason)


def _mac(secret: str, digits: str) -> str:
    return hmac.digest(secret.encode(), f"flow\n{digits}".encode(), "sha256").hex()[:_MAC_DIGITS]
