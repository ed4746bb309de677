"""What calls ask of zones: where a target can be reached now, and whether who sent a request is who it seems to be."""

from __future__ import annotations

import time
from typing import Any

from sextet.call.alias import is_ip
from sextet.call.choice import in_order
from sextet.call.source import Source, SourceKind
from sextet.model.settings.zones import DNS, TRAVERSAL_CLIENT, TRAVERSAL_SERVER
from sextet.sip.kemi.asking import questions
from sextet.sip.kemi.instructions import Instructions
from sextet.sip.kemi.reporting import Reporter
from sextet.sip.kemi.zones import traversal, zone_rows
from sextet.sip.kemi.zones.identity import connection_names
from sextet.sip.kemi.zones.naming import BOUND

ONLY = ";only=1"  # of a next hop in kamailio.cfg: over a connection that is there already, or not at all


def reach(ksr: Any, told: Instructions, name: str, alias: str) -> list[str]:
    """List the next hops of a zone that can be used now, the best first; none where the zone cannot be reached."""
    zone = told.table.zones.get(name)
    if zone is None:
        return []
    if zone.type == TRAVERSAL_SERVER:
        uris = traversal.reached(ksr, name)
        return in_order(uris, {}, _turn(ksr, name, uris))
    if zone.type == DNS:
        return questions.answer(ksr, zone, alias) or []
    uris = list(zone.uris)
    seen = zone_rows.seen(ksr, name, uris)
    found = in_order(uris, seen, _turn(ksr, name, uris))
    if found and (first := seen.get(found[0])) is not None and first.free is not None:
        ksr.htable.sht_inc("spent", zone_rows.row_name(name, found[0]))
    held = zone.type == TRAVERSAL_CLIENT or (zone.tls_verify and zone.monitored)
    hosts = {place.uri: place.host for place in zone.places if ";transport=tls" in place.uri and not is_ip(place.host)}
    return [uri + ONLY if held else f"{uri};{BOUND}={hosts[uri]}" if uri in hosts else uri for uri in found]


def _turn(ksr: Any, name: str, uris: list[str]) -> int:
    return int(ksr.htable.sht_inc("ctl", f"turn {name}")) - 1 if len(uris) > 1 else 0


def silent(ksr: Any, reporter: Reporter, told: Instructions, name: str, hop: str) -> None:
    """Note that a call had no answer at all from an address: the next caller does not wait for it, and it is asked."""
    zone, uri = told.table.zones.get(name), hop.removesuffix(ONLY).partition(f";{BOUND}=")[0]
    if zone is not None and zone.type == TRAVERSAL_SERVER:
        traversal.silent(ksr, reporter, name, hop)
        return
    place = next((one for one in zone.places if one.uri == uri), None) if zone else None
    if zone is not None and place is not None and zone.monitored:
        zone_rows.failed(ksr, reporter, name, place.host, uri, zone_rows.SILENT, time.monotonic())
        ksr.htable.sht_seti("due", zone_rows.row_name(name, uri), 1)


def objection(ksr: Any, told: Instructions, source: Source) -> str:
    """Say why the connection of a sender does not fit what it is taken for; empty where it does.

    A zone with TLS verify mode must show a trusted certificate with the address that is configured; strangers are
    judged by the access rules of the Default Zone.
    """
    if source.kind is SourceKind.DEFAULT and told.table.access.used:
        names = connection_names(ksr)
        return told.table.access.objection(names.every if names else None)
    zone = told.table.zones.get(source.name) if source.kind is SourceKind.ZONE else None
    if zone is None or not zone.tls_verify or zone.type == TRAVERSAL_SERVER:
        return ""  # a traversal client was judged when it proved itself on its connection
    names = connection_names(ksr)
    if names is not None and any(names.have(place.host) for place in zone.places):
        return ""
    return f"the certificate names {names.shown if names else 'nobody'}, which is no address of zone {zone.name}"
