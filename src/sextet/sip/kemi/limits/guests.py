"""Calls that were answered here and have their dialog at another peer only: nothing but a BYE says that they are over.

Several requests of one call came here, one for each device of a person, and a further one was answered; Kamailio keeps
a dialog for the first. sextetd hears of such calls with each pulse, and ends those that the other peer does not have
any more (sip/guests.py).
"""

from __future__ import annotations

from typing import Any

from sextet.call.table import Table
from sextet.sip.kemi.limits.ledger import LOAD, rows_of
from sextet.sip.kemi.reporting import read_back


def of_peers(ksr: Any, table: Table) -> dict[int, list[str]]:
    """List these calls by the peer that has their dialog; those of one that is in no list any more are left out."""
    found: dict[int, list[str]] = {}
    for call_id, text in rows_of(ksr, LOAD):
        if '"guest":true' in text:  # few are; reading each would take long
            number = table.peer_of_ip.get(read_back(text)["peer"])
            if number is not None:
                found.setdefault(number, []).append(call_id)
    return found
