"""What everything observed means: the status lines of the Clustering page, and which alarms stand, with their cause.

Pure. How it works: `Evidence` is one snapshot of what this peer configured, runs and hears; `judge` turns it into the
page, `alarms_of` into the complete set of cluster alarms: they are set by level, what is not in it is lowered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sextet.cluster.face import ClusterStatus, Member
from sextet.model import alarms as types
from sextet.model.alarms import AlarmType
from sextet.model.sections import Root
from sextet.model.settings.bandwidth import DEFAULT_LINKS
from sextet.model.settings.clustering import Clustering
from sextet.model.status import LinkStatus, PeerStatus

LIVE = "LIVE"
FAILED_S = 15.0  # a peer that does not come up by then will not by itself (20025); the original's limit is not known
BEHIND_S = 5.0  # a peer that is this long behind the primary is an alarm (20006); replication takes milliseconds
# Beginnings of link reasons that speak against sending calls there: a silent machine, or one that is not that peer.
# Every other reason is about sextetd or about a link that is being renewed, and the peer's engines go on without it.
# "no heartbeat" may be a sextetd that is busy: the dial that follows at once tells whether the machine answers.
NO_CALLS = (
    "timed out: TCP",
    "timed out: no answer",
    "no route",
    "cannot dial",
    "closed before TLS",
    "TLS: certificate is for",
    "TLS: the peer's certificate is not accepted",
    "wrong cluster key",
    "no cluster key",
    "refused: wrong cluster key",
    "refused: the certificate was exchanged",
    "refused: not a member",
)
RENEWED = ("cluster settings changed", "resolving its name", "dialling for the first time")  # on purpose, at once again
WRONG_KEY = "wrong cluster key"  # in the reasons of both sides (wire/proof.py)
APART = (
    "no configuration goes between peers of different versions until all run the same one. Upgrade the primary first, "
    "then the others, one at a time: Maintenance > Upgrade."
)
CLUSTER_SETTINGS = {"cluster_name": "cluster name", "ip_version": "cluster IP version", "peers": "peer list"}

DEFAULT_LINK_OF = dict(
    zip(
        (
            types.TRAVERSAL_LINK_MISSING,
            types.DEFAULT_ZONE_LINK_MISSING,
            types.CLUSTER_LINK_MISSING,
            types.TRAVERSAL_ZONE_LINK_MISSING,
        ),
        DEFAULT_LINKS,
        strict=True,
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything a judgement rests on, at one moment."""

    saved: Root
    running: Clustering  # cluster settings in force, saved ones may wait for a restart
    number: int  # this system's place in the running list; 0 when it is not in it
    own: PeerStatus
    own_certificate: tuple[str, bool] = ("Not checked", False)
    names: Mapping[str, str]  # configured address -> resolved IP; missing or "" while unresolved
    name_failures: Mapping[str, str]  # configured address -> why it does not resolve
    links: Mapping[int, LinkStatus]
    statuses: Mapping[int, PeerStatus]  # what the other peers last said of themselves
    behind_s: Mapping[int, float]  # how long a peer's digest has not been ours
    writable: bool
    why_not: str = ""
    not_replicated: str = ""  # why this peer could not take over what the primary has
    store_frozen: str = ""  # why the server of the live rows counts as frozen
    set_aside: int = 0  # edits held here, and kept as proposals since the cluster went on without them
    enrolment_s: float = 0.0
    restart_cluster: tuple[str, ...] = ()
    restart_engines: tuple[str, ...] = ()
    restart_certificate: tuple[str, ...] = ()


def running_others(seen: Evidence) -> dict[int, str]:
    """Name the peers that can be heard and run another version of sextet, with that version."""
    return {
        number: says.version
        for number, says in seen.statuses.items()
        if says.version != seen.own.version and number in seen.links and seen.links[number].state == LIVE
    }


def judge(seen: Evidence) -> ClusterStatus:
    """Write the Clustering page's status lines."""
    members = tuple(_member(seen, number, address) for number, address in enumerate(seen.running.peers, 1) if address)
    return ClusterStatus(
        name=seen.running.cluster_name,
        database=_database(seen, members),
        members=members,
        primary=seen.running.configuration_primary,
        writable=seen.writable,
        why_not=seen.why_not,
        held=seen.own.held,
        in_force=seen.own.in_force,
        digest=seen.own.digest,
        enrolment_s=seen.enrolment_s,
        restart_reasons=seen.restart_cluster + seen.restart_engines + seen.restart_certificate,
    )


def alarms_of(seen: Evidence) -> dict[AlarmType, str]:
    """Name every cluster alarm that stands, with its measured cause as a sentence."""
    standing = (*_of_settings(seen), *_of_peers(seen), *_of_primary(seen), *_of_links(seen), *_of_access_rules(seen))
    return {alarm: cause for alarm, cause in standing if cause}


def may_carry_calls(link: LinkStatus) -> bool:
    """Say whether calls are sent to a peer: calls do not depend on the link, but a machine that is silent is spared."""
    if link.state in (LIVE, "SYNCHRONISING"):
        return True
    return bool(link.resolved_ip) and not link.reason.startswith(NO_CALLS)


def _member(seen: Evidence, number: int, address: str) -> Member:
    status = seen.own if number == seen.number else seen.statuses.get(number)
    link = seen.links.get(number)
    this = number == seen.number
    words, cause = ("This system", "") if this else _clustering(link, address, status)
    line = link.certificate if link and link.certificate else "Not checked"
    certificate, valid = seen.own_certificate if this else (line, line.startswith("Valid"))
    return Member(
        number=number,
        address=address,
        this_system=this,
        primary=number == seen.running.configuration_primary,
        clustering=words,
        clustering_ok=this or words.startswith("Active"),
        certificate=certificate,
        certificate_ok=valid,
        cause=cause,
        link=link,
        status=status,
        in_step=this
        or bool(
            status
            and link
            and link.state == LIVE
            and (status.in_force, status.digest) == (seen.own.in_force, seen.own.digest)
        ),
    )


def _clustering(link: LinkStatus | None, address: str, status: PeerStatus | None) -> tuple[str, str]:
    if link is None or not link.tried:
        return "Unknown", link.reason if link else ""
    if link.state != LIVE:
        return "Failed", link.reason or f"{link.state.lower()} for {link.since_s:.0f} s"
    host = status.host_name if status and status.host_name else address
    resolved = (
        f" (Resolved '{address}' as '{link.resolved_ip}')" if link.resolved_ip and link.resolved_ip != address else ""
    )
    return f"Active as {host}{resolved}", ""


def _database(seen: Evidence, members: tuple[Member, ...]) -> str:
    if not members:
        return "Single peer"
    if seen.set_aside:
        return "Conflict"
    if running_others(seen):
        return "Suspended"
    others = [member for member in members if not member.this_system]
    if any(not member.clustering_ok for member in others):
        return "Failed"
    slow = [member for member in others if not member.in_step]
    if slow:
        held = [member.status.held.revision for member in slow if member.status]
        return f"Synchronising r{min([seen.own.held.revision, *held])}/r{max([seen.own.held.revision, *held])}"
    return "Active"


def _of_settings(seen: Evidence) -> Iterator[tuple[AlarmType, str]]:
    yield types.RESTART_REQUIRED, _waiting(seen.restart_cluster)
    saved, running = seen.saved.clustering.tls_verification_mode, seen.running.tls_verification_mode
    yield types.TLS_RESTART_REQUIRED, f"Saved {saved}, running {running}." if saved != running else ""
    yield from _of_protocols(seen)
    # Of a list that was cleared and waits for the restart, only the peer's own place is left.
    peers = [address for address in seen.running.peers if address]
    if not peers:
        return
    own = f"{seen.own.address or seen.own.host_name}"
    missing = f"The list is {', '.join(peers)}; none of these is this system, {own}."
    yield types.NOT_IN_LIST, "" if seen.number else missing
    by_ip: dict[str, list[str]] = {}
    for address in peers:
        by_ip.setdefault(seen.names.get(address, "") or address, []).append(address)
    twice = {ip: " and ".join(same) for ip, same in by_ip.items() if len(same) > 1}
    yield types.INVALID_CLUSTER, "; ".join(f"{same} are the same system, {ip}" for ip, same in twice.items())
    yield (
        types.INVALID_PEER_ADDRESS,
        "; ".join(seen.name_failures[name] for name in peers if name in seen.name_failures),
    )
    yield types.H323_OFF, "" if seen.saved.protocols.h323_mode else "H.323 mode is Off."
    yield types.NO_CLUSTER_NAME, "" if seen.running.cluster_name else "The cluster name is empty."
    permissive = seen.running.tls_verification_mode == "Permissive"
    yield types.TLS_PERMISSIVE, "The TLS verification mode is Permissive." if permissive else ""


def _of_peers(seen: Evidence) -> Iterator[tuple[AlarmType, str]]:
    dead = {number: link for number, link in seen.links.items() if _is_lost(link)}
    lost = "; ".join(f"{link.peer}: {link.reason}" for link in dead.values())
    others = running_others(seen)
    named = ", ".join(f"{seen.links[number].peer} {version}" for number, version in others.items())
    yield types.VERSIONS_DIFFER, f"{named}; this system {seen.own.version}: {APART}" if others else ""
    slow = [
        f"{link.peer} is at {seen.statuses[number].in_force}, this system at {seen.own.in_force}"
        for number, link in seen.links.items()
        if link.state == LIVE
        and number in seen.statuses
        and seen.behind_s.get(number, 0.0) > BEHIND_S
        and number not in others
    ]
    yield types.DATABASE_COMMUNICATION_FAILURE, "; ".join(filter(None, [lost, *slow]))
    yield types.COMMUNICATION_FAILURE, lost
    yield types.DATABASE_SYNC_FAILED, "; ".join(_not_synchronised(seen))
    apart = [f"{link.peer}: {link.reason}" for link in dead.values() if WRONG_KEY in link.reason]
    yield types.INCONSISTENT_CLUSTER, "; ".join(apart)
    yield types.STORE_FROZEN, seen.store_frozen
    closed = [f"{link.peer} on 4372" for link in dead.values() if _no_tcp(link.reason)]
    yield types.PORTS_UNREACHABLE, f"No TCP connection to {', '.join(closed)}." if closed else ""
    yield types.PORTS_CHANGED, _waiting(seen.restart_engines)


def _of_primary(seen: Evidence) -> Iterator[tuple[AlarmType, str]]:
    primary = seen.running.configuration_primary
    link = seen.links.get(primary)
    unreachable = primary != seen.number and link is not None and _is_lost(link)
    yield types.PRIMARY_UNREACHABLE, f"Peer {primary}, {link.peer}: {link.reason}" if unreachable and link else ""
    # What a peer said before it was lost is no opinion any more: nobody could bring it to another one.
    heard = {
        number: seen.statuses[number]
        for number, link in seen.links.items()
        if link.state == LIVE and number in seen.statuses
    }
    other = [f"peer {number} says {says.primary}" for number, says in heard.items() if says.primary != primary]
    yield types.PRIMARY_INCONSISTENT, f"{', '.join(other)}, this system says {primary}." if other else ""
    theirs = heard.get(primary)
    if theirs is not None and theirs.peers:
        differing = [
            words for name, words in CLUSTER_SETTINGS.items() if getattr(theirs, name) != getattr(seen.own, name)
        ]
        yield types.SETTINGS_DIFFER, f"Different from peer {primary}: {', '.join(differing)}." if differing else ""
    follows = bool(seen.number) and primary != seen.number
    yield types.REPLICATION_ERROR, seen.not_replicated if follows else ""
    # Made here or not: one that only reached this peer is kept as well, for who made it may be lost for good.
    edits = f"{seen.set_aside} edits without which the cluster went on are kept as proposals."
    one = "1 edit without which the cluster went on is kept as a proposal."
    yield types.CONFIGURATION_CONFLICT, edits if seen.set_aside > 1 else one if seen.set_aside else ""


def _is_lost(link: LinkStatus) -> bool:
    return link.state != LIVE and bool(link.reason) and link.reason not in RENEWED


def _of_protocols(seen: Evidence) -> Iterator[tuple[AlarmType, str]]:
    protocols = seen.saved.protocols
    off = not protocols.sip_mode and not protocols.h323_mode
    yield types.PROTOCOLS_OFF, "SIP mode is Off and H.323 mode is Off." if off else ""


def _not_synchronised(seen: Evidence) -> Iterator[str]:
    """Name each peer that has stayed behind, as far as it is of the same version: with another it must (20008)."""
    for number, behind_s in seen.behind_s.items():
        link, theirs = seen.links.get(number), seen.statuses.get(number)
        if behind_s <= FAILED_S or link is None or theirs is None or theirs.version != seen.own.version:
            continue
        ours, its = seen.own.in_force, theirs.in_force
        if link.state == LIVE and its < ours:
            yield f"{link.peer} has {its} in force, this system {ours}, for {FAILED_S:.0f} s and more"
        elif link.state == LIVE and its > ours:
            yield f"This system has {ours} in force, {link.peer} {its}, for {FAILED_S:.0f} s and more"


def _of_access_rules(seen: Evidence) -> Iterator[tuple[AlarmType, str]]:
    """Facts 4.3: what shows no certificate cannot be judged by one."""
    protocols = seen.saved.protocols
    open_ways = [name for name, on in (("UDP", protocols.sip_udp), ("TCP", protocols.sip_tcp)) if on]
    cause = f"{' and '.join(open_ways)} mode {'is' if len(open_ways) == 1 else 'are'} On." if open_ways else ""
    yield types.ACCESS_RULES_WITHOUT_TLS, cause if seen.saved.default_zone.use_access_rules else ""


def _of_links(seen: Evidence) -> Iterator[tuple[AlarmType, str]]:
    """Facts 4.3; the Cluster Subzone is there in a cluster only."""
    there = {frozenset((link.node1, link.node2)) for link in seen.saved.links}
    for alarm, link in DEFAULT_LINK_OF.items():
        lacks = frozenset((link.node1, link.node2)) not in there
        wanted = any(seen.running.peers) or alarm is not types.CLUSTER_LINK_MISSING
        yield alarm, f"No link joins {link.node1} and {link.node2}." if lacks and wanted else ""


def _waiting(paths: tuple[str, ...]) -> str:
    return f"Saved but not in force: {', '.join(paths)}." if paths else ""


def _no_tcp(reason: str) -> bool:
    return any(words in reason for words in ("connection refused", "timed out", "no route", "unreachable"))
