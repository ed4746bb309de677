"""Whether every requirement of a cluster is met, for this system and each other peer: pure judgement of what was seen.

How it works. `Evidence` is what the peer knows anyway, `Measured` what probing.py asked for; each check is one function
from both to a verdict. What cannot be known is "unknown" with the reason, what this version does not have is "not
applicable": no check is ever guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sextet.cluster.host import SYNCHRONISED, UNSYNCHRONISED
from sextet.cluster.judgement import LIVE, Evidence
from sextet.cluster.requirements import inside
from sextet.cluster.requirements.measured import Found, Measured
from sextet.cluster.requirements.ports import call_port
from sextet.cluster.trust.certificates import Inspection
from sextet.model import alarms as types
from sextet.model import checks
from sextet.model.alarms import AlarmType
from sextet.model.checks import CheckResult, CheckType, State
from sextet.model.schema import is_ip
from sextet.model.status import PeerStatus

DAY_S = 86_400.0
CONFIRMED = "confirmed by a time server"
ONE_COMPUTER = "all peers run on this one computer and share its clock, as in a lab: start an NTP client for real use"
RECOVERY = "4371"  # the alarm about the cluster's own port, 4372, follows the links (judgement.py)
_RECOVERY = f"tcp {RECOVERY}"
Verdict = tuple[State, str]
Standing = tuple[AlarmType, str]  # an alarm and what it is about


def judge(seen: Evidence, measured: Measured) -> tuple[CheckResult, ...]:
    """Give every result, check by check; this system is number 0 while it is in no list."""
    peers = {number: name for number, name in enumerate(seen.running.peers, 1) if name}
    own = peers.get(seen.number, seen.own.address or seen.own.host_name)
    found = []
    for kind in checks.TYPES.values():
        if kind in _OWN:
            found.append(_result(kind, seen.number, own, _OWN[kind](seen, measured)))
        if kind in _EACH:
            for number, name in peers.items():
                if number != seen.number:
                    verdict = _EACH[kind](seen, measured, number)
                    found.append(_result(kind, number, name, verdict))
    return tuple(found)


def alarms_of(seen: Evidence, measured: Measured) -> dict[Standing, str]:
    """Name every alarm that the measurements call for, with its cause; what else is in `ALARMS` is over."""
    lost = [f"{one.server}: {one.failure}" for one in measured.servers if one.failure]
    causes = {
        (types.TIME_NOT_VALIDATED, ""): _time_not_validated(seen, measured),
        (types.NTP_CLIENT_FAILED, ""): _ntp_client_failed(seen, measured),
        (types.NTP_SERVER_LOST, ""): "; ".join(lost),
        (types.PORTS_UNREACHABLE, RECOVERY): _recovery_closed(seen, measured),
    }
    return {alarm: cause for alarm, cause in causes.items() if cause}


ALARMS: tuple[Standing, ...] = (
    (types.TIME_NOT_VALIDATED, ""),
    (types.NTP_CLIENT_FAILED, ""),
    (types.NTP_SERVER_LOST, ""),
    (types.PORTS_UNREACHABLE, RECOVERY),
)


def outdated(seen: Evidence, measured: Measured) -> list[int]:
    """Name the peers to be asked again soon: what was found while they were away, or just coming up, may be over."""
    return [
        number
        for number, link in seen.links.items()
        if link.state == LIVE and (_found(measured, number).since_s != link.since_s or _is_closed(measured, number))
    ]


def confirmed(measured: Measured) -> bool:
    """Tell whether a time server agrees with this host's clock."""
    return any(not one.failure and abs(one.offset_s) <= checks.CLOCK_S_MAX for one in measured.servers)


def _result(kind: CheckType, number: int, name: str, verdict: Verdict) -> CheckResult:
    state, measured = verdict
    return CheckResult(
        id=kind.id,
        peer=number,
        peer_name=name,
        state=state,
        measured=measured,
        expected=kind.expected,
        remedy=kind.remedy if state == "failed" else "",
    )


def _reach(transport: str, port: int, *, everywhere: bool = False) -> Callable[[Evidence, Measured, int], Verdict]:
    """Judge a knock; a port on which this version itself does not listen is not called closed on another peer."""

    def check(seen: Evidence, measured: Measured, number: int) -> Verdict:
        place = f"{transport} {port}"
        if measured.looked and place not in measured.listens and not everywhere:
            return "not applicable", f"nothing listens on {place.upper()} in this version yet"
        knock = _found(measured, number).knocks.get(place)
        if knock is None:
            return "unknown", "not tried yet"
        if transport == "udp" and knock.answer == "silent":
            return "unknown", knock.detail
        return ("ok" if knock.answer == "open" else "failed"), knock.detail

    return check


def _reach_sip(seen: Evidence, measured: Measured, number: int) -> Verdict:
    if (on := call_port(seen.saved.protocols)) is None:
        return "not applicable", "SIP is off: peers send each other no calls"
    return _reach("udp" if on[0] == "UDP" else "tcp", on[1], everywhere=True)(seen, measured, number)


def _reach_4372(seen: Evidence, measured: Measured, number: int) -> Verdict:
    link = seen.links.get(number)
    if link is not None and link.state == LIVE:
        return "ok", f"connected to {link.resolved_ip} port 4372"
    knock = _found(measured, number).knocks.get("tcp 4372")
    if knock is None:
        return "unknown", why_not(seen, number)
    return ("ok" if knock.answer == "open" else "failed"), knock.detail


def _rtt(seen: Evidence, measured: Measured, number: int) -> Verdict:
    link = seen.links.get(number)
    if link is None or link.state != LIVE or not link.round_trip_ms:
        return "unknown", why_not(seen, number)
    return _verdict(link.round_trip_ms <= checks.ROUND_TRIP_MS_MAX, f"{link.round_trip_ms:.1f} ms")


def _nat(seen: Evidence, measured: Measured, number: int) -> Verdict:
    link, found = seen.links.get(number), _found(measured, number)
    if link is None or link.state != LIVE or found.answer.failure:
        return "unknown", found.answer.failure or why_not(seen, number)
    changed = []
    if found.answer.seen_as and found.answer.seen_as != seen.own.ip:
        changed.append(f"it sees this system as {found.answer.seen_as}, which is {seen.own.ip}")
    if found.comes_from and found.comes_from != link.resolved_ip:
        changed.append(f"it comes from {found.comes_from} and not from {link.resolved_ip}")
    if changed:
        return "failed", "; ".join(changed)
    if not found.answer.seen_as:
        return "unknown", "it does not say from where it sees this system"
    return "ok", f"it sees this system as {found.answer.seen_as}"


def _clock(seen: Evidence, measured: Measured, number: int) -> Verdict:
    answer = _found(measured, number).answer
    if answer.failure:
        return "unknown", answer.failure
    ahead = answer.clock_ahead_s
    words = f"{abs(ahead):.3f} s {'ahead of' if ahead >= 0 else 'behind'} this system, ± {answer.uncertain_s:.3f} s"
    if abs(ahead) <= checks.CLOCK_S_MAX < abs(ahead) + answer.uncertain_s:
        return "unknown", words
    return _verdict(abs(ahead) <= checks.CLOCK_S_MAX + answer.uncertain_s, words)


def _ntp_here(seen: Evidence, measured: Measured) -> Verdict:
    told = [f"{one.server} {one.failure or f'{one.offset_s:+.3f} s'}" for one in measured.servers]
    if seen.own.clock == SYNCHRONISED:
        return "ok", ", ".join(["the host's kernel says: synchronised", *told])
    if confirmed(measured):
        return "ok", ", ".join([CONFIRMED, *told])
    if seen.own.clock != UNSYNCHRONISED and not measured.servers:
        return "unknown", "the host does not tell, and no NTP server is configured to ask"
    words = ", ".join([f"the host's kernel says: {seen.own.clock}", *(told or ["no NTP server is configured"])])
    if _on_one_computer(seen) and not measured.servers:
        return "unknown", f"{words}; {ONE_COMPUTER}"
    return "failed", words


def _ntp_there(seen: Evidence, measured: Measured, number: int) -> Verdict:
    status = _heard(seen, number)
    if status is None:
        return "unknown", why_not(seen, number)
    clock = _found(measured, number).answer.clock or status.clock
    if clock == CONFIRMED:
        return "ok", clock
    if clock not in (SYNCHRONISED, UNSYNCHRONISED):
        return "unknown", "its host does not tell"
    if clock != SYNCHRONISED and _on_one_computer(seen):
        return "unknown", f"its host's kernel says: {clock}; {ONE_COMPUTER}"
    return _verdict(clock == SYNCHRONISED, f"its host's kernel says: {clock}")


def _on_one_computer(seen: Evidence) -> bool:
    """Tell whether every peer says that it runs on this very kernel: a lab, whose clocks are one and cannot differ."""
    others = [_heard(seen, number) for number in seen.links]
    kernels = {status.kernel if status else "" for status in (seen.own, *others)}
    return bool(others) and len(kernels) == 1 and "" not in kernels


def _version(seen: Evidence, measured: Measured, number: int) -> Verdict:
    status = _heard(seen, number)
    if status is None:
        return "unknown", why_not(seen, number)
    return _verdict(status.version == seen.own.version, f"{status.version}, this system {seen.own.version}")


def _ip_version_here(seen: Evidence, measured: Measured) -> Verdict:
    wanted = seen.running.cluster_ip_version
    return _verdict(_family(seen.own.ip) == wanted, f"{wanted}, this system's address is {seen.own.ip}")


def _ip_version(seen: Evidence, measured: Measured, number: int) -> Verdict:
    wanted, status, link = seen.running.cluster_ip_version, _heard(seen, number), seen.links.get(number)
    ip = link.resolved_ip if link else ""
    if ip and _family(ip) != wanted:
        return "failed", f"its address {ip} is not {wanted}"
    if status is None:
        return "unknown", why_not(seen, number)
    return _verdict(status.ip_version == wanted, f"{status.ip_version}, this system {wanted}")


def _h323_here(seen: Evidence, measured: Measured) -> Verdict:
    on = seen.saved.protocols.h323_mode
    return _verdict(on, "On" if on else "Off")


def _h323(seen: Evidence, measured: Measured, number: int) -> Verdict:
    status = _heard(seen, number)
    if status is None:
        return "unknown", why_not(seen, number)
    return _verdict(status.h323_mode, "On" if status.h323_mode else "Off")


def _type_ce(seen: Evidence, measured: Measured, number: int) -> Verdict:
    status, own = _heard(seen, number), seen.own.system_type
    if status is None or not status.system_type:
        return "unknown", "it does not say" if status else why_not(seen, number)
    return _verdict(status.system_type == own, f"{status.system_type}, this system {own}")


def _features(seen: Evidence, measured: Measured) -> Verdict:
    return "not applicable", "this version has no options: every peer can do the same"


def _capacity(seen: Evidence, measured: Measured, number: int) -> Verdict:
    status, own = _heard(seen, number), seen.own
    if status is None or not status.processors or not own.processors:
        return "unknown", "it does not say what its host is" if status else why_not(seen, number)
    if status.platform != own.platform:
        return "failed", f"{status.platform}, this system {own.platform}"
    low, high = sorted((status.memory_mb, own.memory_mb))
    same = status.processors == own.processors and high <= low * checks.MEMORY_RATIO_MAX
    return _verdict(same, f"{_size(status)}, this system {_size(own)}")


def _inside_here(seen: Evidence, measured: Measured) -> Verdict:
    return inside.here(seen, _own_look(seen, measured))


def _inside_there(seen: Evidence, measured: Measured, number: int) -> Verdict:
    return inside.there(seen, number) or ("unknown", why_not(seen, number))


def not_inside(seen: Evidence, measured: Measured) -> str:
    """Name every peer address at which a cluster must not be built (alarm 20005)."""
    return inside.outsiders(seen, _own_look(seen, measured))


def _own_look(seen: Evidence, measured: Measured) -> str:
    look = measured.looks.get(seen.running.peers[seen.number - 1]) if seen.number else None
    return look.ip if look else ""


def _dns_here(seen: Evidence, measured: Measured) -> Verdict:
    if not seen.number:
        return "not applicable", "this system is in no peer list yet"
    name = seen.running.peers[seen.number - 1]
    state, words = _dns_of(name, measured)
    look = measured.looks.get(name)
    if look and look.ip and look.ip != seen.own.ip:
        return "failed", f"{name} is {look.ip}, and this system is {seen.own.ip}"
    return state, words


def _dns(seen: Evidence, measured: Measured, number: int) -> Verdict:
    return _dns_of(seen.running.peers[number - 1], measured)


def _dns_of(name: str, measured: Measured) -> Verdict:
    look = measured.looks.get(name)
    if look is None:
        return "unknown", "not looked up yet"
    if look.by == "mapping":
        return "ok", f"{name} is {look.ip} by the address mapping; DNS is not asked"
    if look.failure:
        return "failed", look.failure
    names = ", ".join(look.names)
    if look.by == "address":
        return "ok", f"{look.ip} is {names}"
    back = name.lower().rstrip(".") in look.names
    return _verdict(back, f"{name} is {look.ip}" + (", and back" if back else f", but {look.ip} is {names}"))


def _distinct_here(seen: Evidence, measured: Measured) -> Verdict:
    system, host = seen.saved.system.name, seen.saved.system.dns_host_name
    missing = " and ".join(words for words, value in (("system name", system), ("system host name", host)) if not value)
    if missing:
        return "failed", f"this system has no {missing}"
    return "ok", f"system name {system}, system host name {host}"


def _distinct(seen: Evidence, measured: Measured, number: int) -> Verdict:
    status = _heard(seen, number)
    if status is None:
        return "unknown", why_not(seen, number)
    same = []
    if status.system_name and status.system_name.lower() == seen.saved.system.name.lower():
        same.append(f"its system name is {status.system_name} too")
    if status.host_name.lower() == seen.own.host_name.lower():
        same.append(f"its system host name is {status.host_name} too")
    if same:
        return "failed", "; ".join(same)
    if status.ip and status.ip == seen.own.ip:
        return "failed", f"its address is {status.ip} too"
    return "ok", f"system name {status.system_name or '(none)'}, system host name {status.host_name}"


def _not_a_zone_peer(seen: Evidence, measured: Measured, number: int) -> Verdict:
    name, link = seen.running.peers[number - 1], seen.links.get(number)
    wanted = {name.lower(), link.resolved_ip if link else ""} - {""}
    for zone in seen.saved.zones:
        for peer in zone.peers if zone.state == "Enabled" else ():
            ip = measured.zone_ips.get(peer.address, "")
            if {peer.address.lower(), ip} & wanted:
                return "failed", f"zone {zone.name} leads to {peer.address}" + (f", {ip}" if ip else "")
    return "ok", "no zone leads to it"


def _certificate(seen: Evidence, measured: Measured, number: int) -> tuple[Inspection | None, str]:
    if number == seen.number:
        return measured.certificate, measured.certificate_failure or "not looked at yet"
    found = _found(measured, number)
    return found.certificate, found.certificate_failure or why_not(seen, number)


def _chain(seen: Evidence, measured: Measured, number: int) -> Verdict:
    looked, why = _certificate(seen, measured, number)
    if looked is None:
        return ("failed" if "not trusted" in why else "unknown"), why
    return _verdict(
        looked.trusted, f"issued by {looked.certificate.issuer}" + ("" if looked.trusted else ", not trusted")
    )


def _name(seen: Evidence, measured: Measured, number: int) -> Verdict:
    looked, why = _certificate(seen, measured, number)
    if looked is None:
        return "unknown", why
    return _verdict(looked.is_for, f"for {looked.certificate.said_names()}")


def _usage(seen: Evidence, measured: Measured, number: int) -> Verdict:
    looked, why = _certificate(seen, measured, number)
    if looked is None:
        return ("failed" if "expired" in why or "Auth" in why or "not yet" in why else "unknown"), why
    facts = looked.certificate
    lacking = [
        f"not for {who}" for who, may in (("servers", facts.server_use), ("clients", facts.client_use)) if not may
    ]
    if facts.valid_in_s > 0:
        lacking.append("not yet valid")
    enough = facts.expires_in_s >= checks.CERTIFICATE_DAYS_MIN * DAY_S
    return _verdict(enough and not lacking, ", ".join([*lacking, _expiry(facts.expires_in_s)]))


def _time_not_validated(seen: Evidence, measured: Measured) -> str:
    answers = {number: found.answer for number, found in measured.others.items() if not found.answer.failure}
    off = {n: one for n, one in answers.items() if abs(one.clock_ahead_s) - one.uncertain_s > checks.CLOCK_S_MAX}
    if len(off) * 2 > len(answers):  # whose clock differs from most others' is the one that is wrong, or one of two
        names = seen.running.peers
        words = [f"{-one.clock_ahead_s:+.1f} s against {names[n - 1]}" for n, one in off.items() if n <= len(names)]
        return f"This system's clock is {', '.join(words)}."
    if measured.servers and seen.own.clock == UNSYNCHRONISED and not confirmed(measured):
        return "The host's clock is not synchronised, and no NTP server confirms it."
    return ""


def _recovery_closed(seen: Evidence, measured: Measured) -> str:
    """Name the peers that are live and whose port for recovering a lost database cannot be reached from here.

    A knock from before the link was up says nothing: the whole peer was away.
    """
    closed = []
    for number, link in seen.links.items():
        found = _found(measured, number)
        if link.state == LIVE and found.since_s == link.since_s and _is_closed(measured, number):
            closed.append(f"{link.peer} on {RECOVERY}: {found.knocks[_RECOVERY].detail}")
    return f"No TCP connection to {'; '.join(closed)}." if closed else ""


def _is_closed(measured: Measured, number: int) -> bool:
    knock = _found(measured, number).knocks.get(_RECOVERY)
    return knock is not None and knock.answer != "open"


def _ntp_client_failed(seen: Evidence, measured: Measured) -> str:
    answering = [one.server for one in measured.servers if not one.failure]
    if not answering or seen.own.clock != UNSYNCHRONISED:
        return ""
    return f"{', '.join(answering)} can be reached, but the host's NTP client does not keep the clock synchronised."


def _verdict(good: bool, measured: str) -> Verdict:
    return ("ok" if good else "failed"), measured


def _found(measured: Measured, number: int) -> Found:
    return measured.others.get(number, Found())


def _heard(seen: Evidence, number: int) -> PeerStatus | None:
    """Give what a peer says of itself, but only while it says so."""
    link = seen.links.get(number)
    return seen.statuses.get(number) if link is not None and link.state == LIVE else None


def why_not(seen: Evidence, number: int) -> str:
    """Say why nothing is known of a peer."""
    link = seen.links.get(number)
    if link is None:
        return "no link to it"
    if link.state == LIVE:
        return "it has not said yet"
    return f"its link is {link.state}" + (f": {link.reason}" if link.reason else "")


def _family(ip: str) -> str:
    return "IPv6" if ":" in ip else "IPv4" if is_ip(ip) else ""


def _size(status: PeerStatus) -> str:
    return f"{status.processors} processors and {status.memory_mb / 1024:.1f} GiB"


def _expiry(left_s: float) -> str:
    days = int(abs(left_s) // DAY_S)
    if left_s < 0:
        return f"expired {days} days ago" if days else "expired today"
    return f"expires in {days} days" if days else "expires today"


def _own(check: Callable[[Evidence, Measured, int], Verdict]) -> Callable[[Evidence, Measured], Verdict]:
    return lambda seen, measured: check(seen, measured, seen.number)


_OWN: Mapping[CheckType, Callable[[Evidence, Measured], Verdict]] = {
    checks.NTP: _ntp_here,
    checks.IP_VERSION: _ip_version_here,
    checks.H323_ON: _h323_here,
    checks.INSIDE_INTERFACE: _inside_here,
    checks.FEATURES: _features,
    checks.DNS: _dns_here,
    checks.DISTINCT_NAMES: _distinct_here,
    checks.CERT_CHAIN: _own(_chain),
    checks.CERT_NAME: _own(_name),
    checks.CERT_EKU_EXPIRY: _own(_usage),
}
_EACH: Mapping[CheckType, Callable[[Evidence, Measured, int], Verdict]] = {
    checks.REACH_4372: _reach_4372,
    checks.REACH_4371: _reach("tcp", 4371),
    checks.REACH_1719: _reach("udp", 1719),
    checks.REACH_SIP: _reach_sip,
    checks.RTT: _rtt,
    checks.NAT: _nat,
    checks.INSIDE_INTERFACE: _inside_there,
    checks.TYPE_CE: _type_ce,
    checks.CLOCK: _clock,
    checks.NTP: _ntp_there,
    checks.VERSION: _version,
    checks.IP_VERSION: _ip_version,
    checks.H323_ON: _h323,
    checks.CAPACITY_CLASS: _capacity,
    checks.DNS: _dns,
    checks.DISTINCT_NAMES: _distinct,
    checks.NOT_A_ZONE_PEER: _not_a_zone_peer,
    checks.CERT_CHAIN: _chain,
    checks.CERT_NAME: _name,
    checks.CERT_EKU_EXPIRY: _usage,
}
