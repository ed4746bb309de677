"""A request within a call whose target is the URI of a device: it goes to it wherever it is now (RFC 5627 6.1).

The last hop of its route looks the device up as for a call. Where the device moved to another peer meanwhile, that
peer gets the request with a proof, as it gets calls, and its answers come back the same way.
"""

from __future__ import annotations

from typing import Any

from sextet.call.alias import key, of_uri
from sextet.call.gruu import device_of
from sextet.sip.kemi.instructions import Instructions
from sextet.sip.kemi.proof import HEADER, identity_of, new_tag
from sextet.sip.kemi.refusing import phrase
from sextet.sip.kemi.registration import flows
from sextet.sip.kemi.registration.bindings import elsewhere, here
from sextet.sip.kemi.routing.calling import sender
from sextet.sip.kemi.routing.forking import PEER, leg, peer_point


def target(ksr: Any, told: Instructions) -> None:
    """Send the request at hand to the device that its Request-URI names."""
    uri, table = str(ksr.pv.get("$ru")), told.table
    alias, devices = key(of_uri(uri)), flows.Devices(only=flows.mark(device_of(uri) or ""))
    flows.note(ksr, alias, False, device_of(uri))
    ksr.pv.sets("$avp(tag)", new_tag(told.secret or told.local_secret.encode(), identity_of(ksr)))
    peers = [number for number in elsewhere(ksr)(alias) if number in table.peers and table.peers[number].up]
    holders = flows.spread(ksr, alias, table.number, True, peers).shared[devices.only]
    others = [peer_point(told, alias, number, devices) for number in holders if number != table.number]
    _send(ksr, told, alias, devices, others, 480 if peers or here(ksr)(alias) else 404)


def handed(ksr: Any, told: Instructions) -> None:
    """Send on what another peer gave us for a device here."""
    peer, tag, _ = sender(ksr, told, identity_of(ksr))
    alias = key(of_uri(str(ksr.pv.get("$ru"))))
    flows.note(ksr, alias, peer is not None)
    devices = flows.asked_for(ksr, alias)
    if not devices.only:
        if not ksr.is_ACK():
            ksr.sl.send_reply(481, "Call/Transaction Does Not Exist")
        return
    ksr.pv.sets("$avp(tag)", tag)
    ksr.textops.remove_hf(HEADER)
    _send(ksr, told, alias, devices, [], flows.FLOW_FAILED)


def _send(
    ksr: Any, told: Instructions, alias: str, devices: flows.Devices, others: list[flows.Point], otherwise: int
) -> None:
    """Send to the first flow that takes it, here rather than elsewhere; without one the answer is `otherwise`."""
    found = flows.points(ksr, alias, devices, told.table.zone_of_flow)
    points = [*(point for _, several in found for point in several), *others]
    if ksr.is_ACK():
        if points:
            _acknowledge(ksr, told, points[0])
        return
    if ksr.tm.t_newtran() <= 0:
        return  # a retransmission, which the transaction absorbs
    if not points:
        ksr.sl.send_reply(otherwise, phrase(otherwise))
        return
    flows.keep(ksr, {devices.only: points[1:]})
    flows.aim(ksr, points[0], first=True)
    while not _sent(ksr):
        if not (names := flows.unsent(ksr)):
            ksr.sl.send_reply(480, phrase(480))
            return
        flows.follow(ksr, names)


def _sent(ksr: Any) -> bool:
    ksr.tm.t_on_branch("LEG")
    ksr.tm.t_on_reply("ANSWER")
    ksr.tm.t_on_branch_failure("tm:branch-failure:FLOW")
    return bool(ksr.tm.t_relay() > 0)


def _acknowledge(ksr: Any, told: Instructions, point: flows.Point) -> None:
    """Send an ACK, which has neither a branch route nor an answer."""
    ksr.seturi(point.uri)
    ksr.setdsturi(point.next_hop)
    if point.path:
        ksr.hdr.append(f"Route: {point.path}\r\n")
    if point.flags & 1 << PEER:
        leg(ksr, told)
    ksr.tm.t_relay()
