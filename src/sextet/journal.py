"""What is said in the event log: one function for each kind of line, in the words of the guide (facts 3.6).

Who writes the file is `watch/event_log.py`, whom everybody knows as `engine.Journal` only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from sextet.model.alarms import AlarmType
from sextet.model.config import Difference, setting_at
from sextet.model.schema import Refused

DIFFERENCES_MAX = 100  # lines of one change; a restored backup may differ in thousands of settings
RESOLVER = "developer.clusterdb.peernamesresolver"
DATABASE = "developer.clusterdb.cdb"
REPLICATION = "developer.replication"
_TABLE_END = re.compile(r"[.\[]")
_DOT = re.compile(r"\.(?![^\[]*\])")  # but not one in an item's name
_SPOKEN = {"Enforce": "Enforcing"}  # the value as the database of the original has it
_PAGE_NAMES = {"clustering.tls_verification_mode": "cluster/tls_verify"}  # as the original's page has it (guide)
MANAGEMENT = "developer.management.databasemanager"


class Journal(Protocol):
    """What these lines need of engine.Journal, which stands beside this file and cannot be imported."""

    def event(self, event: str, /, **fields: str) -> None: ...

    def module(self, module: str, level: str, detail: str, /, **fields: str) -> None: ...


def alarm_raised(journal: Journal, alarm: AlarmType, detail: str = "") -> None:
    journal.module("developer.diagnostics.alarmanager", "INFO", "Raising alarm", UUID=alarm.uuid, Parameters="null")
    _alarm(journal, "Alarm Raised", alarm, detail)


def alarm_lowered(journal: Journal, alarm: AlarmType, detail: str = "") -> None:
    _alarm(journal, "Alarm Lowered", alarm, detail)


def alarm_acknowledged(journal: Journal, alarm: AlarmType, detail: str, who: Mapping[str, str]) -> None:
    _alarm(journal, "Alarm Acknowledged", alarm, detail, who)


def configuration_in_force(journal: Journal, differences: Sequence[Difference]) -> None:
    """Say on every peer what changed, whoever changed it."""
    for table in sorted({_TABLE_END.split(one.path)[0] for one in differences}):
        name = "clusterConfiguration" if table == "clustering" else table
        journal.module(f"developer.cdbtable.cdb.{name}", "DEBUG", "Inserting into table", TableName=name)
    for one in differences[:DIFFERENCES_MAX]:
        old, new = _SPOKEN.get(one.old, one.old), _SPOKEN.get(one.new, one.new)
        detail = f"xconfiguration {_command_path(one.path)} - changed from: {old} to: {new}"
        journal.event("System Configuration Changed", Detail=detail)
    _rest(journal, differences, {})


def configuration_changed(
    journal: Journal, differences: Sequence[Difference], *, user: str, ip: str = "", port: int = 0
) -> None:
    """Say on the peer where it happened who changed what; without `ip` it was done on the command line."""
    who = _who(user, ip, port)
    for one in differences[:DIFFERENCES_MAX]:
        path = "configuration/" + (_PAGE_NAMES.get(one.path) or _DOT.sub("/", one.path))
        old, new = _SPOKEN.get(one.old, one.old), _SPOKEN.get(one.new, one.new)
        journal.event("System Configuration Changed", Detail=f"{path} - changed from: '{old}' to: '{new}'", **who)
    _rest(journal, differences, who)


def cluster_configuration_changed(journal: Journal, at_start: str, mode: str) -> None:
    """Say that cluster settings are others now; with `mode`, also the TLS verification mode at the start and now."""
    journal.module(MANAGEMENT, "INFO", "Cluster configuration change detected")
    if mode:
        verified = {"Startup": str(at_start == "Enforce"), "New": str(mode == "Enforce")}
        journal.module(MANAGEMENT, "INFO", "TLS Verify change status", **verified)


def alternates_changed(journal: Journal) -> None:
    """Say that where the peers are, or how they are reached, is looked at again; the misspelling is the original's."""
    journal.event("System Configuration Changed", Detail="xconfiguration alternatesConfiguration - Changed")
    journal.module(RESOLVER, "INFO", "Notifying databasemanager (Management Framework)")
    journal.module("developer.clusterdb.alternatesmanager", "INFO", "alternate peer changed info recieved")


def link_state(journal: Journal, peer: str, state: str, reason: str) -> None:
    """Say each step of a link: for the network log, at level 2."""
    more = {"Reason": reason} if reason else {}
    journal.module("network.cluster", "DEBUG", f"{peer}: the link is {state}", **more)


def message_sent(journal: Journal, peer: str, name: str, size_bytes: int) -> None:
    """Say that this peer asked another one something (level 3: between peers, facts 11.6)."""
    fields = {"Service": "Clustering", "To": peer, "Method": name, "Num-bytes": str(size_bytes), "Level": "3"}
    journal.event("Message Sent", **fields)


def message_received(journal: Journal, name: str, size_bytes: int) -> None:
    """Say that another peer asked this one something."""
    fields = {"Service": "Clustering", "Method": name, "Num-bytes": str(size_bytes), "Level": "3"}
    journal.event("Message Received", **fields)


def peer_lost(journal: Journal, peer: str, reason: str) -> None:
    """Say that the link to a peer went down; `reason` is the cause that was measured."""
    node = f"clusterdb@{peer}"
    journal.module(DATABASE, "ERROR", "Lost the connection to a peer", Node=node, Reason=reason)
    # As the guide has it: what either side changes from here on is missing on the other until they meet again.
    journal.module(DATABASE, "ERROR", "Inconsistent Database", Context=f"from peer link - {reason}", Node=node)


def connecting(journal: Journal, peer: str) -> None:
    """Say that the way to a peer that was lost is tried again, in the steps of the guide; there is no mnesia here."""
    node = f"clusterdb@{peer}"
    journal.module(DATABASE, "INFO", "Connecting database on peer down event", Node=node)
    journal.module(DATABASE, "INFO", "Ready to perform node connection transaction", Node=node)
    journal.module(DATABASE, "INFO", "Running node connection transaction", Node=node)


def connection_failed(journal: Journal, peer: str, reason: str) -> None:
    module = "developer.clusterdb.synchronise"
    journal.module(module, "WARN", "Failed connecting to node", Node=f"clusterdb@{peer}", Reason=reason)


def peer_returned(journal: Journal, peer: str) -> None:
    journal.module(DATABASE, "INFO", "Connected to a peer", Node=f"clusterdb@{peer}")


def key_given(journal: Journal, peer: str, fingerprint: str) -> None:
    """Say that a peer was enrolled by first contact; the fingerprint (SHA-256) can be compared on its own page."""
    journal.module(
        "network.cluster", "INFO", f"{peer}: enrolled, the cluster key was handed over", Fingerprint=fingerprint
    )


def key_taken(journal: Journal, peer: str, fingerprint: str) -> None:
    detail = f"{peer}: this system was enrolled, the cluster key was received"
    journal.module("network.cluster", "INFO", detail, Fingerprint=fingerprint)


def synchronisation_started(journal: Journal, peers: Sequence[tuple[str, str]], primary: int, own: int) -> None:
    """Say who takes part: (address, host name) of every peer, and the places of the primary and of this peer from 1."""
    journal.module(REPLICATION, "INFO", "Starting synchronisation")
    listed = ", ".join(f"u'({address} {host})'" for address, host in peers)
    journal.module(
        REPLICATION,
        "INFO",
        "",
        AlternateIPAddresses=f"[{listed}]",
        ConfigurationMasterIndex=str(primary - 1),  # the guide's lines count from 0
        LocalPeerIndex=str(own - 1),
    )


def synchronisation_completed(journal: Journal, *, is_primary: bool) -> None:
    found = (
        "This peer is the cluster master, local configuration has already been replicated to the other peers"
        if is_primary
        else "This peer is not the cluster master, local configuration is already up to date"
    )
    journal.module(REPLICATION, "INFO", found)
    journal.module(REPLICATION, "INFO", "Synchronisation completed successfully")


def name_resolution_retry(journal: Journal, names: Sequence[str], queue_ms: int) -> None:
    """Say that names of peers did not resolve, and when they are tried again."""
    detail = "Triggering forced peer update of peers which failed DNS and queueing next run"
    journal.module(RESOLVER, "INFO", detail, Names=", ".join(names), **{"Queue-Time-ms": str(queue_ms)})


def session_started(journal: Journal, *, user: str, ip: str = "", port: int = 0) -> None:
    journal.event("Admin Session Start", **_who(user, ip, port))


def session_finished(journal: Journal, *, user: str, ip: str = "", port: int = 0) -> None:
    journal.event("Admin Session Finish", **_who(user, ip, port))


def login_failed(journal: Journal, *, user: str, ip: str = "", port: int = 0, reason: str = "") -> None:
    journal.event("Admin Session Login Failure", **({"Reason": reason} if reason else {}), **_who(user, ip, port))


def _alarm(journal: Journal, event: str, alarm: AlarmType, detail: str, who: Mapping[str, str] | None = None) -> None:
    text = f"{alarm.title}: {alarm.text}" + (f" - {detail}" if detail else "")
    by = {name: value for name, value in (who or {}).items() if name != "Level"}  # which is the alarm's in these lines
    journal.event(event, Id=str(alarm.number), UUID=alarm.uuid, Severity=alarm.severity, Detail=text, **by)


def _who(user: str, ip: str, port: int) -> dict[str, str]:
    where = {"Src-ip": ip, "Src-port": str(port)} if ip else {}
    return {**where, "User": user, "Level": "1"}


def _command_path(path: str) -> str:
    """Name a setting as the original's command line does, where it has a name there; items of lists keep their path."""
    try:
        return (setting_at(path).path if "[" not in path else "") or path
    except Refused:
        return path


def _rest(journal: Journal, differences: Sequence[Difference], who: dict[str, str]) -> None:
    more = len(differences) - DIFFERENCES_MAX
    if more > 0:
        journal.event("System Configuration Changed", Detail=f"and {more} more settings", **who)
