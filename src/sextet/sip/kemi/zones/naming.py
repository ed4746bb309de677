"""Is the system that DNS named the one that was meant? Its certificate says so before a call goes there (RFC 5922 7.3).

How it works. sextetd writes the name that is wanted into the next hop and has the agent ask there with OPTIONS, over a
connection whose other side must show a trusted certificate. The worker that gets the answer reads the names and notes
the connection in the htable `named`, or closes it. Calls go over a connection that is noted and over no other
(kamailio.cfg.j2, branch route LEG); where it is gone, sextetd is asked again (questions.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sextet.sip.kemi.instructions import Instructions
from sextet.sip.kemi.reporting import Reporter, written
from sextet.sip.kemi.zones import pinging
from sextet.sip.kemi.zones.identity import KEPT_S, connection_names

WANTED = "sxv"  # the parameter of a next hop; kamailio.cfg.j2 looks for it
ASKED = "named"  # how the evparam of our OPTIONS begins
_HOP = re.compile(rf"(sip:[^;]+;transport=tls);{WANTED}=([^;]+)")


def usable(ksr: Any, hop: str, verify: bool) -> bool:
    """Say whether a next hop has a connection to who has its name, or needs none: over TLS where a zone says so."""
    if _HOP.match(hop) is None:
        return not (verify and ";transport=tls" in hop)
    return connection(ksr, hop) > 0


def connection(ksr: Any, hop: str) -> int:
    """Give the connection over which a next hop showed its name, 0 without one; other parameters may follow."""
    found = _HOP.match(hop)
    number = int(ksr.htable.sht_get("named", found[0]) or 0) if found else 0
    return number if number and ksr.tcpops.tcp_conid_alive(number) > 0 else 0


def ask(ksr: Any, told: Instructions, zone: str, hops: Sequence[str]) -> None:
    """Ask next hops for their names; in the agent. What comes back is handed to `answered`."""
    for hop in hops:
        if found := _HOP.fullmatch(hop):
            pinging.send(ksr, told, found[1], ["Max-Forwards: 1"], f"{ASKED} {hop} {zone}", found[2], verified=True)


def answered(ksr: Any, reporter: Reporter) -> None:
    """Judge who answered, and tell sextetd; in a worker."""
    get = ksr.pv.get
    _, hop, zone = str(get("$uac_req(evparam)")).split(" ", 2)
    found = _HOP.fullmatch(hop)
    assert found is not None
    if int(get("$uac_req(evtype)") or 0) != 1:
        pinging.hang_up(ksr, found[1])  # nothing comes over it: it may be cut on the way
        return
    number, names = int(get("$conid")), connection_names(ksr)
    reason = ""
    if names is not None and names.have(found[2]):
        ksr.htable.sht_setxs("named", hop, str(number), KEPT_S)
        ksr.htable.sht_setxs("named", str(number), "1", KEPT_S)
    else:
        reason = f"its certificate names {names.told if names else 'nobody'}, not {found[2]}"
        ksr.htable.sht_rm("named", hop)
        if ksr.htable.sht_get("named", str(number)) is None:  # another name may be right for it, and its calls go on
            ksr.tcpops.tcp_close_connection_id(number)
    reporter.send(f'"kind":"named","zone":{written(zone)},"hop":{written(hop)},"reason":{written(reason)}')
