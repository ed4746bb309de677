"""Carries requests within a call on to a domain that had to show its name: over a connection that showed it, or not.

How it works. The branch that was checked (naming.py) leaves address and name in our Record-Route, so that a call is
checked as it began, even by a Kamailio that was started since. While the connection of the call is there it is used;
where it is gone, or the other side wants to be reached elsewhere, sextetd has the next hop asked for its name while the
request waits, as at the start of the call. An ACK cannot wait: it is dropped, and by the time that the answer comes
again, and the ACK for it (RFC 3261 13.2.2.4), there is a connection or none will be.
"""

from __future__ import annotations

import json
import re
from typing import Any

from sextet.call.alias import is_ip, plain_ip
from sextet.call.decision import safe
from sextet.model.ip import in_uri
from sextet.sip.kemi.asking import questions
from sextet.sip.kemi.instructions import Instructions
from sextet.sip.kemi.refusing import explain, phrase
from sextet.sip.kemi.reporting import Reporter
from sextet.sip.kemi.zones import naming, pinging

SHOWN = "$(hdr(Route)[0]{nameaddr.uri}{uri.param,sxn})"  # see naming.pin, and kamailio.cfg.j2, branch route LEG
SILENT = "nobody could be asked for it in time"
_PLACE = re.compile(r"(\[[^\]]+\]|[^:;?]+)(?::(\d+))?(.*)")
_TLS = re.compile(r"(?i);transport=tls\b")


def onward(ksr: Any, reporter: Reporter, told: Instructions) -> bool:
    """Aim the request at hand at a connection whose other side showed the name; False where it does not go on now."""
    waited = str(ksr.pv.get("$avp(onward)") or "")
    hop, own = (waited, "") if waited else _next(ksr)
    if not hop:
        return True  # the system that showed its name wants it over UDP or TCP, which show nothing
    if _aimed(ksr, own, hop):
        return True
    asked = f"{questions.HOP} {hop} {naming.shown(str(ksr.pv.get(SHOWN)), told.table.zones)[2]}"
    text = ksr.htable.sht_get("dns", asked)
    found = [str(one) for one in json.loads(text or "[]")]
    if _aimed(ksr, *found):
        return True
    refused = not found and (waited or text is not None)
    if ksr.is_ACK():
        if not refused:
            questions.ask(reporter, "", [asked])
        return False
    if not refused and not waited and not questions.begun(ksr):
        return False  # a retransmission
    ksr.pv.sets("$avp(onward)", hop)
    if not refused:
        ksr.htable.sht_rm("dns", asked)
        if questions.suspend(ksr, reporter, [asked], {"known": {}}):
            return False
    why = "".join(json.loads(ksr.htable.sht_get("dns", f"{questions.WHY}{asked}") or "[]"))
    explain(ksr, 503, safe(why or f"{hop.partition(';')[0].removeprefix('sip:')}: {SILENT}"))
    ksr.sl.send_reply(500, phrase(500))  # as route UNSENT: whoever heard 480 would end the call
    return False


def leaves(ksr: Any, reporter: Reporter, told: Instructions) -> bool:
    """Say whether a BYE that Kamailio made may go to whom it is about to be sent; where not, that is looked at.

    `$dlg_var(shown)` has the caller's tag, and all that naming.pin said of the branches of the call.
    """
    tag, *branches = str(ksr.pv.get("$dlg_var(shown)") or "").split()
    if tag != ksr.pv.get("$ft"):
        return True  # to the caller, who connected to us
    ip = plain_ip(str(ksr.pv.get("$sndto(ip)")))
    where = f"{in_uri(ip)}:{ksr.pv.get('$sndto(port)')}"
    if ksr.htable.sht_get("named", str(pinging.connected(ksr, where))):
        return True
    known = [naming.shown(one, told.table.zones) for one in branches]
    _, name, zone = next((one for one in known if one[0] == where), known[0])
    questions.ask(reporter, "", [f"{questions.HOP} sip:{where};transport=tls;{naming.WANTED}={name} {zone}"])
    return False


def _aimed(ksr: Any, *hops: str) -> bool:
    for one in hops:
        if naming.connection(ksr, one):
            ksr.setdsturi(one)
            return True
    return False


def _next(ksr: Any) -> tuple[str, str]:
    """Give the next hop with the names of which its certificate has to show one, and that of the call's own connection.

    The first is empty where it is not over TLS; the second where the other side does not want its requests there.
    """
    uri = str(ksr.pv.get("$du") or ksr.pv.get("$ru"))
    scheme, _, rest = uri.partition(":")
    found = _PLACE.fullmatch(rest.rpartition("@")[2])
    if found is None or not (scheme.lower() == "sips" or _TLS.search(found[3])):
        return "", ""
    address, name, _ = naming.shown(str(ksr.pv.get(SHOWN)), ())
    host = found[1].lower()
    numeric = is_ip(host.strip("[]"))
    port = found[2] or ("5061" if numeric else "")
    names = [name] if numeric or host == name else [name, host]
    hop = f"sip:{host}{f':{port}' if port else ''};transport=tls;{naming.WANTED}={','.join(names)}"
    # Whoever put himself on the route is at the other end of the call's connection.
    here = bool(ksr.pv.get("$var(recorded)")) or host == name
    return hop, f"sip:{address};transport=tls;{naming.WANTED}={name}" if here else ""
