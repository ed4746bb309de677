"""The calls that pass this peer, as they are told to sextetd; what was told last stays in the htable `call`.

A row is `[order,{...,"state":"ringing","since_s":1.5}]`, or `[order,null]` when the call is over. State and moment
stand last, so that a call which is answered is told without reading and writing the rest anew.
"""

from __future__ import annotations

from typing import Any

from sextet.call.session_timer import LEAST_S, MOST_S
from sextet.sip.kemi.limits.charging import release
from sextet.sip.kemi.reporting import Reporter, read_back, written

TOMBSTONE_S = 60  # how long the number of an ended call is kept, so that a late report does not bring it back
LASTS_S = MOST_S + 60  # a minute above the dialog module's own limit, and as long as a script may let a call ring
_STATE = ',"state":"'  # a quotation mark inside a value is escaped: this stands nowhere else


def begin(ksr: Any, reporter: Reporter, call: dict[str, Any], now_s: float) -> None:
    """Tell of a call that starts to ring, or of the next place where it rings."""
    text = _stored(ksr, call["call_id"])
    if text:
        known = read_back(text)[1]
        state, now_s = known.pop("state"), known.pop("since_s")
        if state != "ringing" or known["tag"] != call["tag"]:
            return  # a spiral through another system passes twice and is one call
        told: dict[str, Any] = {name: call[name] for name in ("route", "rule", "nodes", "kbps") if name in call}
        call = known | (told if call.get("serial", known["serial"]) == known["serial"] else _beside(known, told))
        if call == known:
            return
    _tell(ksr, reporter, call["call_id"], written(call)[1:-1], "ringing", now_s)


def connected(ksr: Any, reporter: Reporter, call_id: str, now_s: float, about: dict[str, Any]) -> None:
    """Tell that a call was answered, and what is known `about` it since."""
    text = _stored(ksr, call_id)
    if text and about:
        call = read_back(text)[1] | about
        _tell(ksr, reporter, call_id, written(_lasting(call))[1:-1], "connected", now_s)
    elif text:
        _tell(ksr, reporter, call_id, text[text.index("{") + 1 : text.rindex(_STATE)], "connected", now_s)


def is_connected(ksr: Any, call_id: str) -> bool:
    """Say whether a call was told as answered; as long as it was not, nothing else of it is told."""
    return f'{_STATE}connected"' in _stored(ksr, call_id)


def ringing(ksr: Any, call_id: str) -> str:
    """Give the serial number of the first request of a call that rings; "" where it does not."""
    text = _stored(ksr, call_id)
    call: dict[str, Any] = read_back(text)[1] if text else {"state": ""}
    return str(call["serial"]) if call["state"] == "ringing" else ""


def changed(ksr: Any, reporter: Reporter, call_id: str, about: dict[str, Any]) -> None:
    """Tell what is known about a call that was answered."""
    text = _stored(ksr, call_id)
    call: dict[str, Any] = read_back(text)[1] if text else {"state": ""}
    if call["state"] == "connected" and call != call | about:
        _tell(ksr, reporter, call_id, written(_lasting(call | about))[1:-1], "connected", call["since_s"])


def named(ksr: Any, serial: str) -> None:
    """Name the dialog at hand by the request that it was made for; a further one of the same call has none."""
    owner = ksr.pv.get("$dlg_var(serial)")
    if not owner:
        ksr.pv.sets("$dlg_var(serial)", serial)
    elif owner != serial:
        ksr.pv.seti("$avp(joins)", 1)


def left(ksr: Any, reporter: Reporter, reason: str) -> None:
    """Tell that the request at hand has failed, where no dialog says so."""
    if ksr.pv.get("$avp(joins)"):
        ended(ksr, reporter, str(ksr.pv.get("$ci")), reason, str(ksr.pv.get("$avp(serial)")))


def ended(ksr: Any, reporter: Reporter, call_id: str, reason: str, serial: str = "") -> None:
    """Tell that a call is over; the first reason counts. With a `serial` only what that request was about is over."""
    if release(ksr, reporter, call_id, serial) and _stored(ksr, call_id):
        order = ksr.htable.sht_inc("ctl", "order")
        ksr.htable.sht_setxs("call", call_id, f"[{order},null]", TOMBSTONE_S)
        reporter.send(f'"kind":"ended","order":{order},"call_id":{written(call_id)},"reason":{written(reason)}')


def overdue(ksr: Any) -> str:
    """Say why the call at hand is over without a BYE.

    Of one that was not acknowledged within 60 to 150 s the dialog module of 5.6 shortens the lifetime to 10 s.
    """
    return "Not acknowledged" if int(ksr.pv.get("$dlg(lifetime)") or LEAST_S) < LEAST_S else "Not refreshed in time"


def _beside(known: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """Show what further requests of a call ring beside what the first one does."""
    words = {name: ", ".join(dict.fromkeys(filter(None, (known[name], told.get(name))))) for name in ("route", "nodes")}
    return words | {"kbps": max(known["kbps"], told.get("kbps", 0))}


def _lasting(call: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in call.items() if name not in ("state", "since_s")}


def _stored(ksr: Any, call_id: str) -> str:
    """Read what was told last of a call; empty where there is none, or it is over."""
    text = ksr.htable.sht_get("call", call_id)
    return "" if not text or text.endswith("null]") else str(text)


def _tell(ksr: Any, reporter: Reporter, call_id: str, lasting: str, state: str, since_s: float) -> None:
    order = ksr.htable.sht_inc("ctl", "order")
    call = f'{{{lasting}{_STATE}{state}","since_s":{since_s:.3f}}}'
    ksr.htable.sht_setxs("call", call_id, f"[{order},{call}]", LASTS_S)
    # A call that rings is told before it does: its answer is told by another worker.
    reporter.send(f'"kind":"call","order":{order},"call":{call}', more=state != "ringing")
