"""What a call is charged with, from its first INVITE to its end: bandwidth follows offers, answers and refusals.

How it works. The peer where a call leaves for a device or a zone charges it: it alone knows both ends, since the peer
that made the search says where the call came from (proof.py). Before a round is sent the call is charged with what its
offer asks for on every way that the round may take; the answer settles which way it is and what it needs. An offer
within the call is charged before it is passed on, and what was before comes back when it is refused.

Another peer may send several requests of one call here at once, one for each alias that it rings: two devices of a
person are at this peer. They are charged together, each place once, until one is answered or the last has failed.

An entry of the ledger: `serial` of the request that the call began with, or that was answered, `rings` the places that
each request rings until then, `tag` of the call, `peer` the address of the one that sent it or "", `guest` whether only
that one has a dialog of it (guests.py), `from` its caller's node, `routes` by the place at their end with `counts`,
`kbps` and `shown`, `limit` what was granted, `asked` what was asked for, `waits` for what comes next (ANSWER, OFFER,
ACK or nothing), `offer` the session whose answer that is, `early` an answer that came before the call was answered,
`before` what the call had before an offer within it, and `was_audio` whether it was an audio call then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sextet.call.bandwidth.decision import EXCEEDS, LEAST_KBPS, Granted, Refused, decide, no_way
from sextet.call.bandwidth.plan import Plan, Route
from sextet.call.sdp import Media, Session, agreed_kbps, capped, read
from sextet.call.table import Table
from sextet.model.settings.local_zone import CLUSTER_SUBZONE
from sextet.sip.kemi.limits import licensing
from sextet.sip.kemi.limits.ledger import Entry, charges_of, entry_of, left, locked, put
from sextet.sip.kemi.reporting import Reporter

ANSWER, OFFER, ACK, NOTHING = "answer", "offer", "ack", ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one offer asks for; `session` is None where it cannot be read, or none was made yet."""

    kbps: int
    least_kbps: int
    session: Session | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """The ways that a call may take, and the most that its offer may ask for (0: as it is)."""

    shown: str
    kbps: int
    cap_kbps: int
    refused: dict[str, Refused]  # by the place at the end of a way that it may not take


def asked_of(ksr: Any, plan: Plan) -> Asked:
    """Read what the request at hand asks for."""
    session = _session(ksr)
    if session is None:
        return Asked(kbps=plan.default_kbps, least_kbps=LEAST_KBPS, session=None)
    return _asked(session, plan)


def admit(
    ksr: Any, reporter: Reporter, table: Table, call: dict[str, Any], ends: Sequence[str], now_s: float,
    *, free: bool = False,
) -> Admitted:  # fmt: skip
    """Charge a call for a round that leads to these nodes; what an earlier round was charged with is given back.

    One that is `free` is no rich media session wherever it leads. A call that passes this peer a second time, on a
    spiral through another system, is charged once.
    """
    plan, asked = table.bandwidth, Asked(kbps=call["kbps"], least_kbps=call["least"], session=_of_list(call["offer"]))
    with locked(ksr):
        entry = entry_of(ksr, call["call_id"])
        if entry is not None and not _belongs(entry, call):
            return Admitted(shown="", kbps=0, cap_kbps=0, refused={})
        charged = charges_of(entry)
        routes: dict[str, Any] = {}
        refused: dict[str, Refused] = {}
        granted: list[Granted] = []
        shown: list[str] = []  # facts 6.2: during set-up a call from another peer comes from the Cluster Subzone
        for end in dict.fromkeys(ends):
            route, setup = plan.route(call["from"], end), plan.route(CLUSTER_SUBZONE, end)
            if route is None or (call["peer"] and setup is None):
                refused[end] = no_way(call["from"] if route is None else CLUSTER_SUBZONE, end)
                continue
            rich = not free and licensing.is_rich(table, call["from"], end)
            answer = licensing.lacking(ksr, table, rich, charged) or _decided(ksr, table, route, asked, charged)
            if isinstance(answer, Refused):
                refused[end] = answer
                continue
            granted.append(answer)
            units = licensing.units(table, rich)
            way = {"counts": route.counts, "kbps": answer.kbps, "shown": route.shown}
            routes[end] = {**way, "rich": rich, "units": units}
            shown.append(setup.shown if call["peer"] and setup is not None else route.shown)
        least = min((one.kbps for one in granted), default=0)
        for one in routes.values():
            one["kbps"] = least
        rung = _joined(entry, call["serial"], routes)
        fresh = {
            "tag": call["tag"], "from": call["from"], "since_s": now_s, "peer": call["peer"],
            "asked": asked.kbps, "offer": call["offer"], "early": None, "before": None,
            "answered": False, "waits": ANSWER if call["offer"] else OFFER,
        }  # fmt: skip
        known = fresh if entry is None or rung["serial"] == call["serial"] else entry
        put(ksr, reporter, call["call_id"], entry, known | rung if rung["routes"] else None)
    cap = least if granted and least < asked.kbps else 0
    return Admitted(shown=", ".join(shown), kbps=least, cap_kbps=cap, refused=refused)


def release(ksr: Any, reporter: Reporter, call_id: str, serial: str = "") -> bool:
    """Give back what a call was charged with for one of its requests, or for all; says whether it is over with that."""
    if not ksr.htable.sht_get("load", call_id):
        return True
    with locked(ksr):
        entry = entry_of(ksr, call_id)
        if entry is None:
            return True
        rung = _joined(entry, serial, {}) if serial and not entry["answered"] else {"rings": {}}
        over = not rung["rings"] and serial in ("", entry["serial"], *entry["rings"])
        if over or not entry["answered"]:
            put(ksr, reporter, call_id, entry, None if over else entry | rung)
        return over


def answered(ksr: Any, reporter: Reporter, table: Table, end: str | None) -> None:
    """Settle what a call uses by the reply at hand; `end` is the place that it came from, None where unknown.

    "" stands for another peer, which charges the call itself.
    """
    call_id, status = str(ksr.pv.get("$ci")), int(ksr.pv.get("$rs") or 0)
    serial = str(ksr.pv.get("$avp(serial)") or "")
    session = _session(ksr)
    with locked(ksr):
        entry = entry_of(ksr, call_id)
        if entry is None or serial not in ("", entry["serial"], *entry["rings"]):
            return  # a spiral passes once more, before the way that the call is charged for
        known = entry
        if status >= 200:
            entry = _settled(ksr, table, _chosen(entry, end, serial), session)
            if ksr.pv.get("$avp(joins)"):
                entry = entry | {"guest": True}
        elif session is not None:
            entry = entry | {"early": to_list(session)}
        put(ksr, reporter, call_id, known, entry)
    if session is not None and session.needs(table.bandwidth.default_kbps) > entry["limit"]:
        lower(ksr, entry["limit"])


def acknowledged(ksr: Any, reporter: Reporter, table: Table) -> None:
    """Settle what a call uses by the answer in the ACK at hand: the offer came in the response (RFC 3261 13.2.2.4)."""
    call_id, session = str(ksr.pv.get("$ci")), _session(ksr)
    with locked(ksr):
        entry = entry_of(ksr, call_id)
        if entry is None or entry["waits"] != ACK or session is None:
            return
        known, entry = entry, _settled(ksr, table, entry | {"waits": ANSWER}, session)
        put(ksr, reporter, call_id, known, entry)
    if session.needs(table.bandwidth.default_kbps) > entry["limit"]:
        lower(ksr, entry["limit"])


def unchanged(ksr: Any, reporter: Reporter, table: Table) -> None:
    """An offer within a call was refused: the call has what it had before (RFC 3261 14.1)."""
    call_id = str(ksr.pv.get("$ci"))
    with locked(ksr):
        entry = entry_of(ksr, call_id)
        if entry is not None and entry["before"] is not None:
            reverted = _charged(entry, entry["before"]) | {"before": None, "offer": None, "waits": NOTHING}
            reverted = licensing.counted(table, reverted, True) if entry["was_audio"] else reverted
            put(ksr, reporter, call_id, entry, reverted)


def changed(ksr: Any, reporter: Reporter, table: Table) -> tuple[Refused | None, int]:
    """Charge an offer within a call; gives why it may not be, or the most that it may ask for (0: as it is).

    What the call has already it keeps, whatever the limits say now.
    """
    call_id, plan = str(ksr.pv.get("$ci")), table.bandwidth
    session = _session(ksr)
    with locked(ksr):
        entry = entry_of(ksr, call_id)
        if entry is None or not entry["routes"]:
            return None, 0
        if session is None:
            put(ksr, reporter, call_id, entry, entry | {"waits": OFFER})
            return None, 0
        asked, video = _asked(session, plan), session.more_than_audio and bool(entry.get("audio_only"))
        if video:
            rich = any(route["rich"] for route in entry["routes"].values())
            if (lacking := licensing.lacking(ksr, table, rich, charges_of(entry))) is not None:
                return lacking, 0
        had = max(route["kbps"] for route in entry["routes"].values())
        granted = asked.kbps
        end = next(iter(entry["routes"]))
        route = plan.route(entry["from"], end)
        if route is not None and asked.kbps > had:
            answer = _decided(ksr, table, route, asked, charges_of(entry))
            if isinstance(answer, Refused) and not (_downspeeds(plan, answer) and had >= asked.least_kbps):
                return answer, 0
            granted = max(had, answer.kbps) if isinstance(answer, Granted) else had
        kept = max(had, granted)
        known = entry
        entry = _charged(entry, kept) | {"limit": granted, "asked": asked.kbps, "offer": to_list(session)}
        if entry["before"] is None:
            entry |= {"before": had, "was_audio": bool(entry.get("audio_only"))}
        entry = licensing.counted(table, entry, False) if video else entry
        put(ksr, reporter, call_id, known, entry | {"waits": ANSWER})
    return None, granted if granted < asked.kbps else 0


def shown(ksr: Any, call_id: str) -> dict[str, Any]:
    """Say how a call is shown once it is answered: its whole way, and what it uses."""
    entry = entry_of(ksr, call_id)
    if entry is None or not entry["routes"]:
        return {}
    routes = entry["routes"].values()
    return {
        "nodes": ", ".join(one["shown"] for one in routes),
        "kbps": max(one["kbps"] for one in routes),
        "audio_only": bool(entry.get("audio_only")),
        "rich": any(one["rich"] for one in routes),
    }


def lower(ksr: Any, kbps: int) -> None:
    """Make the session description at hand ask for no more than this."""
    text = _body(ksr)
    lowered = capped(text, kbps)
    if lowered != text:
        ksr.textops.set_body(lowered, "application/sdp")


def _decided(ksr: Any, table: Table, route: Route, asked: Asked, charged: Counter[str]) -> Granted | Refused:
    peers = len(table.peers) + 1

    def room(element: str, limit: int) -> int:
        return left(ksr, element, limit, charged[element], peers)

    return decide(table.bandwidth, route, asked.kbps, asked.least_kbps, room)


def _belongs(entry: Entry, call: dict[str, Any]) -> bool:
    """Say whether a request is of the call that is charged already: a spiral is not, it comes from elsewhere."""
    together = bool(entry["peer"] and call["peer"]) and entry["tag"] == call["tag"] and not entry["answered"]
    return bool(entry["serial"] == call["serial"]) or together


def _joined(entry: Entry | None, serial: str, routes: dict[str, Any]) -> Entry:
    """Give what changes where one request of a call rings these places now, and the others what they rang before."""
    rings: dict[str, list[str]] = {} if entry is None else {**entry["rings"]}
    rings.pop(serial, None)
    before = {} if entry is None else entry["routes"]
    kept = {end: before[end] for ends in rings.values() for end in ends if end in before}
    for end, route in routes.items():
        kept[end] = max(route, kept.get(end, route), key=lambda one: one["kbps"])
    first = entry["serial"] if entry is not None and entry["serial"] in rings else next(iter(rings), serial)
    if routes:
        rings[serial] = list(routes)
    limit = max((route["kbps"] for route in kept.values()), default=0)
    return {"serial": first, "rings": rings, "routes": kept, "limit": limit}


def _downspeeds(plan: Plan, refused: Refused) -> bool:
    return plan.downspeed_per_call if refused.words == EXCEEDS else plan.downspeed_total


def _asked(session: Session, plan: Plan) -> Asked:
    kbps, least = session.needs(plan.default_kbps), session.least
    return Asked(kbps=kbps, least_kbps=LEAST_KBPS if least is None else least, session=session)


def _chosen(entry: Entry, end: str | None, serial: str) -> Entry:
    """The way that answered first is the call's."""
    routes = entry["routes"]
    if entry["answered"]:
        return entry
    kept = {end: routes[end]} if end in routes else {} if end == "" else routes
    limit = max((route["kbps"] for route in kept.values()), default=entry["limit"])
    owner = serial if serial in entry["rings"] else entry["serial"]
    return entry | {"routes": kept, "answered": True, "limit": limit, "serial": owner, "rings": {}}


def _settled(ksr: Any, table: Table, entry: Entry, session: Session | None) -> Entry:
    """Offer and answer say what the call uses; what comes again, or is not waited for, says nothing."""
    answer = session if session is not None else _of_list(entry["early"])
    offer, waits = _of_list(entry["offer"]), entry["waits"]
    if answer is not None and offer is not None and waits == ANSWER:
        agreed = agreed_kbps(offer, answer, table.bandwidth.default_kbps)
        entry = licensing.counted(table, entry, offer.audio_only or answer.audio_only)
        return _used(ksr, table, entry, agreed) | {"offer": None, "waits": NOTHING, "early": None, "before": None}
    if answer is not None and waits == OFFER:
        asked = _asked(answer, table.bandwidth)
        entry |= {"limit": max(entry["limit"], _room(ksr, table, entry, asked)), "asked": asked.kbps}
        needed = _charged(entry, min(asked.kbps, entry["limit"]))
        return needed | {"offer": to_list(answer), "waits": ACK, "early": None, "before": None}
    return entry


def _room(ksr: Any, table: Table, entry: Entry, asked: Asked) -> int:
    """Say how much a call may have of what it asks for now; 0 where it is refused that."""
    routes = [table.bandwidth.route(entry["from"], end) for end in entry["routes"]]
    answers = [_decided(ksr, table, route, asked, charges_of(entry)) for route in routes if route is not None]
    return min((one.kbps if isinstance(one, Granted) else 0 for one in answers), default=0)


def _used(ksr: Any, table: Table, entry: Entry, kbps: int) -> Entry:
    """Charge what both sides agreed on: more than was granted only where that is left and nothing was lowered."""
    if kbps > entry["limit"]:
        asked = Asked(kbps=kbps, least_kbps=kbps, session=None)
        whole = entry["limit"] == entry["asked"] and _room(ksr, table, entry, asked) == kbps
        entry = entry | ({"limit": kbps, "asked": kbps} if whole else {})
    return _charged(entry, min(kbps, entry["limit"]))


def _charged(entry: Entry, kbps: int) -> Entry:
    return entry | {"routes": {end: route | {"kbps": kbps} for end, route in entry["routes"].items()}}


def _session(ksr: Any) -> Session | None:
    return read(_body(ksr))


def _body(ksr: Any) -> str:
    """Give the session description at hand, "" without one: of several parts we read none."""
    try:
        if str(ksr.pv.get("$cT") or "").partition(";")[0].strip().lower() != "application/sdp":
            return ""
        return str(ksr.pv.get("$rb") or "")
    except UnicodeDecodeError:
        return ""


def to_list(session: Session | None) -> list[Any] | None:
    if session is None:
        return None
    media = [[m.kind, m.active, m.stated_kbps, m.most_kbps, m.least_kbps] for m in session.media]
    return [session.stated_kbps, media]


def _of_list(values: list[Any] | None) -> Session | None:
    if values is None:
        return None
    media = tuple(
        Media(kind=kind, active=active, stated_kbps=stated, most_kbps=most, least_kbps=least)
        for kind, active, stated, most, least in values[1]
    )
    return Session(stated_kbps=values[0], media=media)
