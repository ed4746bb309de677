"""One job on the peer list, planned whole: what every peer's list becomes, who is told, what is left to do by hand.

Pure; facts 1.6 E, F, I and J. The list has no gap: later rows move up, and the number of the primary follows its peer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sextet.cluster.judgement import LIVE, Evidence
from sextet.cluster.wire.names import Answer, NameFailure, Resolved
from sextet.model.config import Change
from sextet.model.schema import Problem, Refused, an_address
from sextet.model.settings.clustering import PEERS_MAX

ADD, REMOVE, REPLACE, CHANGE, SEND = "add", "remove", "replace", "change-address", "send"
VERBS = (ADD, REMOVE, REPLACE, CHANGE, SEND)
ROW = "clustering.peer_{}_address"
PRIMARY = "clustering.configuration_primary"
RESET = "at its next restart it resets itself to factory settings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What an administrator wants done; `peer` is a place in the list, `address` the new one."""

    verb: str
    peer: int = 0
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the job does, and in which words it is shown before it is done."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    primary: int  # its place in `after`
    tells: tuple[int, ...]  # the other peers that get the list, by their place in `before`
    clears: int = 0  # the peer that is told to clear its list; 0 for none
    forgets: str = ""  # the address whose certificate is forgotten
    steps: tuple[str, ...] = ()
    then: tuple[str, ...] = ()  # what is left for people
    warnings: tuple[str, ...] = ()


def problems(job: Job, seen: Evidence, found: Answer | None) -> list[Problem]:
    """Say everything that speaks against a job; `found` is what its address resolves to."""
    peers = seen.saved.clustering.peers
    if not any(peers) or not seen.number:
        return [Problem("", "This system is in no cluster: enter the peer list on System > Clustering first.")]
    return [*_of_system(job, seen), *_of_place(job, seen), *_of_address(job, seen, found)]


def planned(job: Job, seen: Evidence, found: Answer | None) -> Plan:
    """Plan a job; raises Refused with everything that speaks against it."""
    if wrong := problems(job, seen, found):
        raise Refused(*wrong)
    before = seen.saved.clustering.peers
    after = _after(job, before)
    leader = seen.saved.clustering.configuration_primary
    place = after.index(_renamed(job, leader, before[leader - 1])) + 1
    goes = job.peer if job.verb in (REMOVE, REPLACE) else 0
    others = [number for number in range(1, len(before) + 1) if number not in (seen.number, goes)]
    live = tuple(number for number in others if _is_live(seen, number))
    same = job.verb == REPLACE and job.address.lower() == before[job.peer - 1].lower()
    clears = goes if goes and not same and _is_live(seen, goes) else 0
    draft = Plan(
        before=before,
        after=after,
        primary=place,
        tells=live,
        clears=clears,
        forgets=job.address if same else "",
        warnings=tuple(_warnings(job, seen, found, [n for n in others if n not in live and not _has_it(job, seen, n)])),
    )
    return replace(draft, steps=tuple(_steps(job, seen, draft)), then=tuple(_then(job, seen, draft)))


def rows(before: Sequence[str], after: Sequence[str], was: int, primary: int) -> dict[str, str | int]:
    """Give the settings that differ, with their new values."""
    padded = [[*peers, *[""] * (PEERS_MAX - len(peers))] for peers in (before, after)]
    pairs = enumerate(zip(*padded, strict=True), 1)
    changed: dict[str, str | int] = {ROW.format(number): new for number, (old, new) in pairs if old != new}
    return changed | ({PRIMARY: primary} if primary != was else {})


def is_of_list(changes: Sequence[Change]) -> bool:
    """Tell whether changes are of the peer list."""
    return any(change.path.startswith("clustering.peer_") for change in changes)


def _of_system(job: Job, seen: Evidence) -> Iterator[Problem]:
    peers, leader = seen.saved.clustering.peers, seen.saved.clustering.configuration_primary
    if leader != seen.number:
        name = peers[leader - 1] if leader <= len(peers) else "(nobody)"
        yield Problem("", f"The peer list is changed on the configuration primary, peer {leader}, {name}: do it there.")
    if peers != seen.running.peers:
        yield Problem("", "A change of the peer list waits for this system's restart (alarm 20007): restart it first.")
    fine = (seen.running.peers, _after(job, peers))  # the second where this job was cut off before its end
    for number, status in seen.statuses.items():
        if job.verb == SEND or number == job.peer or not _is_live(seen, number) or status.peers in fine:
            continue
        name = seen.running.peers[number - 1]
        waits = any(path.startswith("clustering.peer_") for path in status.restart_reasons)
        remedy = "it waits for its restart (alarm 20007): restart it" if waits else "send it this system's list"
        yield Problem("", f"Peer {number}, {name}, has another peer list: {remedy} first.")


def _of_place(job: Job, seen: Evidence) -> Iterator[Problem]:
    peers = seen.saved.clustering.peers
    if job.verb == ADD and len(peers) >= PEERS_MAX:
        yield Problem("peer", f"The cluster has {PEERS_MAX} peers already, which is the most: remove one first.")
    if job.verb in (ADD, SEND):
        return
    if not 1 <= job.peer <= len(peers):
        yield Problem("peer", f"There is no peer {job.peer}; the list has 1 to {len(peers)}.")
        return
    name, leader = peers[job.peer - 1], seen.saved.clustering.configuration_primary
    if job.verb in (REMOVE, REPLACE) and job.peer == leader and len(peers) == 1:
        sentence = f"{name} is the last peer. To keep its configuration, leave it as it is: a cluster of one."
        remedy = "To dissolve it, clear its address on System > Clustering, which arms a factory reset."
        yield Problem("peer", f"{sentence} {remedy}")
    elif job.verb in (REMOVE, REPLACE) and job.peer == leader:
        sentence = f"Peer {job.peer}, {name}, is the configuration primary: make another peer the primary first"
        yield Problem("peer", f"{sentence} (there: Make this peer the primary), then do this there.")
    if job.verb == CHANGE and job.peer != seen.number and not (_is_live(seen, job.peer) or _has_it(job, seen)):
        why = seen.links[job.peer].reason if job.peer in seen.links else "there is no link to it"
        sentence = f"Peer {job.peer}, {name}, cannot be reached ({why}), and must be told: repair that, or replace it."
        yield Problem("peer", sentence)


def _of_address(job: Job, seen: Evidence, found: Answer | None) -> Iterator[Problem]:
    if job.verb in (REMOVE, SEND):
        return
    peers, address = seen.saved.clustering.peers, job.address
    if wrong := an_address(address) if address else "is empty; enter an IP address or an FQDN.":
        yield Problem("address", f"Address: {wrong}")
        return
    same = [number for number, peer in enumerate(peers, 1) if peer.lower() == address.lower()]
    if same and not (job.verb == REPLACE and same == [job.peer]):
        yield Problem("address", f"Address: {address} is peer {same[0]} already; enter another one.")
        return
    if same and _is_live(seen, job.peer):
        sentence = f"{address} can be reached as a member: there is nothing to replace at its own address"
        remedy = "Stop the old system first, or give the new one another address."
        yield Problem("address", f"Address: {sentence}. {remedy}")
    ip = found.ip if isinstance(found, Resolved) else ""
    twins = [n for n, peer in enumerate(peers, 1) if ip and seen.names.get(peer) == ip and n != job.peer]
    if twins:
        yield Problem("address", f"Address: {address} is the same system as peer {twins[0]}, {ip}; enter another one.")
    if job.verb == CHANGE and 1 <= job.peer <= len(peers):
        yield from _of_change(job, seen, found)


def _of_change(job: Job, seen: Evidence, found: Answer | None) -> Iterator[Problem]:
    """Facts 1.6 C and I: a name instead of an address is a change of one field, another IP address is another peer."""
    status = seen.own if job.peer == seen.number else seen.statuses.get(job.peer)
    if isinstance(found, NameFailure):
        yield Problem("address", f"Address: {found.sentence}. Let it resolve on every peer first.")
    elif found is not None and status is not None and found.ip != status.ip:
        name = seen.saved.clustering.peers[job.peer - 1]
        sentence = f"Address: {job.address} is {found.ip}, and {name} is at {status.ip}."
        remedy = "To give a peer another IP address, remove it, change the address of its host, and add it again."
        yield Problem("address", f"{sentence} {remedy}")


def _after(job: Job, peers: tuple[str, ...]) -> tuple[str, ...]:
    match job.verb:
        case "add":
            return (*peers, job.address)
        case "remove":
            return (*peers[: job.peer - 1], *peers[job.peer :])
        case "replace" | "change-address":
            return (*peers[: job.peer - 1], job.address, *peers[job.peer :])
    return peers


def _renamed(job: Job, number: int, name: str) -> str:
    return job.address if job.verb == CHANGE and job.peer == number else name


def _is_live(seen: Evidence, number: int) -> bool:
    return number in seen.links and seen.links[number].state == LIVE


def _has_it(job: Job, seen: Evidence, number: int = 0) -> bool:
    """Tell whether a peer calls itself by its new address already, and is not heard for that: a job was cut off."""
    link = seen.links.get(job.peer)
    said = f"this peer is {job.address} in its own list"
    return job.verb == CHANGE and number in (0, job.peer) and link is not None and said in link.reason


def _warnings(job: Job, seen: Evidence, found: Answer | None, untold: Sequence[int]) -> Iterator[str]:
    for number in untold:
        name = seen.saved.clustering.peers[number - 1]
        yield f"Peer {number}, {name}, cannot be reached and keeps its old list: send it the list when it is back."
    if isinstance(found, NameFailure) and job.verb in (ADD, REPLACE):
        yield f"{found.sentence}: the new peer cannot be reached until it resolves on every peer."


def _steps(job: Job, seen: Evidence, plan: Plan) -> Iterator[str]:
    if plan.clears:
        yield f"{plan.before[plan.clears - 1]} clears its own peer list: it leaves the cluster, and {RESET}."
    elif job.verb == REMOVE:
        gone = plan.before[job.peer - 1]
        yield f"{gone} cannot be reached and is not told. Should it return, every peer refuses it."
    names = [plan.before[number - 1] for number in plan.tells]
    listed = ", ".join(f"{number} {name}" for number, name in enumerate(plan.after, 1))
    whom = f"{', '.join(names)} and this system" if names else "This system"
    yield f"{whom} {'get' if names else 'gets'} the list: {listed}."
    if plan.primary != seen.saved.clustering.configuration_primary:
        yield f"The configuration primary stays {plan.after[plan.primary - 1]}, which is peer {plan.primary} then."
    if plan.forgets:
        yield f"The certificate of the system that was at {plan.forgets} is forgotten."
    if job.verb in (ADD, REPLACE):
        yield f"{job.address} may join for 15 minutes and gets the cluster key then."
    if job.verb == REMOVE:
        yield "Registrations, calls and alarms of the removed peer are listed no more. No other peer is restarted."


def _then(job: Job, seen: Evidence, plan: Plan) -> Iterator[str]:
    at_restart = seen.saved.clustering.changes_take_effect == "At restart"
    if job.verb == REPLACE:
        gone = plan.before[job.peer - 1]
        yield (
            f"To keep the own settings (†) of {gone}, restore a backup of it, made before it restarts, on "
            f"{job.address}, of the same version, before the next step. "
            "The shared settings come from the primary in any case."
        )
    if job.verb in (ADD, REPLACE):
        yield f"On {job.address} enter the same on System > Clustering, or run: {command(seen, plan)}"
        yield f"Restart {job.address} then." if at_restart else "It joins at once; no restart is needed."
    if plan.clears:
        gone = plan.before[plan.clears - 1]
        yield f"Restart {gone} to reset it; until then the old list, saved there again, undoes the reset."
    elif job.verb == REMOVE or (job.verb == REPLACE and not plan.forgets):
        gone = plan.before[job.peer - 1]
        yield f"Before {gone} is used again, clear its peer list and restart it: it resets itself."
    if job.verb == CHANGE and at_restart:
        yield f"Restart peer {job.peer}, and wait until the alarms are gone before the next address is changed."
    if job.verb in (ADD, REMOVE, REPLACE):
        yield "Change the DNS records and the zones of other systems that name the peers of this cluster."


def command(seen: Evidence, plan: Plan) -> str:
    """Write the command by which a newcomer enters the list."""
    clustering = seen.saved.clustering
    words = ["sextet cluster set-list", *plan.after, f"--primary {plan.primary}"]
    words += [f"--name {clustering.cluster_name}"] if clustering.cluster_name else []
    words += ["--ip-version IPv6"] if clustering.cluster_ip_version == "IPv6" else []
    return " ".join(words)
