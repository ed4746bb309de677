"""What calls are charged with follows the configuration while they are up: their ways, and what has a limit.

A pipe that is put on a link, or renamed, has the use of the calls that lead through it at once. A call whose subzone
or zone was removed or renamed keeps what it was charged with: what it uses of pipes is still used.
"""

from __future__ import annotations

from typing import Any

from sextet.call.table import Table
from sextet.sip.kemi.limits import charging, licensing
from sextet.sip.kemi.limits.ledger import LOAD, Entry, entry_of, locked, put, rows_of
from sextet.sip.kemi.reporting import Reporter
from sextet.sip.kemi.routing import calls

Ways = tuple[Any, ...]


def ways_of(table: Table) -> Ways:
    """Give what decides what calls are charged with; other changes need no look at them."""
    plan = table.bandwidth
    return plan.edges, plan.subzones, plan.traversal_zones, frozenset(table.limits)


def follow(ksr: Any, reporter: Reporter, table: Table) -> None:
    """Charge the calls that are up with what holds now, and tell which way they take."""
    for call_id, _ in rows_of(ksr, LOAD):
        with locked(ksr):
            known = entry_of(ksr, call_id)
            if known is None:
                continue
            entry = _renewed(table, known)
            if entry != known:
                put(ksr, reporter, call_id, known, entry)
        if about := charging.shown(ksr, call_id):
            calls.changed(ksr, reporter, call_id, about)


def _renewed(table: Table, entry: Entry) -> Entry:
    audio_only = bool(entry.get("audio_only"))
    routes = {}
    for end, known in entry["routes"].items():
        way = table.bandwidth.route(entry["from"], end)
        counts = {} if way is None else {"counts": [list(one) for one in way.counts], "shown": way.shown}
        routes[end] = known | counts | {"units": licensing.units(table, known["rich"], audio_only)}
    return entry | {"routes": routes}
