"""Session timers as they pass: what a request says is put in order, its answer is settled in kamailio.cfg (RFC 4028 8).

What the answer is compared with stays with the transaction: `$avp(interval)` is what was asked for, `$avp(refreshed)`
is 1 where the sender of the request can refresh.
"""

from __future__ import annotations

from typing import Any

from sextet.call.session_timer import Session, timed
from sextet.sip.kemi.refusing import answer

STATUS = 422
EXPIRES, LEAST = "Session-Expires", "Min-SE"


def ask(ksr: Any, session: Session) -> bool:
    """Put the session timer of the INVITE or UPDATE at hand in order; False when the request was refused."""
    get = ksr.pv.get
    expires, least = (str(get(f"$hdr({name})") or "") for name in (EXPIRES, LEAST))
    found = timed(session, expires, least, str(get("$(hdr(Supported)[*])") or ""))
    if found is None:
        ksr.hdr.append_to_reply(f"{LEAST}: {session.minimum_s}\r\n")
        answer(ksr, STATUS, f"the session refresh minimum is {session.minimum_s} s")
        return False
    for name, value in ((EXPIRES, found.expires), (LEAST, found.least)):
        if value is not None:
            ksr.textops.remove_hf(name)
            ksr.hdr.append(f"{name}: {value}\r\n")
    ksr.pv.seti("$avp(interval)", found.interval_s)
    ksr.pv.seti("$avp(refreshed)", 1 if found.refreshed else 0)
    return True
