"""May this call be made: asked once for the attempt, and once for every round before it is sent.

The one place where calls are admitted. What else limits calls belongs here, beside bandwidth: the answer is the status
and words of a refusal, decided inside the worker.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sextet.call.alias import is_ip, of_uri
from sextet.call.bandwidth.decision import Refused, no_way
from sextet.call.decision import PATH, Refuse
from sextet.call.source import Source, SourceKind
from sextet.call.table import Table
from sextet.model.settings.local_zone import CLUSTER_SUBZONE, DEFAULT_SUBZONE
from sextet.model.settings.zones import DEFAULT_ZONE
from sextet.sip.kemi.limits import charging, licensing, proxied
from sextet.sip.kemi.registration.bindings import address_of, stored
from sextet.sip.kemi.reporting import Reporter, written

Leg = dict[str, Any]  # forking.Leg
ASKED = ("from", "kbps", "least", "offer", "peer", "ours")  # what attempt() finds out, for admit_round()


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What is left of a round; `refusal` says why something of it may not be asked."""

    legs: tuple[Leg, ...]
    about: dict[str, Any]  # the way as it is shown, and what it is charged with
    refusal: Refuse | None = None


def attempt(ksr: Any, table: Table, source: Source, node: str) -> dict[str, Any]:
    """Say what a call that was just received asks for, and from where; `node` is what a peer said of its caller."""
    asked = charging.asked_of(ksr, table.bandwidth)
    if source.kind is SourceKind.PEER and not table.bandwidth.has(node):
        ksr.htable.sht_inc("count", "misplaced")
        node = DEFAULT_SUBZONE
    return {
        "from": node if source.kind is SourceKind.PEER else source.subzone or source.name,
        "kbps": asked.kbps,
        "least": asked.least_kbps,
        "offer": charging.to_list(asked.session),
        "peer": table.peers[source.number].ip if source.kind is SourceKind.PEER else "",
        "ours": proxied.is_sender(ksr),
    }


def admit_round(ksr: Any, reporter: Reporter, table: Table, call: dict[str, Any], legs: Sequence[Leg]) -> Round:
    """Admit a round: its legs without what may not be asked, none where nothing is left of it."""
    devices = [_devices(ksr, table, leg) for leg in legs]
    ends = [end for leg, found in zip(legs, devices, strict=True) for end in _ends(leg, found)]
    admitted = charging.admit(ksr, reporter, table, call, ends, time.monotonic(), free=_is_free(call, legs))
    refused = dict(admitted.refused)
    shown = [admitted.shown] if admitted.shown else []
    if not call["peer"] and any(leg["kind"] == "local" and leg["peers"] for leg in legs):
        away = table.bandwidth.route(call["from"], CLUSTER_SUBZONE)
        if away is None:
            refused[CLUSTER_SUBZONE] = no_way(call["from"], CLUSTER_SUBZONE)
        else:
            shown.append(away.shown)
    left = [_left(leg, found, refused) for leg, found in zip(legs, devices, strict=True)]
    barred = [contact for found in devices for contact, node in found.items() if node in refused]
    ksr.pv.sets("$avp(cap)", str(admitted.cap_kbps) if admitted.cap_kbps else "")
    ksr.pv.sets("$avp(barred)", written(barred) if barred else "")
    first = next(iter(refused.values()), None)
    return Round(
        legs=tuple(leg for leg in left if leg is not None),
        about={"nodes": ", ".join(shown), "kbps": admitted.kbps},
        refusal=Refuse(first.status, first.reason) if first is not None else None,
    )


def within(ksr: Any, table: Table, source: Source) -> Source:
    """Name the subzone of an endpoint of ours that sent the request at hand."""
    if source.kind is not SourceKind.LOCAL:
        return source
    get = ksr.pv.get
    alias = ksr.htable.sht_get("flow", str(get("$var(flow)"))) or of_uri(str(get("$fu") or ""))
    return replace(source, subzone=table.membership.subzone_of(str(get("$si")), str(alias)))


def end_of(ksr: Any, table: Table) -> str | None:
    """Name the place that the reply at hand came from: a zone, "" for another peer, or the subzone of a device."""
    ip, flow = str(ksr.pv.get("$si")), f"{ksr.pv.get('$si')}:{ksr.pv.get('$sp')}"
    if ip in table.peer_of_ip:
        return ""
    zone = table.zone_of_flow.get(flow) or table.zone_of_ip.get(ip)
    if zone is not None:
        return zone
    alias = ksr.htable.sht_get("flow", f"{flow};{str(ksr.pv.get('$proto')).lower()}")
    return table.membership.subzone_of(ip, str(alias or ""))


def barred(ksr: Any) -> bool:
    """Say whether the branch at hand leads to a device whose subzone has no room for the call."""
    return str(ksr.pv.get("$ru")) in json.loads(str(ksr.pv.get("$avp(barred)")))


def _is_free(call: dict[str, Any], legs: Sequence[Leg]) -> bool:
    """Say whether a call needs no licence although it leaves or enters our systems (facts 8.1).

    An endpoint outside whose registration is carried inside is one of ours, whoever of both calls.
    """
    return bool(call["ours"]) or any(leg["rule"] == PATH or licensing.is_emergency(leg["alias"]) for leg in legs)


def _devices(ksr: Any, table: Table, leg: Leg) -> dict[str, str]:
    """Give the contact and the subzone of every device that a leg rings here."""
    if leg["kind"] != "local" or not leg["here"]:
        return {}
    alias, at = leg["alias"], ""
    if is_ip(alias):
        alias, at = str(ksr.htable.sht_get("host", alias) or ""), alias
    rows = [row for row in stored(ksr, alias)[1] if at in ("", address_of(row.received))]
    return {row.contact: table.membership.subzone_of(address_of(row.received), alias) for row in rows}


def _ends(leg: Leg, devices: dict[str, str]) -> list[str]:
    if leg["kind"] != "local":
        return [leg["zone"] if leg["kind"] == "zone" else DEFAULT_ZONE]
    return sorted(set(devices.values())) or [DEFAULT_SUBZONE] if leg["here"] else []


def _left(leg: Leg, devices: dict[str, str], refused: dict[str, Refused]) -> Leg | None:
    if leg["kind"] != "local":
        return None if _ends(leg, devices)[0] in refused else leg
    here = leg["here"] and not all(end in refused for end in _ends(leg, devices))
    peers = [] if CLUSTER_SUBZONE in refused else leg["peers"]
    return {**leg, "here": here, "peers": peers} if here or peers else None
