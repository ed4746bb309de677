"""The calls that pass this peer, as they are told to sextetd; what was told last stays in the htable `call`."""

from __future__ import annotations

import json
from typing import Any

from sextet.sip.kemi.reporting import Reporter

RINGING_S = 600  # after fr_inv_timer (180 s) for each of a few steps nothing rings any more
CONNECTED_S = 43_260  # a minute above the dialog module's own limit


def begin(ksr: Any, reporter: Reporter, call: dict[str, Any]) -> None:
    """Tell of a call that starts to ring, or of the next place where it rings."""
    before = ksr.htable.sht_get("call", call["call_id"])
    if before:
        known = json.loads(before)
        if known["state"] != "ringing" or known["tag"] != call["tag"]:
            return  # a spiral through another system passes twice and is one call
        call = known | {"route": call["route"], "rule": call["rule"]}
        if call == known:
            return
    _tell(ksr, reporter, call, RINGING_S)


def connected(ksr: Any, reporter: Reporter, call_id: str, now_s: float) -> None:
    """Tell that a call was answered."""
    text = ksr.htable.sht_get("call", call_id)
    if text:
        _tell(ksr, reporter, json.loads(text) | {"state": "connected", "since_s": now_s}, CONNECTED_S)


def ended(ksr: Any, reporter: Reporter, call_id: str, reason: str) -> None:
    """Tell that a call is over; the first reason counts."""
    if ksr.htable.sht_get("call", call_id) is not None:
        order = ksr.htable.sht_inc("ctl", "order")
        ksr.htable.sht_rm("call", call_id)
        reporter.emit("ended", order=order, call_id=call_id, reason=reason)


def _tell(ksr: Any, reporter: Reporter, call: dict[str, Any], lifetime_s: int) -> None:
    order = ksr.htable.sht_inc("ctl", "order")
    ksr.htable.sht_setxs("call", call["call_id"], json.dumps(call, separators=(",", ":")), lifetime_s)
    reporter.emit("call", order=order, call=call)
