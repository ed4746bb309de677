"""The calls that pass this peer, as they are told to sextetd; what was told last stays in the htable `call`."""

from __future__ import annotations

import json
from typing import Any

from sextet.sip.kemi.reporting import Reporter

RINGING_S = 600  # after fr_inv_timer (180 s) for each of a few steps nothing rings any more
TOMBSTONE_S = 60  # how long the number of an ended call is kept, so that a late report does not bring it back
CONNECTED_S = 43_260  # a minute above the dialog module's own limit


def begin(ksr: Any, reporter: Reporter, call: dict[str, Any]) -> None:
    """Tell of a call that starts to ring, or of the next place where it rings."""
    known = stored(ksr, call["call_id"])
    if known is not None:
        if known["state"] != "ringing" or known["tag"] != call["tag"]:
            return  # a spiral through another system passes twice and is one call
        call = known | {"route": call["route"], "rule": call["rule"]}
        if call == known:
            return
    _tell(ksr, reporter, call, RINGING_S)


def connected(ksr: Any, reporter: Reporter, call_id: str, now_s: float) -> None:
    """Tell that a call was answered."""
    known = stored(ksr, call_id)
    if known is not None:
        _tell(ksr, reporter, known | {"state": "connected", "since_s": now_s}, CONNECTED_S)


def ended(ksr: Any, reporter: Reporter, call_id: str, reason: str) -> None:
    """Tell that a call is over; the first reason counts."""
    if stored(ksr, call_id) is not None:
        order = ksr.htable.sht_inc("ctl", "order")
        ksr.htable.sht_setxs("call", call_id, json.dumps((order, None)), TOMBSTONE_S)
        reporter.emit("ended", order=order, call_id=call_id, reason=reason)


def stored(ksr: Any, call_id: str) -> dict[str, Any] | None:
    """Read what was told last of a call; None where there is none, or it is over."""
    text = ksr.htable.sht_get("call", call_id)
    known: dict[str, Any] | None = json.loads(text)[1] if text else None
    return known


def _tell(ksr: Any, reporter: Reporter, call: dict[str, Any], lifetime_s: int) -> None:
    order = ksr.htable.sht_inc("ctl", "order")
    ksr.htable.sht_setxs("call", call["call_id"], json.dumps((order, call), separators=(",", ":")), lifetime_s)
    reporter.emit("call", order=order, call=call)
