"""Who is registered here, as it is told to sextetd: whole lists, each above the one before it.

The list itself is usrloc's. What was told last stays in shared memory (htable `reg`), so that a sextetd that returns
reads it back, and an unchanged list is not told again. Order: the number is drawn before usrloc is read, so the
higher number never holds the older list; the row is locked only after usrloc was read, because usrloc's timer calls
here with its own lock held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sextet.call.alias import is_ip, plain_ip
from sextet.call.decision import Elsewhere, Here
from sextet.sip.kemi.limits import licensing
from sextet.sip.kemi.registration.contacts import device_of
from sextet.sip.kemi.reporting import Reporter, read_back, written

LEFT, EXPIRED, LOST = "Unregistered by the device", "Expired", "Connection lost"
MOVED = "Registered with another peer"
TOMBSTONE_S = 60  # how long the number of an emptied list is kept against a writer that was slower than its removal
_FIELDS = ("addr", "received", "user_agent", "ruid", "instance", "regid", "path")


class Row(NamedTuple):
    """One binding as it is kept and told, a list in JSON; `mark` is the key of its native fast path."""

    contact: str
    device: str
    received: str
    user_agent: str
    granted_s: int
    ruid: str
    mark: str = ""
    path: str = ""  # of a registration that another system carries here: then `received` is that system's

    def told(self) -> tuple[str | int, ...]:
        return self[:5]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """What is known of the contacts of the REGISTER at hand, and usrloc does not keep."""

    uris: frozenset[str]
    received: str
    granted_s: int
    mark: str


def stored(ksr: Any, alias: str) -> tuple[int, tuple[Row, ...]]:
    """Read what was told last of an alias, with its number."""
    text = ksr.htable.sht_get("reg", alias)
    if not text:
        return 0, ()
    order, rows = read_back(text)
    return order, tuple(Row(*values) for values in rows)


def publish(
    ksr: Any, reporter: Reporter, alias: str, fresh: Fresh | None = None, without: str = "", *, why: str
) -> None:
    """Tell the bindings of an alias as they are now, less the one with the ruid `without`, which is about to go.

    `why` those are gone that are.
    """
    order = ksr.htable.sht_inc("ctl", "order")
    present = [row for row in _fetched(ksr, alias) if row.ruid != without]
    ksr.htable.sht_lock("reg", alias)
    try:
        before_order, before = stored(ksr, alias)
        if before_order > order:
            return
        rows = _with_memory(present, before, fresh)
        text = written(rows)
        if rows:
            ksr.htable.sht_sets("reg", alias, f"[{order},{text}]")
        else:
            ksr.htable.sht_setxs("reg", alias, f"[{order},{text}]", TOMBSTONE_S)
    finally:
        ksr.htable.sht_unlock("reg", alias)
    licensing.registered(ksr, reporter, [row.user_agent for row in before], [row.user_agent for row in rows])
    _move_flows(ksr, alias, before, rows)
    if [row.told() for row in rows] != [row.told() for row in before]:
        told = f'"kind":"bindings","order":{order},"alias":{written(alias)},"bindings":{text}'
        reporter.send(f'{told},"why":{written(why)}')


def drop_device(ksr: Any, alias: str, device: str, keep: str = "") -> bool:
    """Remove this peer's bindings of a device, except the contact `keep`; says whether there were any."""
    doomed = [row for row in _fetched(ksr, alias) if row.device == device and row.contact != keep]
    for row in doomed:
        ksr.registrar.unregister_ruid("location", f"sip:{alias}", row.ruid)
    return bool(doomed)


def is_endpoint(ksr: Any, flow: str) -> bool:
    """Say whether the address or connection a request came from holds a registration here."""
    return ksr.htable.sht_get("flow", flow) is not None


def here(ksr: Any, secure: bool = False) -> Here:
    """Make the look-up of devices of this peer; `secure` is decision.Request's."""

    def registered(alias: str) -> bool:
        if is_ip(alias):
            return ksr.htable.sht_get("host", alias) is not None
        return bool(ksr.registrar.registered_uri("location", f"sip:{alias}") > 0)

    def found(alias: str) -> bool | None:
        rows = stored(ksr, str(ksr.htable.sht_get("host", alias) or "") if is_ip(alias) else alias)[1]
        return any(row.received.endswith(";tls") for row in rows) or (None if registered(alias) else False)

    return found if secure else registered


def elsewhere(ksr: Any) -> Elsewhere:
    """Make the look-up of the other peers that have devices of an alias."""

    def found(alias: str) -> list[int]:
        numbers, _, _ = str(ksr.htable.sht_get("owner", alias) or "").partition(" ")  # see flows.owner_text
        return [int(number) for number in numbers.split(",") if number]

    return found


def address_of(flow: str) -> str:
    """Give the IP address of a flow such as `192.0.2.1:5060;tcp`."""
    return plain_ip(flow.partition(";")[0].rpartition(":")[0])


def _fetched(ksr: Any, alias: str) -> list[Row]:
    rows = []
    if ksr.registrar.reg_fetch_contacts("location", f"sip:{alias}", "found") > 0:
        for index in range(ksr.pv.get("$ulc(found=>count)") or 0):
            found = [str(ksr.pv.get(f"$(ulc(found=>{name})[{index}])") or "") for name in _FIELDS]
            contact, received, user_agent, ruid, instance, reg_id, path = found
            rows.append(
                Row(
                    contact=contact,
                    device=device_of(instance, reg_id, contact),
                    received=_flow_of(received or contact),
                    user_agent="" if user_agent == "n/a" else user_agent,
                    granted_s=0,
                    ruid=ruid,
                    path=path,
                )
            )
        ksr.registrar.reg_free_contacts("found")
    return rows


def _with_memory(present: Sequence[Row], before: Sequence[Row], fresh: Fresh | None) -> tuple[Row, ...]:
    known = {(row.ruid, row.contact): row for row in before}
    rows = []
    for row in present:
        old = known.get((row.ruid, row.contact))
        if fresh is not None and row.contact in fresh.uris:
            row = row._replace(received=fresh.received, granted_s=fresh.granted_s, mark=fresh.mark)
        elif old is not None:
            row = row._replace(received=old.received, granted_s=old.granted_s, mark=old.mark)
        rows.append(row)
    return tuple(sorted(rows, key=lambda row: row.device))


def _move_flows(ksr: Any, alias: str, before: Sequence[Row], rows: Sequence[Row]) -> None:
    """What is no longer registered loses its fast path, and its address no longer counts as an endpoint's."""
    for mark in {row.mark for row in before} - {row.mark for row in rows} - {""}:
        ksr.htable.sht_rm("mark", mark)
    before, rows = [row for row in before if not row.path], [row for row in rows if not row.path]
    flows = {row.received for row in rows}
    for flow in {row.received for row in before} - flows:
        if ksr.htable.sht_get("flow", flow) == alias:
            ksr.htable.sht_rm("flow", flow)
    for flow in flows:
        ksr.htable.sht_sets("flow", flow, alias)
    hosts = {address_of(flow) for flow in flows}
    for host in {address_of(row.received) for row in before} - hosts:
        if ksr.htable.sht_get("host", host) == alias:
            ksr.htable.sht_rm("host", host)
    for host in hosts:
        ksr.htable.sht_sets("host", host, alias)


def _flow_of(uri: str) -> str:
    """`sip:192.0.2.1:5060;transport=tcp` -> `192.0.2.1:5060;tcp`."""
    address, _, parameters = uri.partition(":")[2].rpartition("@")[2].partition(";")
    found = [part.partition("=")[2] for part in parameters.split(";") if part.lower().startswith("transport=")]
    return f"{address};{(found[0] if found else 'udp').lower()}"
