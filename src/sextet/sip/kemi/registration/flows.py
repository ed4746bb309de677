"""One ring for each device, however many flows it holds, here and to other peers (RFC 5626 5.3).

A device that registered over several flows is rung over one of them: here rather than elsewhere, then by reg-id. The
others stay with the transaction in `$avp(flows)`, and the next is taken at once where one fails; what the device itself
answers is no failure of its flow. The addresses of a zone stand there too, and follow each other in the same way (RFC
3263 4.3). A device is named by a `mark` of its instance: as `dev` in the parameters of a next
hop, which are never sent, and towards another peer as `ring` or `but` in the Request-URI, which its proof covers. What
a request is for stays in `$avp(devices)`.

Who is called by the URI of one device (call/gruu.py) is rung in the same way, and nobody else: the mark of the device
stays in `$avp(device)`. Where its peer is not known, the peers with devices of its alias are asked one after the other.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sextet.call.decision import Refuse
from sextet.model.ip import in_uri
from sextet.sip.kemi.registration.bindings import Row, stored
from sextet.sip.kemi.reporting import written

FLOW_FAILED = 430  # RFC 5626 11.2
GONE = Refuse(FLOW_FAILED, "the flow to the device is gone")
FAILED = (404, 408, FLOW_FAILED)  # RFC 5626 11.2, 5.3; 404: of another peer, which has lost the device
ADDRESS_FAILED = (408, 503)  # RFC 3263 4.3
ADDRESS = "z"  # how a zone is named among the devices, whose marks are hexadecimal; the number of its target follows
_RUNG = re.compile(rf"(\d+)=([0-9a-f{ADDRESS}]+)")
_SAID = re.compile(r"(\d+)=(\d{3})@")
_FIELDS = ("addr", "received", "path", "cflags", "socket", "conid", "instance", "regid")


class Point(NamedTuple):
    """Where a branch is sent to."""

    uri: str
    next_hop: str
    flags: int = 0
    path: str = ""
    socket: str = ""


@dataclass(frozen=True, slots=True)
class Devices:
    """Which devices of an alias a request is for: all, one, or all but some; by their marks."""

    only: str = ""
    but: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.only or self.but)

    def has(self, name: str) -> bool:
        return name == self.only if self.only else name not in self.but

    @property
    def parameter(self) -> str:
        """Write it for the Request-URI of a request to another peer."""
        if self.only:
            return f";ring={self.only}"
        return f";but={'.'.join(sorted(self.but))}" if self.but else ""


ALL = Devices()


def mark(instance: str) -> str:
    """Name an instance in a word; RFC 5626 4.1: it is a URN, in angle brackets or without.

    In a URI its letters are the same in either case (RFC 3261 19.1.4).
    """
    return hashlib.sha256(instance.strip('"<>').lower().encode()).hexdigest()[:16] if instance else ""


def note(ksr: Any, alias: str, from_peer: bool, device: str | None = None) -> None:
    """Keep which devices the request at hand is for: the one that its Request-URI names, or those a peer asks for."""
    ksr.pv.sets("$avp(device)", mark(device or ""))
    text = ""
    if from_peer:
        text = str(ksr.pv.get("$(ru{uri.param,ring})") or "") + "|" + str(ksr.pv.get("$(ru{uri.param,but})") or "")
    ksr.pv.sets("$avp(devices)", f"{text} {alias}" if len(text) > 1 else "")


def asked_for(ksr: Any, alias: str) -> Devices:
    """Say which devices of an alias the request is for; what a peer asks for holds for the alias that it came with."""
    if named := str(ksr.pv.get("$avp(device)") or ""):
        return Devices(only=named)
    text, _, whose = str(ksr.pv.get("$avp(devices)") or "").partition(" ")
    if whose != alias:
        return ALL
    only, _, but = text.partition("|")
    return Devices(only, frozenset(but.split(".")) - {""})


def is_for_one(ksr: Any) -> bool:
    """Say whether another peer asked for one device."""
    return not str(ksr.pv.get("$avp(devices)") or "|").startswith("|")


def missing(ksr: Any) -> Refuse:
    """Say that nothing could be asked; a peer that asked for one device goes on with its next flow."""
    if is_for_one(ksr):
        return GONE
    if ksr.pv.get("$avp(device)"):
        return Refuse(480, "the device that the URI names is not registered at the moment")  # RFC 5627 6.1
    return Refuse(480, "no device or zone that was found could be reached")


def owner_text(numbers: Iterable[int], flows: Mapping[str, Sequence[int]]) -> str:
    """Write for the htable `owner` which other peers have devices of an alias, and flows of which devices."""
    text = ",".join(str(number) for number in sorted(numbers))
    return f"{text} {written({mark(name): list(peers) for name, peers in flows.items()})}" if flows else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How the devices of an alias are asked for on the peers that have them."""

    plain: Mapping[int, Devices]  # other peers -> what they ring at once
    shared: Mapping[str, tuple[int, ...]]  # device -> the peers that hold its flows, the first choice first


def spread(ksr: Any, alias: str, own: int, here: bool, peers: Sequence[int]) -> Spread:
    """Choose a peer for every device with flows to several; the others of its peers come after that one fails."""
    devices = asked_for(ksr, alias)
    _, _, text = str(ksr.htable.sht_get("owner", alias) or "").partition(" ")
    told: dict[str, list[int]] = json.loads(text) if text else {}
    usable = {*peers, own} if here else set(peers)
    shared = {}
    for name, holders in told.items():
        found = sorted((number for number in holders if number in usable), key=lambda number: number != own)
        if name and found and devices.has(name):
            shared[name] = tuple(found)
    if devices.only:
        # Others come after those that are known to have it: it may have moved there a moment ago.
        known = shared.get(devices.only, ())
        return Spread(plain={}, shared={devices.only: (*known, *(one for one in peers if one not in known))})
    plain = [number for number in peers if not told or number in told[""]]
    apart = Devices(but=frozenset(name for name in told if name))
    return Spread(plain=dict.fromkeys(plain, apart), shared=shared)


def simple(ksr: Any, alias: str, devices: Devices) -> bool:
    """Say whether the registrar's own look-up finds the right branches: each contact here is a device to be rung."""
    if devices:
        return False
    rows = stored(ksr, alias)[1]
    if any(row.path for row in rows) or " " in str(ksr.htable.sht_get("owner", alias) or ""):
        return False
    instances = [name for row in rows if (name := _instance(row))]
    return len(instances) == len(set(instances))


def points(ksr: Any, alias: str, devices: Devices, held: Container[str] = frozenset()) -> list[tuple[str, list[Point]]]:
    """List the devices of an alias here, each with its mark and its flows: connections that live, then by reg-id.

    `held` are the "address:port" of traversal servers: what they carried here is reached over our connection to them.
    """
    received = {row.contact: row.received for row in stored(ksr, alias)[1]}
    found: dict[str, list[tuple[tuple[bool, int], Point]]] = {}
    if ksr.registrar.reg_fetch_contacts("location", f"sip:{alias}", "flows") > 0:
        for index in range(ksr.pv.get("$ulc(flows=>count)") or 0):
            values = {name: ksr.pv.get(f"$(ulc(flows=>{name})[{index}])") for name in _FIELDS}
            name, reg_id = mark(str(values["instance"] or "")), int(values["regid"] or 0)
            if devices.has(name):
                one = name if reg_id else f"{name} {values['addr']}"
                found.setdefault(one, []).append(((_lost(ksr, values), reg_id), _point(values, name, received, held)))
        ksr.registrar.reg_free_contacts("flows")
    return [
        (one.partition(" ")[0], [point for _, point in sorted(flows, key=lambda flow: flow[0])])
        for one, flows in found.items()
    ]


def aim(ksr: Any, point: Point, first: bool) -> None:
    """Add a branch; the `first` of a request is its Request-URI."""
    ksr.pvx.sbranch_reset()
    ksr.pv.sets("$sbranch(uri)", point.uri)
    ksr.pv.sets("$sbranch(dst_uri)", point.next_hop)
    ksr.pv.seti("$sbranch(flags)", point.flags)
    if point.path:
        paths = json.loads(str(ksr.pv.get("$avp(paths)") or "{}"))
        ksr.pv.sets("$avp(paths)", written(paths | {point.uri: point.path}))
    if point.socket:
        ksr.pv.sets("$sbranch(send_socket)", point.socket)
    if first:
        ksr.pvx.sbranch_set_ruri()
    else:
        ksr.pvx.sbranch_append()


def routed(ksr: Any) -> None:
    """Give the branch at hand the Path of its contact as its Route (RFC 3327 5.3); sbranch_set_ruri loses it in 5.6."""
    path = json.loads(str(ksr.pv.get("$avp(paths)"))).get(str(ksr.pv.get("$ru")))
    if path:
        ksr.hdr.append(f"Route: {path}\r\n")


def keep(ksr: Any, waiting: Mapping[str, Sequence[Sequence[Any]]]) -> None:
    """Keep what is tried when a flow fails."""
    left = {name: flows for name, flows in waiting.items() if flows}
    ksr.pv.sets("$avp(flows)", written(left) if left else "")
    ksr.pv.sets("$avp(rung)", "")


def failed(ksr: Any) -> str:
    """Aim a branch that failed at its device's next flow, or its zone's next address.

    Gives whose it is; "" where it was no failure of the way there, or of the last one.
    """
    rung: dict[str, str] = dict(_RUNG.findall(str(ksr.pv.get("$avp(rung)") or "")))
    name = rung.get(str(ksr.pv.get("$T_branch_idx")), "")
    failures = ADDRESS_FAILED if name.startswith(ADDRESS) else FAILED
    if not left(ksr, name) or int(ksr.pv.get("$T_reply_code") or 0) not in failures:
        return ""
    follow(ksr, [name])
    return name


def unsent(ksr: Any) -> list[str]:
    """List the devices and zones that have more flows or addresses, and whose last one took no message."""
    answered = {branch for branch, _ in _SAID.findall(str(ksr.pv.get("$avp(said)") or ""))}
    newest = {name: branch for branch, name in _RUNG.findall(str(ksr.pv.get("$avp(rung)") or ""))}
    return [name for name, branch in newest.items() if branch not in answered and left(ksr, name)]


def said(ksr: Any) -> int:
    """Give what the one device answered that was called, 0 where none of its flows led to it."""
    if not ksr.pv.get("$avp(device)"):
        return 0
    codes = [int(code) for _, code in _SAID.findall(str(ksr.pv.get("$avp(said)") or ""))]
    return next((code for code in codes if code >= 300 and code not in FAILED), 0)


def follow(ksr: Any, names: Sequence[str]) -> None:
    """Aim at the next flow or address of each of these."""
    waiting = json.loads(str(ksr.pv.get("$avp(flows)")))
    for place, name in enumerate(names):
        aim(ksr, Point(*waiting[name].pop(0)), place == 0)
    ksr.pv.sets("$avp(flows)", written(waiting))


def left(ksr: Any, name: str) -> int:
    """Say how many flows of a device, or addresses of a zone, have not been tried."""
    return len(json.loads(str(ksr.pv.get("$avp(flows)") or "{}")).get(name, ()))


def _instance(row: Row) -> str:
    name, _, reg_id = row.device.rpartition(";")
    return name if reg_id.isdecimal() and reg_id != "0" else ""


def _lost(ksr: Any, values: Mapping[str, Any]) -> bool:
    connection = int(values["conid"] or -1)
    return not values["path"] and connection > 0 and ksr.tcpops.tcp_conid_alive(connection) <= 0


def _point(values: Mapping[str, Any], name: str, received: Mapping[str, str], held: Container[str]) -> Point:
    uri, path = str(values["addr"]), str(values["path"] or "")
    flow, _, transport = received.get(uri, "").partition(";")
    if path and flow in held:
        host, _, port = flow.rpartition(":")
        hop = f"sip:{in_uri(host)}:{port};transport={transport};only=1;dev={name}"
        return Point(uri, hop, 0, path, str(values["socket"] or ""))
    hop = path.partition("<")[2].partition(">")[0] if path else str(values["received"] or "") or uri.partition("?")[0]
    return Point(uri, f"{hop};dev={name}", int(values["cflags"] or 0), path, str(values["socket"] or ""))
