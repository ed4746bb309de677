"""Session timers as they pass: what a request says is put in order, its answer is settled in kamailio.cfg (RFC 4028 8).

What the answer is compared with stays with the transaction: `$avp(interval)` is what was asked for, `$avp(refreshed)`
is 1 where the sender of the request can refresh.
"""

from __future__ import annotations

from typing import Any

from sextet.call.session_timer import Session, Timed, timed
from sextet.sip.kemi.refusing import answer

STATUS = 422
EXPIRES, LEAST = "Session-Expires", "Min-SE"


def refused(ksr: Any, session: Session) -> bool:
    """Refuse the INVITE or UPDATE at hand where its session timer is too short and its sender can try again."""
    if _timed(ksr, session) is not None:
        return False
    ksr.hdr.append_to_reply(f"{LEAST}: {session.minimum_s}\r\n")
    answer(ksr, STATUS, f"the session refresh minimum is {session.minimum_s} s")
    return True


def ask(ksr: Any, session: Session) -> None:
    """Put the session timer of the INVITE or UPDATE at hand in order, before it is sent on."""
    found = _timed(ksr, session)
    if found is None:
        return  # the minimum was raised while the request waited
    for name, value in ((EXPIRES, found.expires), (LEAST, found.least)):
        if value is not None:
            ksr.textops.remove_hf(name)
            ksr.hdr.append(f"{name}: {value}\r\n")
    ksr.pv.seti("$avp(interval)", found.interval_s)
    ksr.pv.seti("$avp(refreshed)", 1 if found.refreshed else 0)


def _timed(ksr: Any, session: Session) -> Timed | None:
    expires, least = (str(ksr.pv.get(f"$hdr({name})") or "") for name in (EXPIRES, LEAST))
    return timed(session, expires, least, str(ksr.pv.get("$(hdr(Supported)[*])") or ""))
