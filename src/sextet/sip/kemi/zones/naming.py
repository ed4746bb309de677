"""Is the system that DNS named the one that was meant? Its certificate says so before a call goes there (RFC 5922 7.3).

How it works. sextetd writes the name that is wanted into the next hop and has the agent ask there with OPTIONS, over a
connection whose other side must show a trusted certificate. The worker that gets the answer reads the names and notes
the connection in the htable `named`, or closes it. Calls go over a connection that is noted and over no other
(kamailio.cfg.j2, branch route LEG); where it is gone, sextetd is asked again (questions.py), within a call too
(routing/onward.py).
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

from sextet.call.alias import plain_ip
from sextet.sip.kemi.instructions import Instructions
from sextet.sip.kemi.reporting import Reporter, written
from sextet.sip.kemi.zones import pinging
from sextet.sip.kemi.zones.identity import KEPT_S, connection_names

# Parameters of a next hop, for which kamailio.cfg.j2 looks.
WANTED = "sxv"  # the name that has to be shown there, or several of which one does
BOUND = "sni"  # the name that a new connection is for, whoever answers
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


def pin(ksr: Any, zone: str) -> None:
    """Tell kamailio.cfg over which connection the next hop of the request at hand showed its name, and which one."""
    hop = str(ksr.pv.get("$du") or "")
    ksr.pv.seti("$var(conid)", connection(ksr, hop))
    found = _HOP.match(hop)
    where = found[1].removeprefix("sip:").partition(";")[0] if found else ""
    ksr.pv.sets("$var(shown)", f"{where}/{found[2]}/{_mark(zone)}" if found else "")


def shown(text: str, zones: Iterable[str]) -> tuple[str, str, str]:
    """Read what `pin` wrote: "address:port", name, and the zone by which the call went, "" where that is not there."""
    address, name, mark, *_ = (*text.split("/"), "", "")
    return address, name, next((zone for zone in zones if _mark(zone) == mark), "") if mark else ""


@functools.lru_cache(maxsize=1000)
def _mark(zone: str) -> str:
    """Name a zone in a URI, whatever letters it has."""
    return hashlib.md5(zone.encode(), usedforsecurity=False).hexdigest()[:8]


def ask(ksr: Any, told: Instructions, zone: str, hops: Sequence[str]) -> None:
    """Ask next hops for their names; in the agent. What comes back is handed to `answered`."""
    for hop in hops:
        if found := _HOP.fullmatch(hop):
            name, asked = first_of(found[2]), f"{ASKED} {hop} {zone}"
            pinging.send(ksr, told, found[1], ["Max-Forwards: 1"], asked, name, verified=True)


def first_of(names: str) -> str:
    """Give the name that a connection is made for, where one of several has to be shown."""
    return names.partition(",")[0]


def bound_for(ksr: Any) -> str:
    """Give the name that a connection to where the request at hand is about to be sent is for; "" where it has none."""
    where = plain_ip(str(ksr.pv.get("$sndto(ip)"))), str(ksr.pv.get("$sndto(port)"))
    for one in reversed(str(ksr.pv.get("$avp(sni)") or "").split()):
        address, _, name = one.partition("=")
        ip, _, port = address.rpartition(":")
        if (plain_ip(ip), port) == where:
            return name
    return ""


def answered(ksr: Any, reporter: Reporter) -> None:
    """Judge who answered, and tell sextetd; in a worker."""
    get = ksr.pv.get
    _, hop, zone = str(get("$uac_req(evparam)")).split(" ", 2)
    found = _HOP.fullmatch(hop)
    assert found is not None
    if int(get("$uac_req(evtype)") or 0) != 1:
        pinging.hang_up(ksr, found[1])  # nothing comes over it: it may be cut on the way
        return
    number, names, wanted = int(get("$conid")), connection_names(ksr), found[2].replace(",", ", ")
    reason = ""
    if names is not None and any(names.have(one) for one in wanted.split(", ")):
        ksr.htable.sht_setxs("named", hop, str(number), KEPT_S)
        ksr.htable.sht_setxs("named", str(number), "1", KEPT_S)
    else:
        reason = f"its certificate names {names.told if names else 'nobody'}, not {wanted}"
        ksr.htable.sht_rm("named", hop)
        if ksr.htable.sht_get("named", str(number)) is None:  # another name may be right for it, and its calls go on
            ksr.tcpops.tcp_close_connection_id(number)
    reporter.send(f'"kind":"named","zone":{written(zone)},"hop":{written(hop)},"reason":{written(reason)}')
