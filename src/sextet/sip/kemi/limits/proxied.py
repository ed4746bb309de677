"""How many registrations are carried to other systems, here and in the cluster, and whether there is room for one more.

How it works. An htable has a row for each, for as long as its registrar granted; one that is new has it from its
REGISTER on, so that no two of them take the last place, until it is answered otherwise. Where they have a limit the
ledger has their number too, and other peers reckon with it as with everything that is shared: what all of them carry
exceeds the limit of the cluster by one for each further peer at most (call/bandwidth/sharing.py). Rows that expire
leave the ledger when they are counted anew.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from sextet.call.admission import Refuse
from sextet.call.alias import key, of_uri
from sextet.call.table import Table
from sextet.model import capacity
from sextet.sip.kemi.limits import ledger, licensing
from sextet.sip.kemi.reporting import Reporter

TABLE = "carried"  # of kamailio.cfg.j2
WAITS, HELD = "0", "1"
WAITS_S = 30  # our choice: a registrar that answers later has the registration counted then
COUNTED = (capacity.PROXIED_HERE, capacity.PROXIED)


def held(ksr: Any) -> bool:
    """Say whether the REGISTER at hand is for a registration that was granted before."""
    return bool(ksr.htable.sht_get(TABLE, _name(ksr)) == HELD)


def is_sender(ksr: Any) -> bool:
    """Say whether the request at hand comes from an endpoint whose registration is carried, over its own flow."""
    get = ksr.pv.get
    flow = f"{get('$si')}:{get('$sp')};{str(get('$proto')).lower()}"
    return bool(ksr.htable.sht_get(TABLE, f"{key(of_uri(str(get('$fu') or '')))} {flow}") == HELD)


def enter(ksr: Any, reporter: Reporter, table: Table) -> Refuse | None:
    """Count the REGISTER at hand from now on, or say why there is no room for it."""
    name = _name(ksr)
    with ledger.locked(ksr):
        if ksr.htable.sht_get(TABLE, name) is not None:
            return None
        refusal = licensing.cannot_carry(ksr, table)
        if refusal is None:
            _keep(ksr, reporter, table, name, WAITS, WAITS_S)
        return refusal


def granted(ksr: Any, reporter: Reporter, table: Table, expires_s: int) -> None:
    """Count it for as long as its registrar granted; 0: it has left."""
    name = _name(ksr)
    if not name:
        return
    with ledger.locked(ksr):
        if expires_s:
            _keep(ksr, reporter, table, name, HELD, expires_s)
        else:
            _drop(ksr, reporter, table, name)


def failed(ksr: Any, reporter: Reporter, table: Table) -> None:
    """Count it no longer, unless it was granted before; nothing where the request at hand is no such REGISTER."""
    name = _name(ksr)
    if not name:
        return
    with ledger.locked(ksr):
        if ksr.htable.sht_get(TABLE, name) == WAITS:
            _drop(ksr, reporter, table, name)


def count(ksr: Any, reporter: Reporter, table: Table) -> int:
    """Count all rows anew, and put the ledger right; call this locked."""
    rows = ledger.rows_of(ksr, TABLE)
    moved = _units(table, len(rows))
    moved.subtract(beside(ksr))
    ledger.move(ksr, reporter, moved)
    return sum(state == HELD for _, state in rows)


def beside(ksr: Any) -> Counter[str]:
    """Give what the ledger has of them, beside the calls; call this locked."""
    used = ledger.used(ksr)
    return Counter({name: used.get(name, 0) for name in COUNTED})


def _units(table: Table, rows: int) -> Counter[str]:
    return Counter({name: rows for name in COUNTED if name in table.limits})


def _name(ksr: Any) -> str:
    flow = str(ksr.pv.get("$avp(carried)") or "")
    return f"{key(of_uri(str(ksr.pv.get('$tu') or '')))} {flow}" if flow else ""


def _keep(ksr: Any, reporter: Reporter, table: Table, name: str, state: str, lasts_s: int) -> None:
    if ksr.htable.sht_get(TABLE, name) is None:
        ledger.move(ksr, reporter, _units(table, 1))
    ksr.htable.sht_setxs(TABLE, name, state, lasts_s)


def _drop(ksr: Any, reporter: Reporter, table: Table, name: str) -> None:
    if ksr.htable.sht_get(TABLE, name) is not None:
        ksr.htable.sht_rm(TABLE, name)
        ledger.move(ksr, reporter, {each: -by for each, by in _units(table, 1).items()})
