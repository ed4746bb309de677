"""Offers and answers as they pass, of calls that are charged here: what they use follows them."""

from __future__ import annotations

import time
from typing import Any

from sextet.call.bandwidth.decision import STATUS
from sextet.call.table import Table
from sextet.sip.kemi.limits import charging
from sextet.sip.kemi.limits.admitting import end_of
from sextet.sip.kemi.refusing import answer
from sextet.sip.kemi.reporting import Reporter, read_back
from sextet.sip.kemi.routing import calls, tracing

REFUSED, PASSED = 1, 0  # what kamailio.cfg looks at


def offered(ksr: Any, reporter: Reporter, table: Table) -> None:
    """Charge the offer of a request within a call, or refuse it: the call goes on as it was (RFC 3261 14.1)."""
    ksr.pv.seti("$var(refused)", PASSED)
    if ksr.is_ACK():
        charging.acknowledged(ksr, reporter, table)
        _tell(ksr, reporter)
        return
    refused, cap_kbps = charging.changed(ksr, reporter, table)
    if refused is not None:
        ksr.pv.seti("$var(refused)", REFUSED)
        answer(ksr, STATUS, refused.reason)
    elif cap_kbps:
        charging.lower(ksr, cap_kbps)


def answered(ksr: Any, reporter: Reporter, table: Table) -> None:
    """Settle what a call uses by a reply; one to a request that has no dialog of its own is told from here."""
    charging.answered(ksr, reporter, table, end_of(ksr, table))
    call_id = str(ksr.pv.get("$ci"))
    if ksr.pv.get("$avp(joins)") and int(ksr.pv.get("$rs") or 0) >= 200 and not calls.is_connected(ksr, call_id):
        alias = read_back(ksr.pv.get("$avp(steps)"))[1]["destination"]  # the row is that of the first request
        about = charging.shown(ksr, call_id) | {"destination": alias}
        calls.connected(ksr, reporter, call_id, time.monotonic(), about)
        tracing.ended(ksr, reporter, 200)
    _tell(ksr, reporter)


def unchanged(ksr: Any, reporter: Reporter, table: Table) -> None:
    """An offer within a call was not accepted."""
    charging.unchanged(ksr, reporter, table)
    _tell(ksr, reporter)


def _tell(ksr: Any, reporter: Reporter) -> None:
    call_id = str(ksr.pv.get("$ci"))
    if calls.is_connected(ksr, call_id) and (about := charging.shown(ksr, call_id)):
        calls.changed(ksr, reporter, call_id, about)
