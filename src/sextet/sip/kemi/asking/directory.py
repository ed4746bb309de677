"""What proves a user whom the local database does not know: the H.350 directory, which sextetd asks (sip/directory.py).

How it works. kamailio.cfg looks into the htables `ha1` and `ldap` and comes here for who stands in neither. The
transaction waits as one for DNS does (questions.py), and then its route goes on with the answer in `ldap`: a REGISTER
from its beginning; any other request carries already by then what all its branches are to carry (calling.furnish).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sextet.sip.kemi.asking import questions
from sextet.sip.kemi.reporting import Reporter

HEADERS_MAX = 10  # with credentials, of one request; one for each proxy on its way
AGAIN_S, SPREAD_S = 10, 10  # Retry-After while the directory cannot be asked: our choice, so that not all come at once


def look_up(
    ksr: Any, reporter: Reporter, realm: str, dice: Callable[[], float], furnish: Callable[[], None]
) -> bool:  # fmt: skip
    """Ask for the user of this request; false where it was answered, or waits."""
    user = str(ksr.pv.get("$au"))
    said = ksr.htable.sht_get("ldap", user)
    if said == questions.NOBODY:
        return True
    if said is None and not ksr.pv.get("$avp(waited)"):
        if not questions.begun(ksr):
            return False  # a retransmission
        ksr.pv.seti("$avp(waited)", 1)
        ksr.pv.seti("$avp(stranger)", int(ksr.pv.get("$var(stranger)") or 0))
        if ksr.pv.get("$rm") != "REGISTER":
            ksr.pv.sets("$avp(token)", str(ksr.pv.get("$var(token)") or ""))
            _take_credentials(ksr, realm)
            furnish()
        if questions.wait(ksr, reporter, [f"{questions.DIRECTORY}{user}"]):
            return False
    ksr.hdr.append_to_reply(f"Retry-After: {AGAIN_S + int(SPREAD_S * dice())}\r\n")  # RFC 3261 20.33
    ksr.sl.send_reply(503, "Directory Not Available")
    return False


def _take_credentials(ksr: Any, realm: str) -> None:
    """Remove what answers our challenge, whatever comes of it: after the wait it would be removed in one round only."""
    for name in ("Proxy-Authorization", "Authorization"):
        for place in range(HEADERS_MAX):
            text = ksr.pv.get(f"$(hdr({name})[{place}])")
            if text is None:
                break
            if f'realm="{realm}"' in str(text):
                ksr.textops.remove_hf_idx(name, place)


def ha1_of(ksr: Any, user: str) -> str:
    """Give what proves a user, local names first; empty where nothing does."""
    found = ksr.htable.sht_get("ha1", user) or ksr.htable.sht_get("ldap", user) or ""
    return "" if found in (questions.NOBODY, questions.UNANSWERED) else str(found)
