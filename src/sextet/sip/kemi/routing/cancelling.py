"""A call that was cancelled ends, whether or not who was called says so: tm waits for that as long as it may ring.

How it works. The htable `cancelled` holds whose CANCEL has just been passed on. Who is there answers the INVITE then
(RFC 3261 9.2), and all is told as of any other answer. A request that still rings when a CANCEL over UDP has been said
three times is ended by the agent: its row and its charge go at once, and the caller is answered by tm's own command,
which takes a transaction by its number. That stands in the serial number of the request, with a sum of the Via that
the CANCEL has in common with it: one call may have several requests here, and be called again after a CANCEL.
"""

from __future__ import annotations

import json
import os
import socket
import zlib
from pathlib import Path
from typing import Any

from sextet.sip.kemi.limits.ledger import entry_of, rows_of
from sextet.sip.kemi.reporting import Reporter
from sextet.sip.kemi.routing import calls, tracing

SILENT_S = 2.0  # CANCEL is said after 0, 0.5 and 1.5 s (RFC 3261 17.1.2.2); all is over long before the 32 s of 9.1
LOOK_S = 0.25  # between looks
RPC_SOCKET = "sockets/rpc.sock"  # kamailio.cfg.j2
RPC_S = 1.0  # a Kamailio that is as slow as that ends the call when its ringing is over


def serial(ksr: Any) -> str:
    """Give the request at hand a number of its own: of its transaction, of its Via, and the name of its first search.

    These have 4 and 8 (tm's two halves), 4 and 16 hexadecimal digits.
    """
    index, label = int(ksr.pv.get("$T(id_index)") or 0), int(ksr.pv.get("$T(id_label)") or 0)
    branch = str(ksr.pv.get(tracing.BRANCH) or "")
    return f"{index:04x}{label & 0xFFFFFFFF:08x}{_sum(branch)}{os.urandom(8).hex()}"


def search_of(serial: str) -> str:
    """Name the first search that is made for a request."""
    return serial[16:]


def _transaction(serial: str) -> str:
    return f"{int(serial[:4], 16)}:{int(serial[4:12], 16)}"


def _sum(branch: str) -> str:
    return f"{zlib.crc32(branch.encode()) & 0xFFFF:04x}"


class Cancelling:
    """Ends what was cancelled and goes on ringing; in the agent."""

    def __init__(self, ksr: Any, reporter: Reporter, run_dir: Path) -> None:
        self._ksr, self._reporter = ksr, reporter
        self._rpc = str(run_dir / RPC_SOCKET)
        self._since_s: dict[str, float] = {}  # row of `cancelled` -> when it was seen first
        self._look_at_s = 0.0

    def tick(self, now_s: float) -> float:
        """Look for calls whose time is over; gives the seconds until it is worth looking again."""
        if now_s >= self._look_at_s:
            self._look_at_s = now_s + LOOK_S
            waiting = [name for name, _ in rows_of(self._ksr, "cancelled")]
            self._since_s = {name: self._since_s.get(name, now_s) for name in waiting}
            for name, since_s in self._since_s.items():
                call_id, _, branch = name.rpartition(" ")
                entry = entry_of(self._ksr, call_id)
                # Another peer that charges it asks the far end itself: its answer says more than our not having one.
                if now_s - since_s >= SILENT_S * (2 if entry is None else 1):
                    first = calls.ringing(self._ksr, call_id)
                    for one in dict.fromkeys((first, *(entry or {"rings": ()})["rings"])) if first else ():
                        if not branch or one[12:16] == _sum(branch):
                            self._end(call_id, branch, one)
                    self._ksr.htable.sht_rm("cancelled", name)
        return LOOK_S if self._since_s else SILENT_S

    def _end(self, call_id: str, branch: str, serial: str) -> None:
        tracing.unanswered(self._ksr, self._reporter, search_of(serial), call_id, branch)
        calls.ended(self._ksr, self._reporter, call_id, "487 Request Terminated", serial)
        self._reporter.flush()
        self._answer(_transaction(serial))

    def _answer(self, transaction: str) -> None:
        """Have the caller answered, where that was not done in the very moment."""
        parameters = [487, "Request Terminated", transaction, os.urandom(8).hex(), "", ""]
        asked = json.dumps({"jsonrpc": "2.0", "method": "tm.reply", "params": parameters, "id": 1})
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
                line.settimeout(RPC_S)
                line.bind("")  # an abstract address for the answer: no file to clean up
                line.connect(self._rpc)
                line.send(asked.encode())
                line.recv(1 << 16)
        except OSError as error:
            self._ksr.err(f"a cancelled call cannot be answered: {error}\n")
