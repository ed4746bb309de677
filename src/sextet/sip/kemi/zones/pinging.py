"""Asks every address of every monitored zone with OPTIONS, and notes what it answers (facts 7.2).

How it works. The agent sends, through Kamailio's own transports: what is tried is the way that calls take, and for TLS
the very connection. A worker gets the answer, looks at the certificate and writes the row; the agent looks whether an
answer came, and when none did in time it writes that. Nothing here needs sextetd.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sextet.call.alias import is_ip
from sextet.call.choice import HEADER, load_of
from sextet.call.zones import Place, ZoneRow
from sextet.sip.kemi.instructions import Instructions
from sextet.sip.kemi.reporting import Reporter
from sextet.sip.kemi.zones import traversal, zone_rows
from sextet.sip.kemi.zones.identity import connection_names

PING_S = 10.0  # between two questions to one address: short, since whoever calls in between waits for a dead one
ANSWER_S = 5.0  # as fr_timer of tm: later nobody listens any more
PER_SECOND_MAX = 200  # questions; beyond two thousand addresses each is asked less often
FIRST_RETRY_S = 1.0  # after a traversal connection is lost; doubled up to the zone's retry interval
_CHALLENGE = re.compile(r'(\w+)="?([^",]*)"?')


@dataclass(slots=True)
class _Asked:
    zone: ZoneRow
    place: Place
    due_s: float
    sent_s: float | None = None  # while an answer is waited for
    number: int = 0  # of the last question
    failures: int = 0  # in a row


class Pinger:
    """The agent's part: whom to ask, when, and who did not answer."""

    def __init__(self, ksr: Any, reporter: Reporter) -> None:
        self._ksr = ksr
        self._reporter = reporter
        self._told: Instructions | None = None
        self._asked: dict[str, _Asked] = {}
        self._numbers = 0

    def follow(self, told: Instructions, now_s: float) -> None:
        """Ask the addresses of these zones from now on; what is new, or differs, is asked at once."""
        self._told = told
        wanted = {zone_rows.row_name(zone.name, place.uri): (zone, place) for zone, place in _monitored(told)}
        for name in self._asked.keys() - wanted.keys():
            gone = self._asked.pop(name)
            zone_rows.forget(self._ksr, self._reporter, gone.zone.name, gone.place.uri)
        for name, (zone, place) in wanted.items():
            known = self._asked.get(name)
            if known is None or (known.zone.tls_verify, known.place.host) != (zone.tls_verify, place.host):
                self._asked[name] = _Asked(zone=zone, place=place, due_s=now_s)
            else:
                known.zone = zone

    def hurry(self, zone: str, now_s: float) -> None:
        """Ask all addresses of a zone now, and tell what they answer even if it is what they answered before."""
        for one in self._asked.values():
            if one.zone.name == zone:
                zone_rows.tell_next(self._ksr, zone, one.place.uri)
                one.due_s, one.sent_s = now_s, None

    def tick(self, now_s: float) -> float:
        """Do what is due; gives the seconds until something is again."""
        every_s = max(PING_S, len(self._asked) / PER_SECOND_MAX)
        for name, one in self._asked.items():
            if one.sent_s is not None:
                self._look(name, one, now_s, every_s)
            elif self._ksr.htable.sht_get("due", name):
                self._ksr.htable.sht_rm("due", name)
                one.due_s = now_s
            if one.sent_s is None and now_s >= one.due_s:
                self._numbers += 1
                one.number, one.sent_s = self._numbers, now_s
                self._ksr.htable.sht_rm("spent", name)
                assert self._told is not None
                ask(self._ksr, self._told, one.zone, one.place, one.number)
        return 0.25 if self._asked else 5.0

    def _look(self, name: str, one: _Asked, now_s: float, every_s: float) -> None:
        """See whether the last question was answered, or how long that has taken already."""
        assert one.sent_s is not None
        answer = str(self._ksr.htable.sht_get("pong", name) or "")
        number, _, verdict = answer.partition(" ")
        answered = number == str(one.number)
        if not answered and now_s - one.sent_s <= ANSWER_S:
            return
        if not answered:
            reason = f"no answer to OPTIONS within {ANSWER_S:.0f} s"
            zone_rows.failed(self._ksr, self._reporter, one.zone.name, one.place.host, one.place.uri, reason, now_s)
            hang_up(self._ksr, one.place.uri)
        one.failures = 0 if verdict == "ok" else one.failures + 1
        wait_s = every_s
        if one.failures and one.zone.retry_s:
            wait_s = min(FIRST_RETRY_S * 2.0 ** min(one.failures - 1, 20), one.zone.retry_s)
        one.due_s, one.sent_s = one.sent_s + wait_s, None


def hang_up(ksr: Any, uri: str) -> None:
    """Close a connection over which nothing comes: it may be cut on the way, and only a new one can tell."""
    where, _, transport = uri.removeprefix("sip:").partition(";transport=")
    connection = connected(ksr, where) if transport != "udp" else 0
    if connection:
        ksr.tcpops.tcp_close_connection_id(connection)


def connected(ksr: Any, where: str) -> int:
    """Give the connection to an "address:port" that is there now; 0 without one."""
    ksr.pv.seti("$var(conid)", 0)
    if ksr.x.modf("tcp_get_conid", where, "$var(conid)") <= 0:  # one of those that KEMI does not have
        return 0
    return max(0, int(ksr.pv.get("$var(conid)") or 0))


def ask(ksr: Any, told: Instructions, zone: ZoneRow, place: Place, number: int, authorization: str = "") -> None:
    """Send one OPTIONS; what comes back is handed to `answered`."""
    headers = ["Max-Forwards: 1"]
    if zone.retry_s:
        headers.append(f"{traversal.TUNNEL}: {told.instance}")
    if authorization:
        headers.append(authorization)
    sent_us = int(time.monotonic() * 1e6)
    asked = f"{'2' if authorization else '1'} {number} {sent_us} {place.uri} {zone.name}"
    send(ksr, told, place.uri, headers, asked, place.host, verified=zone.tls_verify)


def send(
    ksr: Any, told: Instructions, uri: str, headers: Sequence[str], asked: str, name: str, *, verified: bool
) -> None:  # fmt: skip
    """Send OPTIONS to an address; whoever gets the answer finds `asked` in its evparam.

    A new connection says which name it is for (SNI, RFC 6066 3): a server of several shows the certificate of that one.
    """
    if uri.endswith("=tls"):
        ksr.tls.set_connect_server_id("verified" if verified else "plain")
        ksr.pvx.xavp_child_sets("tls", "server_name", "" if is_ip(name) else name)
    text = {
        "method": "OPTIONS", "ruri": uri, "turi": uri, "furi": f"sip:{told.host}", "ouri": uri,
        "hdrs": "".join(f"{header}\r\n" for header in headers), "evparam": asked,
    }  # fmt: skip
    for name, value in text.items():
        ksr.pv.sets(f"$uac_req({name})", value)
    ksr.pv.seti("$uac_req(evroute)", 1)
    ksr.uac.uac_req_send()


def answered(ksr: Any, reporter: Reporter, told: Instructions) -> None:
    """Note what an address answered; in a worker."""
    get = ksr.pv.get
    attempt, number, sent_us, uri, name = str(get("$uac_req(evparam)")).split(" ", 4)
    zone = told.table.zones.get(name)
    place = next((one for one in zone.places if one.uri == uri), None) if zone else None
    if zone is None or place is None or int(get("$uac_req(evtype)") or 0) != 1:
        return  # its zone is gone, or tm gave up waiting, which the agent sees by itself
    status = int(get("$uac_req(evcode)"))
    if status in (401, 407) and attempt == "1" and name in told.secrets:
        ask(ksr, told, zone, place, int(number), _authorization(ksr, status, *told.secrets[name], uri))
        return
    now_s = time.monotonic()
    row = _judged(ksr, zone, place, status, round(now_s * 1e3 - int(sent_us) / 1e3, 1))
    if zone.retry_s and row["state"] != "failed":
        traversal.remember(ksr, uri)
        ksr.tcpops.tcp_enable_closed_event_cid(int(get("$conid")))
    key = zone_rows.row_name(name, uri)
    ksr.htable.sht_sets("pong", key, f"{number} {'ok' if row['state'] != 'failed' else 'failed'}")
    zone_rows.write(ksr, reporter, row, now_s)


def _judged(ksr: Any, zone: ZoneRow, place: Place, status: int, round_trip_ms: float) -> zone_rows.Row:
    """Any answer shows that a neighbour lives; a traversal server has to accept us."""
    names = connection_names(ksr)
    load = load_of(str(ksr.pv.get(f"$hdr({HEADER})") or ""))
    reason = ""
    if zone.tls_verify and (names is None or not names.have(place.host)):
        reason = f"its certificate names {names.told if names else 'nobody'}, not {place.host}"
    elif zone.retry_s and status >= 300:
        phrase = str(ksr.pv.get("$rr") or "")
        wrong = status in (401, 407)
        reason = "the server refuses this user name and password" if wrong else f"the server answers {status} {phrase}"
    state = "failed" if reason else "maintenance" if load and load.maintenance else "active"
    return zone_rows.new_row(
        zone.name, place.host, place.uri, state, reason=reason, round_trip_ms=round_trip_ms,
        identity=names.shown if names else "", free=load.free if load else -1,
    )  # fmt: skip


def _monitored(told: Instructions) -> Iterator[tuple[ZoneRow, Place]]:
    for zone in told.table.zones.values():
        if zone.monitored:
            yield from ((zone, place) for place in zone.places)


def _authorization(ksr: Any, status: int, user: str, password: str, uri: str) -> str:
    """Answer a challenge (RFC 2617 3.2.2, without or with qop=auth)."""
    header = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    given = dict(_CHALLENGE.findall(str(ksr.pv.get(f"$hdr({header})") or "")))
    realm, nonce = given.get("realm", ""), given.get("nonce", "")
    first, second = _md5(f"{user}:{realm}:{password}"), _md5(f"OPTIONS:{uri}")
    parts = [f'username="{_quoted(user)}"', f'realm="{realm}"', f'nonce="{nonce}"', f'uri="{uri}"', "algorithm=MD5"]
    if "qop" in given:
        cnonce = _md5(f"{nonce}{time.monotonic_ns()}")[:16]
        response = _md5(f"{first}:{nonce}:00000001:{cnonce}:auth:{second}")
        parts += ["qop=auth", "nc=00000001", f'cnonce="{cnonce}"']
    else:
        response = _md5(f"{first}:{nonce}:{second}")
    name = "Authorization" if status == 401 else "Proxy-Authorization"
    return f"{name}: Digest " + ", ".join([*parts, f'response="{response}"'])


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
