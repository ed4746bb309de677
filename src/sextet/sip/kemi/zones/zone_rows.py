"""How the addresses of zones are, in Kamailio's shared memory: what pings and calls find out, and what calls go by.

A row of the htable `zone` is `[order,{...},told]`, named by `row_name`: the number of the last report, the address as
it is shown to administrators, and when it was told to sextetd last. Workers and the agent write it; the newest counts.
"""

from __future__ import annotations

import json
from typing import Any

from sextet.call.choice import Seen
from sextet.sip.kemi.reporting import Reporter, written

TELL_S = 30.0  # how often a round-trip time is told while nothing else changes
SILENT = "no answer to a call"

Row = dict[str, Any]  # model.status.ZoneAddress, with the zone's name


def row_name(zone: str, uri: str) -> str:
    """Name the row of an address; no URI holds a space."""
    return f"{uri} {zone}"


def read(ksr: Any, zone: str, uri: str) -> Row | None:
    """Read what is known of an address."""
    text = ksr.htable.sht_get("zone", row_name(zone, uri))
    row: Row | None = json.loads(text)[1] if text else None
    return row


def write(ksr: Any, reporter: Reporter, row: Row, now_s: float) -> None:
    """Note how an address is; tells sextetd what changed."""
    name = row_name(row["zone"], row["uri"])
    text = ksr.htable.sht_get("zone", name)
    order, before, told_s = json.loads(text) if text else (0, None, 0.0)
    if before is None or before["state"] != row["state"]:
        row, news = {**row, "since_s": round(now_s, 3)}, True
    else:
        row = {**row, "since_s": before["since_s"]}
        news = any(row[one] != before[one] for one in ("reason", "identity", "free"))
    if news or now_s - told_s > TELL_S:
        order, told_s = ksr.htable.sht_inc("ctl", "order"), round(now_s, 3)
        reporter.send(f'"kind":"zone","order":{order},"address":{written(row)}')
    ksr.htable.sht_sets("zone", name, written([order, row, told_s]))


def tell_next(ksr: Any, zone: str, uri: str) -> None:
    """Let the next report on an address be told whatever it says."""
    text = ksr.htable.sht_get("zone", row_name(zone, uri))
    if text:
        order, row, _ = json.loads(text)
        ksr.htable.sht_sets("zone", row_name(zone, uri), written([order, row, 0.0]))


def forget(ksr: Any, reporter: Reporter, zone: str, uri: str) -> None:
    """An address is asked no more."""
    if ksr.htable.sht_get("zone", row_name(zone, uri)):
        ksr.htable.sht_rm("zone", row_name(zone, uri))
        order = ksr.htable.sht_inc("ctl", "order")
        row = {"zone": zone, "uri": uri, "state": "gone"}
        reporter.send(f'"kind":"zone","order":{order},"address":{written(row)}')


def failed(ksr: Any, reporter: Reporter, zone: str, host: str, uri: str, reason: str, now_s: float) -> None:
    """Note that an address does not work; calls pass over it until it answers again."""
    write(ksr, reporter, new_row(zone, host, uri, "failed", reason=reason), now_s)


def new_row(
    zone: str, host: str, uri: str, state: str, *, reason: str = "", round_trip_ms: float = 0.0, identity: str = "",
    free: int = -1,
) -> Row:  # fmt: skip
    """Make a row; `write` says since when it is so."""
    return {
        "zone": zone, "host": host, "uri": uri, "state": state, "reason": reason, "round_trip_ms": round_trip_ms,
        "identity": identity, "free": free,
    }  # fmt: skip


def seen(ksr: Any, zone: str, uris: list[str]) -> dict[str, Seen]:
    """Say what calls have to know of a zone's addresses."""
    found = {}
    for uri in uris:
        row = read(ksr, zone, uri)
        if row is not None:
            spent = int(ksr.htable.sht_get("spent", row_name(zone, uri)) or 0)
            free = row["free"] - spent if row["free"] >= 0 else None
            found[uri] = Seen(usable=row["state"] == "active", free=free)
    return found
