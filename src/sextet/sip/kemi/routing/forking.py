"""How the rounds of a decision become branches: all targets of a round at once, round after round.

What is left to ask stays with the transaction: `$avp(steps)` holds the other addresses of the zones that are being
asked, then the rounds to come. The failure route takes it up when every branch has failed (failing.py); where the way
to one address of a zone fails, the next one is asked at once (addresses.py). What differs
between the branches of one round stands in parameters of the next hop, which is never sent: `hops` is its Max-Forwards,
`t` the number of the target among all targets of the search. Devices of this peer have no such parameters: `$avp(hops)`
and `$avp(here)` hold for them.
"""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Iterator, Sequence
from typing import Any

from sextet.call.alias import is_ip, key, of_uri, uri_of
from sextet.call.decision import PATH, SIPS, Refuse, Request, Round, Target, safe
from sextet.call.gruu import parameter
from sextet.model.ip import in_uri
from sextet.sip.kemi.asking import questions
from sextet.sip.kemi.instructions import Instructions
from sextet.sip.kemi.limits.admitting import ASKED, admit_round
from sextet.sip.kemi.proof import identity_of, prove
from sextet.sip.kemi.registration import flows
from sextet.sip.kemi.registration.bindings import address_of, stored
from sextet.sip.kemi.reporting import Reporter, written
from sextet.sip.kemi.routing import addresses, calls
from sextet.sip.kemi.routing.aftermath import Aftermath
from sextet.sip.kemi.zones import reaching

BEHIND, PEER = 6, 8  # branch flags of kamailio.cfg
ANSWER_MS = 180_000  # how long a device may ring; the longest common ringing time
# To a peer's first provisional answer, which it sends before it does anything else. A peer whose machine is
# silent is asked no more after 3.3 s (HEARTBEAT_LIMIT_S and DIAL_LIMIT_S of the links), and one whose Kamailio ended
# refuses at once: who keeps us waiting is busy, and a call that gives it up fails though it lives. The price: who calls
# in those 3.3 s, or where Kamailio alone hangs, waits 3 s.
PEER_MS = 3_000
ZONE_MS = 3_000  # to another system's
DEVICE_MS = 5_000  # to a device's
_TLS = re.compile(r"(?i);transport=tls\b|^sips:")
UNREACHABLE = "none of its addresses can be reached"
REQUEST_MS = 8_000  # to the final answer of what is not an INVITE

Leg = dict[str, Any]  # a target as it is kept in an AVP; of a zone with one of its addresses, and those left to try
Call = dict[str, Any]  # what is told of it besides its state; of a request that is no INVITE the first three of these:
# the tag, the name of the search, and the second at which it was begun (tracing.clock)


def begin(
    ksr: Any, reporter: Reporter, told: Instructions, rounds: Sequence[Round], call: Call, after: Aftermath,
    *, again: bool = False, uri: str = "",
) -> Refuse | None:  # fmt: skip
    """Ask the first round that can be asked, else give why there is none; see failing.ask.

    `uri` is the Request-URI where it is not that of the alias.
    """
    numbers = itertools.count()
    request = after.request
    legs = [[_leg(ksr, told, target, next(numbers), uri, request) for target in one.targets] for one in rounds]
    callers = {leg["t"]: target.caller for leg, target in _pairs(legs, rounds) if target.caller}
    ksr.pv.sets("$avp(callers)", written(callers) if callers else "")
    for name in ("legs", "said"):
        ksr.pv.sets(f"$avp({name})", "")
    return run(ksr, reporter, told, legs, call, after, again=again)


def run(
    ksr: Any, reporter: Reporter, told: Instructions, rounds: list[list[Leg]], call: Call, after: Aftermath,
    *, again: bool,
) -> Refuse | None:  # fmt: skip
    """Send to the first round that can be sent to, else give why there is none; the others are left for later."""
    invite = "call_id" in call
    ksr.pv.sets("$avp(tag)", call["tag"])
    ksr.pv.sets("$avp(from)", call.get("from", ""))
    refusal, about = flows.missing(ksr), {}
    while rounds := addresses.untried(ksr, rounds):
        legs, rounds = rounds[0], rounds[1:]
        refusal = flows.GONE if legs[0]["rule"] == PATH else refusal  # 430: the registrar takes the device's next flow
        second = addresses.others(legs)
        rounds = [second, *rounds] if second else rounds
        if invite:
            admitted = admit_round(ksr, reporter, told.table, call, legs)
            legs, refusal, about = list(admitted.legs), admitted.refusal or refusal, admitted.about
        if not legs:
            continue
        routes = _aim(ksr, told, legs, again)
        again = True
        if not routes:
            refusal = next(
                (Refuse(480, safe(f"zone {one['zone']}: {one['why']}")) for one in legs if "why" in one), refusal
            )
            continue
        ksr.pv.sets("$avp(steps)", written((rounds, call, after.to_row())))
        ksr.pv.sets("$avp(person)", "")
        ksr.pv.sets("$avp(brief)", "")
        lone = addresses.name_of(legs[0]) if len(legs) == 1 and legs[0].get("uris") else ""
        ksr.pv.sets("$avp(lone)", lone)
        if invite:
            names, rules = (", ".join(dict.fromkeys(each)) for each in zip(*routes, strict=True))
            row = {name: value for name, value in call.items() if name not in ("search", "began", *ASKED)}
            calls.begin(ksr, reporter, row | about | {"route": names, "rule": rules}, time.monotonic())
        patience_ms = max(_patience_ms(one) for one in legs) if invite else REQUEST_MS
        done = sent(ksr, after, patience_ms)
        while lost := addresses.cut_off(ksr) if done else flows.unsent(ksr):
            for name in lost:
                addresses.pass_over(ksr, reporter, told, name)
            flows.follow(ksr, lost)
            done = sent(ksr, after, patience_ms) or done
        if done:
            return None
        if lone:
            addresses.pass_over(ksr, reporter, told, lone)
    return refusal


def sent(ksr: Any, after: Aftermath, patience_ms: int) -> bool:
    """Send to all branches; says whether one at least could be sent to.

    tm looks at a branch when the time for a first answer is over, and not before: that may be no longer than it rings.
    """
    ring_ms = after.ring_s * 1000 or ANSWER_MS
    ksr.pv.seti("$avp(hasty)", int(ring_ms < patience_ms))
    ksr.tm.t_set_fr(ring_ms, min(patience_ms, ring_ms))
    ksr.tm.t_on_branch("LEG")
    ksr.tm.t_on_reply("ANSWER")
    ksr.tm.t_on_failure("NEXT")
    if ksr.pv.get("$avp(flows)"):
        ksr.tm.t_on_branch_failure("tm:branch-failure:FLOW")
    return bool(ksr.tm.t_relay() > 0)


def leg(ksr: Any, told: Instructions) -> None:
    """Prove a branch that goes to another peer: the proof holds for its own Request-URI only.

    With it the other peer learns where in our Local Zone, or from which zone, the call came.
    """
    tag, node = str(ksr.pv.get("$avp(tag)")), str(ksr.pv.get("$avp(from)") or "")
    value = prove(told.secret, told.table.number, tag, identity_of(ksr), node)
    ksr.hdr.append(f"X-Sextet-Peer: {value}\r\n")


def caller(ksr: Any, told: Instructions) -> None:
    """Show another caller in the branch at hand than who calls, where a policy or FindMe says so.

    uac puts the caller's own From back into answers, and into what comes within the dialog. The branches to all devices
    here are one target's; where a round has several of these, the first one's caller is shown.
    """
    get = ksr.pv.get
    number = str(get("$(du{uri.param,t})") or get("$avp(here)") or "")
    alias = str(json.loads(get("$avp(callers)")).get(number, ""))
    if not alias:
        return
    name = told.table.display_names.get(key(alias)) or alias.partition("@")[0]
    host = of_uri(str(get("$fu") or "")).rpartition("@")[2]
    uri = uri_of(alias if "@" in alias else f"{alias}@{host or told.host}")
    ksr.uac.uac_replace_from(f'"{safe(name)}"', uri)


def _pairs(legs: Sequence[Sequence[Leg]], rounds: Sequence[Round]) -> Iterator[tuple[Leg, Target]]:
    for of_round, one in zip(legs, rounds, strict=True):
        yield from zip(of_round, one.targets, strict=True)


def _leg(ksr: Any, told: Instructions, target: Target, number: int, uri: str, request: Request) -> Leg:
    shared = {"kind": target.kind, "alias": target.alias, "hops": target.hops, "rule": target.rule, "t": number}
    if request.secure:
        shared["tls"] = True
    if target.kind == "local":
        return {**shared, "here": target.here, "peers": list(target.peers)}
    uris = reaching.reach(ksr, told, target.zone, target.alias) if target.kind == "zone" else list(target.uris)
    why = "" if uris else questions.obstacle(ksr, told.table.zones.get(target.zone), target.alias) or UNREACHABLE
    if request.secure and uris:
        uris = [one for one in uris if _TLS.search(one)]
        why = "" if uris else f"none of its addresses is reached over TLS, {SIPS}"
    more = {name: value for name, value in (("why", why), ("gr", parameter(request.device))) if value}
    return {**shared, "zone": target.zone or target.alias, "uris": uris, "uri": uri, **more}


def _aim(ksr: Any, told: Instructions, legs: Sequence[Leg], again: bool) -> list[tuple[str, str]]:
    """Point the request at every leg; gives (where it goes, by which rule) of those that lead somewhere.

    Registrations come first, for looking them up sets the Request-URI; the first other one sets it where none did.
    """
    if again:
        ksr.resetbflag(BEHIND)
        ksr.resetbflag(PEER)
        ksr.resetdsturi()
    routes: list[tuple[str, str]] = []
    waiting: dict[str, list[flows.Point]] = {}
    hops = min((one["hops"] for one in legs if one["kind"] == "local"), default=legs[0]["hops"])
    ksr.pv.sets("$avp(hops)", str(hops))
    ksr.pv.sets("$avp(here)", next((str(one["t"]) for one in legs if one["kind"] == "local" and one["here"]), ""))
    rung: set[str] = set()
    for one in legs:
        if one["kind"] == "local" and one["here"] and _devices(ksr, told, one, bool(routes), rung, waiting):
            routes.append(("Local Zone", one["rule"]))
    for one in legs:
        for name, point in _elsewhere(ksr, told, one, rung, waiting):
            _point(ksr, point.uri, point.next_hop, point.flags, bool(routes))
            routes.append((name, one["rule"]))
    flows.keep(ksr, waiting)
    addresses.keep(ksr, legs)
    return routes


def _devices(
    ksr: Any, told: Instructions, one: Leg, aimed: bool, rung: set[str], waiting: dict[str, list[flows.Point]]
) -> bool:
    alias, secure = one["alias"], bool(one.get("tls"))
    uri = f"sip:{alias}"
    if is_ip(alias):
        return _at_address(ksr, alias, secure, aimed)
    devices = flows.asked_for(ksr, alias)
    if secure or not flows.simple(ksr, alias, devices):
        found = flows.points(ksr, alias, devices, told.table.zone_of_flow)
        if secure:
            over_tls = ((name, [point for point in points if _TLS.search(point.next_hop)]) for name, points in found)
            found = [(name, points) for name, points in over_tls if points]
        for name, (point, *more) in found:
            flows.aim(ksr, point, not aimed)
            aimed = True
            rung.add(name)
            if more:
                waiting[name] = more
        return bool(found)
    if aimed:
        return bool(ksr.registrar.lookup_to_dset("location", uri) > 0)
    ksr.seturi(uri)
    return bool(ksr.registrar.lookup("location") > 0)


def _at_address(ksr: Any, ip: str, secure: bool, aimed: bool) -> bool:
    """Point at the devices that are registered from an address."""
    _, rows = stored(ksr, str(ksr.htable.sht_get("host", ip) or ""))
    for row in rows:
        if address_of(row.received) == ip:
            where, _, transport = row.received.partition(";")
            if secure and transport != "tls":
                continue
            _point(ksr, row.contact, f"sip:{where};transport={transport}", 1 << BEHIND, aimed)
            aimed = True
    return aimed


def _elsewhere(
    ksr: Any, told: Instructions, one: Leg, rung: set[str], waiting: dict[str, list[flows.Point]]
) -> list[tuple[str, flows.Point]]:
    """Give the branches of a leg that leave this peer, each with the name of where it goes."""
    alias = one["alias"]
    if one["kind"] == "local":
        return _peers(ksr, told, one, rung, waiting)
    if not one["uris"]:
        return []  # no address of the zone can be used at the moment
    more = f";dev={addresses.name_of(one)}" if len(one["uris"]) > 1 else ""
    flags = 1 << BEHIND if one["rule"] == PATH else 0
    points = []
    for uri in one["uris"]:
        host = uri.partition(":")[2].partition(";")[0].rpartition(":")[0]
        whom = alias if "@" in alias or is_ip(alias) else f"{alias}@{host}"
        wanted = one["uri"] or _schemed(uri_of(whom), one) + one.get("gr", "")
        points.append(flows.Point(wanted, f"{uri};t={one['t']}{more};hops={one['hops']}", flags))
    if more:
        waiting[addresses.name_of(one)] = points[1:]
    return [(one["zone"], points[0])]


def _peers(
    ksr: Any, told: Instructions, one: Leg, rung: set[str], waiting: dict[str, list[flows.Point]]
) -> list[tuple[str, flows.Point]]:
    """Ask the other peers: each for its own devices, and one of them for each device that several have flows of."""
    alias, table = one["alias"], told.table

    def point(number: int, devices: flows.Devices) -> flows.Point:
        made = peer_point(told, alias, number, devices, f";t={one['t']};hops={one['hops']}")
        return made._replace(uri=_schemed(made.uri, one))

    peers = [number for number in one["peers"] if number in table.peers]
    spread = flows.spread(ksr, alias, table.number, one["here"], peers)
    found = [(table.peers[number].name, point(number, devices)) for number, devices in spread.plain.items()]
    for name, holders in spread.shared.items():
        others = [number for number in holders if number != table.number]
        others_points = [point(number, flows.Devices(only=name)) for number in others]
        if name not in rung and others:
            found.append((table.peers[others[0]].name, others_points.pop(0)))
        waiting.setdefault(name, []).extend(others_points)
    return found


def _schemed(uri: str, one: Leg) -> str:
    """Ask for TLS onward too, where the caller did."""
    return f"sips:{uri.removeprefix('sip:')}" if one.get("tls") else uri


def peer_point(told: Instructions, alias: str, number: int, devices: flows.Devices, more: str = "") -> flows.Point:
    """Say where another peer is asked for devices of an alias; `more` are parameters of the next hop."""
    ip = told.table.peers[number].ip
    name = f";dev={devices.only}" if devices.only else ""
    hop = f"sip:{in_uri(ip)}:{told.peer_port};transport={told.peer_transport}{more}{name}"
    return flows.Point(f"sip:{alias}{devices.parameter}", hop, 1 << PEER)


def _point(ksr: Any, uri: str, target: str, flags: int, aimed: bool) -> None:
    if not aimed:
        ksr.seturi(uri)
        ksr.setdsturi(target)
        for flag in (BEHIND, PEER):
            if flags & 1 << flag:
                ksr.setbflag(flag)
        return
    ksr.pvx.sbranch_reset()
    ksr.pv.sets("$sbranch(uri)", uri)
    ksr.pv.sets("$sbranch(dst_uri)", target)
    ksr.pv.seti("$sbranch(flags)", flags)
    ksr.pvx.sbranch_append()


def _patience_ms(one: Leg) -> int:
    if one["kind"] != "local":
        return ZONE_MS
    return DEVICE_MS if one["here"] else PEER_MS
