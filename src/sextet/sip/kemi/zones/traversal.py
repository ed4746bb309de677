"""The traversal server's side: which TLS connections from inside belong to which zone, and the way back over them.

How it works. A traversal client connects to the zone's own port and sends OPTIONS, with digest credentials and a name
for itself, every few seconds. While these come, calls for the zone are sent over that connection, and what comes over
it is the zone's. Nothing is ever sent to a client in another way: its address is behind a firewall, and may be
anybody's. Both sides tell each other a name, and put their own into the Record-Route of their calls: so a request
within a call finds the connection that there is now, whatever address the Record-Route shows.

The htable `tunnel` holds `ADDRESS:PORT` -> [zone, name, host], `name NAME` -> next hop, and `zone ZONE` -> names.
"""

from __future__ import annotations

import json
import re
import time
from typing import Any

from sextet.call.zones import ZoneRow
from sextet.model.ip import in_uri
from sextet.model.settings.zones import TRAVERSAL_SERVER
from sextet.sip.kemi.instructions import Instructions
from sextet.sip.kemi.reporting import Reporter
from sextet.sip.kemi.zones import zone_rows
from sextet.sip.kemi.zones.identity import connection_names

TUNNEL = "X-Sextet-Traversal"  # the name of a peer on either side, in OPTIONS and their answers
ALIVE_S = 35  # three OPTIONS and their answers may be lost before a connection counts as dead
LOST_S = 600.0  # how long a client that is lost is shown
CLIENTS_MAX = 12  # of one zone: six peers, each with a connection that is being replaced
HELD = ";only=1;from="  # of a next hop in kamailio.cfg: over this connection only, from the zone's port
_NAME = re.compile(r"[0-9a-f]{32}")


def keepalive(ksr: Any, reporter: Reporter, told: Instructions) -> None:
    """Answer an OPTIONS on a traversal port: challenge, refuse, or take the connection for the zone's."""
    get = ksr.pv.get
    port = int(get("$Rp"))
    zone = next((one for one in told.table.zones.values() if one.type == TRAVERSAL_SERVER and one.port == port), None)
    if zone is None:
        ksr.sl.send_reply(403, "No such traversal zone")
        return
    ha1 = ksr.htable.sht_get("ha1", zone.user_name)
    right = get("$au") == zone.user_name and ha1 and ksr.auth.pv_auth_check(told.realm, ha1, 1, 0) > 0
    if not right:
        ksr.auth.auth_challenge(told.realm, 1)
        return
    names = connection_names(ksr)
    name = str(get(f"$hdr({TUNNEL})") or "")
    if zone.tls_verify and (names is None or not names.have(zone.tls_subject_name)):
        ksr.htable.sht_inc("count", "traversal")
        ksr.sl.send_reply(403, f"The certificate does not name {zone.tls_subject_name}")
        return
    if not _NAME.fullmatch(name):
        ksr.sl.send_reply(400, f"{TUNNEL} is missing")
        return
    _take(ksr, reporter, zone, name, names.shown if names else "")
    ksr.hdr.append_to_reply(f"{TUNNEL}: {told.instance}\r\n")
    ksr.sl.send_reply(200, "OK")


def _take(ksr: Any, reporter: Reporter, zone: ZoneRow, name: str, identity: str) -> None:
    get = ksr.pv.get
    ip, source_port = str(get("$si")), get("$sp")
    uri = f"sip:{in_uri(ip)}:{source_port};transport=tls"
    before = str(ksr.htable.sht_get("tunnel", f"name {name}") or "").partition(HELD)[0]
    shown = identity or ip
    ksr.htable.sht_setxs("tunnel", f"{ip}:{source_port}", json.dumps([zone.name, name, shown]), ALIVE_S)
    ksr.htable.sht_setxs("tunnel", f"name {name}", f"{uri}{HELD}{zone.port}", ALIVE_S)
    ksr.tcpops.tcp_enable_closed_event_cid(int(get("$conid")))
    key = f"zone {zone.name}"
    ksr.htable.sht_lock("tunnel", key)
    try:
        known = json.loads(ksr.htable.sht_get("tunnel", key) or "[]")
        names = [*(one for one in known if one != name), name][-CLIENTS_MAX:]
        if names != known:
            ksr.htable.sht_sets("tunnel", key, json.dumps(names))
    finally:
        ksr.htable.sht_unlock("tunnel", key)
    if before and before != uri:
        zone_rows.forget(ksr, reporter, zone.name, before)
    row = zone_rows.new_row(zone.name, shown, uri, "active", identity=identity)
    zone_rows.write(ksr, reporter, row, time.monotonic())


def remember(ksr: Any, uri: str) -> None:
    """Note the name of a traversal server that accepted us, and the way to it."""
    name = str(ksr.pv.get(f"$hdr({TUNNEL})") or "")
    if _NAME.fullmatch(name):
        ksr.htable.sht_setxs("tunnel", f"name {name}", f"{uri};only=1", ALIVE_S)


def reached(ksr: Any, zone: str) -> list[str]:
    """List the next hops of the clients of a zone that are connected now; silent ones only where there is no other."""
    names = json.loads(ksr.htable.sht_get("tunnel", f"zone {zone}") or "[]")
    found = (ksr.htable.sht_get("tunnel", f"name {name}") for name in names)
    uris = [str(uri) for uri in found if uri]
    seen = zone_rows.seen(ksr, zone, [uri.partition(HELD)[0] for uri in uris])
    heard = [uri for uri in uris if (row := seen.get(uri.partition(HELD)[0])) is None or row.usable]
    return heard or uris


def silent(ksr: Any, reporter: Reporter, zone: str, hop: str) -> None:
    """Note that a call had no answer at all over a client's connection; its next OPTIONS says that it lives."""
    uri, _, held = hop.partition(HELD)
    row = zone_rows.read(ksr, zone, uri)
    if held and row is not None:
        zone_rows.failed(ksr, reporter, zone, row["host"], uri, zone_rows.SILENT, time.monotonic())


def zone_of(ksr: Any) -> str:
    """Say which zone's client sent this request; empty where no client proved itself on its connection."""
    text = ksr.htable.sht_get("tunnel", f"{ksr.pv.get('$si')}:{ksr.pv.get('$sp')}")
    return str(json.loads(text)[0]) if text else ""


def closed(ksr: Any, reporter: Reporter, told: Instructions) -> None:
    """A connection that we watch ended: of a traversal client of ours, or to a traversal server."""
    ip, port = str(ksr.pv.get("$si")), ksr.pv.get("$sp")
    text = ksr.htable.sht_get("tunnel", f"{ip}:{port}")
    now_s = time.monotonic()
    if text:
        zone, name, shown = json.loads(text)
        ksr.htable.sht_rm("tunnel", f"{ip}:{port}")
        uri = f"sip:{f'[{ip}]' if ':' in ip else ip}:{port};transport=tls"
        if str(ksr.htable.sht_get("tunnel", f"name {name}")).startswith(f"{uri};"):
            ksr.htable.sht_rm("tunnel", f"name {name}")
            zone_rows.failed(ksr, reporter, zone, shown, uri, "the client closed its connection", now_s)
        return
    row = told.table.zones.get(told.table.zone_of_flow.get(f"{ip}:{port}", ""))
    for place in row.places if row else ():
        if place.uri.startswith((f"sip:{ip}:{port};", f"sip:[{ip}]:{port};")):
            assert row is not None
            zone_rows.failed(ksr, reporter, row.name, place.host, place.uri, "the connection was closed", now_s)
            ksr.htable.sht_seti("due", zone_rows.row_name(row.name, place.uri), 1)


def sweep(ksr: Any, reporter: Reporter, rows: list[tuple[str, str]], told: Instructions, now_s: float) -> None:
    """Tell of clients that went silent, and forget those of zones that are gone; `rows` are those of `zone`."""
    servers = {zone.name for zone in told.table.zones.values() if zone.type == TRAVERSAL_SERVER}
    places = {(zone.name, place.uri) for zone in told.table.zones.values() for place in zone.places}
    for name, text in rows:
        uri, _, zone = name.partition(" ")
        if (zone, uri) in places:
            continue
        row = json.loads(text)[1]
        flow = uri.partition(":")[2].partition(";")[0].replace("[", "").replace("]", "")
        if zone not in servers or (row["state"] == "failed" and now_s - row["since_s"] > LOST_S):
            zone_rows.forget(ksr, reporter, zone, uri)
        elif row["state"] == "active" and not ksr.htable.sht_get("tunnel", flow):
            reason = f"nothing was heard from the client for {ALIVE_S} s"
            zone_rows.failed(ksr, reporter, zone, row["host"], uri, reason, now_s)
