"""Carries out what is decided about a request outside a dialog: who sent it, may he, where does it go.

The steps of the decision become legs, tried in order; what is left to try stays with the transaction ($avp(steps))
and is taken up again by the failure route. A request from a peer is proved by its header and rings devices here only.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Sequence
from typing import Any

from sextet.call.admission import counts_as_authenticated, must_authenticate
from sextet.call.alias import of_uri
from sextet.call.loop import looped, mark
from sextet.call.search import HOPS_WITHOUT_HEADER, Refuse, Request, Step, search
from sextet.call.source import LOCAL, Source, SourceKind, source_of
from sextet.sip.kemi import calls
from sextet.sip.kemi.bindings import is_endpoint
from sextet.sip.kemi.instructions import Instructions
from sextet.sip.kemi.proof import HEADER, Identity, new_tag, prove, proven
from sextet.sip.kemi.reporting import Reporter, written

METHODS = ("INVITE", "MESSAGE", "SUBSCRIBE", "OPTIONS", "REFER", "INFO", "PUBLISH", "NOTIFY")
BEHIND, PEER = 6, 8  # branch flags of kamailio.cfg
ANSWER_MS = 180_000  # how long a device may ring; the longest common ringing time
PEER_MS = 1_000  # to a peer's first provisional answer, which it sends before it does anything else
ZONE_MS = 3_000  # to another system's
DEVICE_MS = 5_000  # to a device's
REQUEST_MS = 8_000  # to the final answer of what is not an INVITE
FINAL = (401, 407, 484, 486, 487)  # answers of the person asked for: searching on would not help
_MARK = re.compile(r";sxl=([0-9a-f]{16})")
_PHRASES = {
    404: "Not Found",
    480: "Temporarily Unavailable",
    414: "Request-URI Too Long",
    483: "Too Many Hops",
    503: "Service Unavailable",
}

Leg = dict[str, Any]
Call = dict[str, Any]  # what is told of it besides its state; of a request that is no INVITE the tag only


def initial(ksr: Any, reporter: Reporter, told: Instructions, proved: bool) -> None:
    """Decide about a request outside a dialog; `proved`: the native route has found and consumed right credentials."""
    get = ksr.pv.get
    method = str(get("$rm"))
    if method not in METHODS:
        ksr.sl.send_reply(405, "Method Not Allowed")
        return
    identity = Identity(
        call_id=str(get("$ci")), cseq=str(get("$cs")), from_tag=str(get("$ft") or ""), uri=str(get("$ru"))
    )
    peer, tag = _sender(ksr, told, identity)
    source, authenticated = (LOCAL, True) if proved else _identified(ksr, told, method, peer)
    if source is None or ksr.tm.t_newtran() <= 0:
        return  # challenged; or a retransmission, which the transaction absorbs
    request = Request(
        protocol="SIP",
        alias=of_uri(identity.uri),
        source=source,
        authenticated=authenticated,
        hops=_hops(str(get("$hdr(Max-Forwards)") or "")),
        tag=tag or new_tag(told.secret or told.local_secret.encode(), identity),
    )
    own = mark(request, told.secret or told.local_secret.encode())
    if looped(own, _MARK.findall(str(get("$(hdr(Via)[*])") or ""))):
        ksr.sl.send_reply(482, "Loop Detected")
        return
    decision = search(told.table, request, _here(ksr), _elsewhere(ksr))
    if isinstance(decision, Refuse):
        _answer(ksr, decision.status, decision.reason)
        return
    ksr.pvx.xavp_child_sets("via", "sxl", own)
    ksr.corex.via_add_xavp_params(1)
    _record_route(ksr, told, identity.call_id)
    if method == "INVITE":
        ksr.dialog.dlg_manage()
    legs = [leg for step in decision.steps for leg in _legs(step)]
    _run(ksr, reporter, told, legs, _call(get, identity, request) if method == "INVITE" else {"tag": request.tag})


def failed(ksr: Any, reporter: Reporter, told: Instructions) -> None:
    """Take the next leg after one that failed, unless the answer was a person's."""
    status = ksr.tm.t_get_status_code()
    left = ksr.pv.get("$avp(steps)")
    if left and status < 600 and status not in FINAL:
        legs, call = json.loads(left)
        _run(ksr, reporter, told, legs, call, again=True)


def _hops(header: str) -> int:
    """Read Max-Forwards as it was received: the native route has counted this hop ($mf gives 0 in 5.6)."""
    return int(header) + 1 if header.isascii() and header.isdigit() and len(header) < 4 else HOPS_WITHOUT_HEADER


def _sender(ksr: Any, told: Instructions, identity: Identity) -> tuple[int | None, str]:
    value = ksr.pv.get(f"$hdr({HEADER})")
    if not value:
        return None, ""
    found = proven(told.secret, str(value), identity)
    if found is not None and found[0] in told.table.peers and told.table.peers[found[0]].ip == ksr.pv.get("$si"):
        return found
    ksr.htable.sht_inc("count", "unproven")
    return None, ""


def _identified(ksr: Any, told: Instructions, method: str, peer: int | None) -> tuple[Source | None, bool]:
    """Name the source; None when the request was answered with a challenge (RFC 3261 22)."""
    get = ksr.pv.get
    ip = str(get("$si"))
    source = source_of(told.table, ip, peer, is_endpoint(ksr, str(get("$var(flow)"))))
    if source.kind is SourceKind.PEER:
        return source, True
    proved = _digest(ksr, told.realm)
    if must_authenticate(told.table, source, method) and not proved:
        ksr.auth.auth_challenge(told.realm, 1)
        return None, False
    if proved:
        ksr.auth.consume_credentials()
        source = source_of(told.table, ip, peer, True)
    return source, counts_as_authenticated(told.table, source, proved)


def _digest(ksr: Any, realm: str) -> bool:
    if ksr.auth.has_credentials(realm) < 0:
        return False
    ha1 = ksr.htable.sht_get("ha1", str(ksr.pv.get("$au") or ""))
    return bool(ha1) and ksr.auth.pv_auth_check(realm, ha1, 1, 0) > 0


def _here(ksr: Any) -> Any:
    return lambda alias: ksr.registrar.registered_uri("location", f"sip:{alias}") > 0


def _elsewhere(ksr: Any) -> Any:
    return lambda alias: [int(number) for number in str(ksr.htable.sht_get("owner", alias) or "").split(",") if number]


def _record_route(ksr: Any, told: Instructions, call_id: str) -> None:
    text = f"{told.local_secret}|{call_id}|{told.local_secret}"
    ksr.rr.add_rr_param(f";sx={hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}")
    ksr.rr.record_route()


def _call(get: Any, identity: Identity, request: Request) -> Call:
    return {
        "call_id": identity.call_id,
        "serial": os.urandom(16).hex(),
        "tag": request.tag,
        "source": of_uri(str(get("$fu") or "")),
        "destination": request.alias,
        "protocol": "SIP",
    }


def _legs(step: Step) -> list[Leg]:
    shared = {"alias": step.alias, "hops": step.hops, "rule": step.rule}
    if step.kind == "local":
        return [{"kind": "local", "here": step.here, "peers": list(step.peers), **shared}]
    return [{"kind": "zone", "zone": step.zone, "uri": uri, **shared} for uri in step.uris]


def _run(
    ksr: Any, reporter: Reporter, told: Instructions, legs: Sequence[Leg], call: Call, again: bool = False
) -> None:
    """Send to the first leg that can be sent to; the others are left for the failure route."""
    invite = "call_id" in call
    for place, leg in enumerate(legs):
        if place or again:
            ksr.resetbflag(BEHIND)
            ksr.resetbflag(PEER)
            ksr.resetdsturi()
        aimed = _aim_local(ksr, told, leg, call["tag"]) if leg["kind"] == "local" else _aim_zone(ksr, leg)
        if not aimed:
            continue
        rest = legs[place + 1 :]
        if rest or place or again:
            ksr.pv.sets("$avp(steps)", written((rest, call)) if rest else "")
        ksr.pv.seti("$avp(hops)", leg["hops"])
        if invite:
            calls.begin(ksr, reporter, call | {"route": aimed, "rule": leg["rule"]}, time.monotonic())
        ksr.tm.t_set_fr(ANSWER_MS, _patience_ms(leg) if invite else REQUEST_MS)
        ksr.tm.t_on_branch("LEG")
        ksr.tm.t_on_reply("ANSWER")
        if rest:
            ksr.tm.t_on_failure("NEXT")
        if ksr.tm.t_relay() > 0:
            return
    if invite:
        calls.ended(ksr, reporter, str(ksr.pv.get("$ci")), "480 nothing could be reached")
    _answer(ksr, 480, "no device or zone that was found could be reached")


def _aim_local(ksr: Any, told: Instructions, leg: Leg, tag: str) -> str:
    """Point the request at all devices of an alias, here and at other peers; gives the name of the route."""
    uri = f"sip:{leg['alias']}"
    ksr.seturi(uri)
    here = leg["here"] and ksr.registrar.lookup("location") > 0
    peers = [told.table.peers[number] for number in leg["peers"] if number in told.table.peers]
    if peers:
        get = ksr.pv.get
        identity = Identity(call_id=str(get("$ci")), cseq=str(get("$cs")), from_tag=str(get("$ft") or ""), uri=uri)
        ksr.pv.sets("$avp(proof)", prove(told.secret, told.table.number, tag, identity))
    for place, peer in enumerate(peers):
        host = f"[{peer.ip}]" if ":" in peer.ip else peer.ip
        target = f"sip:{host}:{told.peer_port};transport={told.peer_transport}"
        if not here and place == 0:
            ksr.seturi(uri)
            ksr.setdsturi(target)
            ksr.setbflag(PEER)
        else:
            ksr.pvx.sbranch_reset()
            ksr.pv.sets("$sbranch(uri)", uri)
            ksr.pv.sets("$sbranch(dst_uri)", target)
            ksr.pv.seti("$sbranch(flags)", 1 << PEER)
            ksr.pvx.sbranch_append()
    if here:
        return "Local Zone"
    return peers[0].name if peers else ""


def _aim_zone(ksr: Any, leg: Leg) -> str:
    alias, uri = leg["alias"], leg["uri"]
    host = uri.partition(":")[2].partition(";")[0].rpartition(":")[0]
    ksr.seturi(f"sip:{alias}" if "@" in alias else f"sip:{alias}@{host}")
    ksr.setdsturi(uri)
    return str(leg["zone"])


def _patience_ms(leg: Leg) -> int:
    if leg["kind"] == "zone":
        return ZONE_MS
    return DEVICE_MS if leg["here"] else PEER_MS


def _answer(ksr: Any, status: int, reason: str) -> None:
    ksr.hdr.append_to_reply(f'Reason: SIP;cause={status};text="{reason}"\r\n')  # RFC 3326
    ksr.sl.send_reply(status, _PHRASES.get(status, "Not Found"))
