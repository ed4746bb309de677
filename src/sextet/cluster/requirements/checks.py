"""Whether every requirement of a cluster is met, for this system and each other peer: pure judgement of what was seen.

How it works. `Evidence` is what the peer knows anyway, `Measured` what probing.py asked for; each check is one function
from both to a verdict, here or in the file of what it is about (clocks, inside, shown, ways). What cannot be known is
"unknown" with the reason, what this version does not have is "not applicable": no check is ever guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sextet.cluster.judgement import Evidence
from sextet.cluster.requirements import clocks, inside, shown, ways
from sextet.cluster.requirements.measured import Measured
from sextet.cluster.requirements.verdicts import Verdict, heard, verdict, why_not
from sextet.cluster.requirements.ways import RECOVERY
from sextet.model import alarms as types
from sextet.model import checks
from sextet.model.alarms import AlarmType
from sextet.model.checks import CheckResult, CheckType
from sextet.model.schema import is_ip
from sextet.model.status import PeerStatus

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
                    found.append(_result(kind, number, name, _EACH[kind](seen, measured, number)))
    return tuple(found)


def alarms_of(seen: Evidence, measured: Measured) -> dict[Standing, str]:
    """Name every alarm that the measurements call for, with its cause; what else is in `ALARMS` is over."""
    lost = [f"{one.server}: {one.failure}" for one in measured.servers if one.failure]
    causes = {
        (types.TIME_NOT_VALIDATED, ""): clocks.not_validated(seen, measured),
        (types.NTP_CLIENT_FAILED, ""): clocks.client_failed(seen, measured),
        (types.NTP_SERVER_LOST, ""): "; ".join(lost),
        (types.PORTS_UNREACHABLE, RECOVERY): ways.recovery_closed(seen, measured),
    }
    return {alarm: cause for alarm, cause in causes.items() if cause}


ALARMS: tuple[Standing, ...] = (
    (types.TIME_NOT_VALIDATED, ""),
    (types.NTP_CLIENT_FAILED, ""),
    (types.NTP_SERVER_LOST, ""),
    (types.PORTS_UNREACHABLE, RECOVERY),
)


def _result(kind: CheckType, number: int, name: str, judged: Verdict) -> CheckResult:
    state, measured = judged
    return CheckResult(
        id=kind.id,
        peer=number,
        peer_name=name,
        state=state,
        measured=measured,
        expected=kind.expected,
        remedy=kind.remedy if state == "failed" else "",
    )


def _version(seen: Evidence, measured: Measured, number: int) -> Verdict:
    status = heard(seen, number)
    if status is None:
        return "unknown", why_not(seen, number)
    return verdict(status.version == seen.own.version, f"{status.version}, this system {seen.own.version}")


def _ip_version_here(seen: Evidence, measured: Measured) -> Verdict:
    wanted = seen.running.cluster_ip_version
    return verdict(_family(seen.own.ip) == wanted, f"{wanted}, this system's address is {seen.own.ip}")


def _ip_version(seen: Evidence, measured: Measured, number: int) -> Verdict:
    wanted, status, link = seen.running.cluster_ip_version, heard(seen, number), seen.links.get(number)
    ip = link.resolved_ip if link else ""
    if ip and _family(ip) != wanted:
        return "failed", f"its address {ip} is not {wanted}"
    if status is None:
        return "unknown", why_not(seen, number)
    return verdict(status.ip_version == wanted, f"{status.ip_version}, this system {wanted}")


def _h323_here(seen: Evidence, measured: Measured) -> Verdict:
    on = seen.saved.protocols.h323_mode
    return verdict(on, "On" if on else "Off")


def _h323(seen: Evidence, measured: Measured, number: int) -> Verdict:
    status = heard(seen, number)
    if status is None:
        return "unknown", why_not(seen, number)
    return verdict(status.h323_mode, "On" if status.h323_mode else "Off")


def _type_ce(seen: Evidence, measured: Measured, number: int) -> Verdict:
    status, own = heard(seen, number), seen.own.system_type
    if status is None or not status.system_type:
        return "unknown", "it does not say" if status else why_not(seen, number)
    return verdict(status.system_type == own, f"{status.system_type}, this system {own}")


def _features(seen: Evidence, measured: Measured) -> Verdict:
    return "not applicable", "this version has no options: every peer can do the same"


def _capacity(seen: Evidence, measured: Measured, number: int) -> Verdict:
    status, own = heard(seen, number), seen.own
    if status is None or not status.processors or not own.processors:
        return "unknown", "it does not say what its host is" if status else why_not(seen, number)
    if status.platform != own.platform:
        return "failed", f"{status.platform}, this system {own.platform}"
    low, high = sorted((status.memory_mb, own.memory_mb))
    same = status.processors == own.processors and high <= low * checks.MEMORY_RATIO_MAX
    return verdict(same, f"{_size(status)}, this system {_size(own)}")


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
    return verdict(back, f"{name} is {look.ip}" + (", and back" if back else f", but {look.ip} is {names}"))


def _distinct_here(seen: Evidence, measured: Measured) -> Verdict:
    system, host = seen.saved.system.name, seen.saved.system.dns_host_name
    missing = " and ".join(words for words, value in (("system name", system), ("system host name", host)) if not value)
    if missing:
        return "failed", f"this system has no {missing}"
    return "ok", f"system name {system}, system host name {host}"


def _distinct(seen: Evidence, measured: Measured, number: int) -> Verdict:
    status = heard(seen, number)
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


def _family(ip: str) -> str:
    return "IPv6" if ":" in ip else "IPv4" if is_ip(ip) else ""


def _size(status: PeerStatus) -> str:
    return f"{status.processors} processors and {status.memory_mb / 1024:.1f} GiB"


def _own(check: Callable[[Evidence, Measured, int], Verdict]) -> Callable[[Evidence, Measured], Verdict]:
    return lambda seen, measured: check(seen, measured, seen.number)


_OWN: Mapping[CheckType, Callable[[Evidence, Measured], Verdict]] = {
    checks.NTP: clocks.ntp_here,
    checks.IP_VERSION: _ip_version_here,
    checks.H323_ON: _h323_here,
    checks.INSIDE_INTERFACE: _inside_here,
    checks.FEATURES: _features,
    checks.DNS: _dns_here,
    checks.DISTINCT_NAMES: _distinct_here,
    checks.CERT_CHAIN: _own(shown.chain),
    checks.CERT_NAME: _own(shown.name),
    checks.CERT_EKU_EXPIRY: _own(shown.usage),
}
_EACH: Mapping[CheckType, Callable[[Evidence, Measured, int], Verdict]] = {
    checks.REACH_4372: ways.reach_4372,
    checks.REACH_4371: ways.reach("tcp", 4371),
    checks.REACH_1719: ways.reach("udp", 1719),
    checks.REACH_SIP: ways.reach_sip,
    checks.RTT: ways.rtt,
    checks.NAT: ways.nat,
    checks.INSIDE_INTERFACE: _inside_there,
    checks.TYPE_CE: _type_ce,
    checks.CLOCK: clocks.clock,
    checks.NTP: clocks.ntp_there,
    checks.VERSION: _version,
    checks.IP_VERSION: _ip_version,
    checks.H323_ON: _h323,
    checks.CAPACITY_CLASS: _capacity,
    checks.DNS: _dns,
    checks.DISTINCT_NAMES: _distinct,
    checks.NOT_A_ZONE_PEER: _not_a_zone_peer,
    checks.CERT_CHAIN: shown.chain,
    checks.CERT_NAME: shown.name,
    checks.CERT_EKU_EXPIRY: shown.usage,
}
