"""The parts around a peer that take more than one line to introduce to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

from sextet import __version__
from sextet.admin.actor import Actor
from sextet.admin.commands import Registry
from sextet.admin.disk.safekeeping import Safekeeping
from sextet.admin.disk.snapshot import Snapshots
from sextet.admin.disk.upgrade import Upgrades
from sextet.admin.door import Door
from sextet.admin.logs.records import Records
from sextet.admin.peers import peer_list_commands
from sextet.admin.peers.lifecycle import Lifecycles
from sextet.admin.peers.peer_list import PeerLists
from sextet.bootstrap import Bootstrap
from sextet.cluster.configuration.identity import Identity
from sextet.cluster.peer import Peer
from sextet.cluster.trust.certificate_files import Places
from sextet.model import alarms as types
from sextet.model.status import Alarm
from sextet.starting import Running
from sextet.watch.diagnostics import Recorder
from sextet.watch.event_log import wall_clock
from sextet.watch.logs import Logs
from sextet.watch.syslog import Syslog

ANSWER_S = 0.5  # an answer has left by then, also over a slow line
SNAPSHOT = ("status", "cluster status", "alarm list", "registration list", "call list", "config history")
RESTART = "restart"


def places(start: Bootstrap) -> Places:
    """Say where the files of this peer's certificate are."""
    return Places(
        certificate=start.certificate,
        private_key=start.private_key,
        trusted=start.trusted,
        state_dir=start.state_dir,
    )


def identity(start: Bootstrap, places: Places) -> Identity:
    """Say what this peer knows of itself before its database is read."""
    return Identity(
        address=start.address,
        state_dir=start.state_dir,
        run_dir=start.run_dir,
        certificate=start.certificate,
        private_key=start.private_key,
        trusted=start.trusted,
        cluster_port=start.cluster_port,
        recovery_port=start.recovery_port,
        engine_user=start.engine_user,
        version=__version__,
        crl=places.crl,
        waiting=places.waiting,
    )


def now() -> datetime:
    """Read the wall clock, since certificates speak of moments."""
    return datetime.now(UTC)  # moments of certificates are the wall clock's


def keeping(peer: Peer, logs: Logs, registry: Registry, end: Callable[[str], None]) -> tuple[Safekeeping, Snapshots]:
    """Make what keeps backups and snapshots of this peer; `end` restarts it."""

    def restart() -> None:
        peer.lifecycle.disarm()  # what was restored stays
        asyncio.get_running_loop().call_later(ANSWER_S, end, RESTART)

    def failed(sentence: str) -> None:
        peer.live.alarms.set(types.RESTORE_FAILED, "", bool(sentence), sentence)

    async def look() -> dict[str, object]:
        actor = Actor(user="sextetd", may_write=False, door="cli")
        return {name: await registry.run(name, {}, actor) for name in SNAPSHOT}

    def host() -> str:
        return peer.host_name

    kept = Safekeeping(peer.vault, logs, __version__, host, lambda: _load(peer), restart, failed, wall_clock)
    return kept, Snapshots(peer.vault, logs, host, look, wall_clock)


def lives(start: Bootstrap, peer: Peer, door: Door, logs: Logs) -> Lifecycles:
    """Make what restarts, resets and rests this peer."""
    return Lifecycles(peer.lifecycle, logs, lambda: _load(peer), door.demand_write, start.state_dir, door.restart)


def upgrades(start: Bootstrap, running: Running, peer: Peer, logs: Logs, door: Door, keeping: Safekeeping) -> Upgrades:
    """Make what installs and selects versions."""

    def trouble() -> str:
        health = keeping.health()
        return "; ".join(filter(None, (health.database, health.system_key)))

    return Upgrades(
        versions=running.versions,
        state_dir=start.state_dir,
        place=running.place,
        peer=peer,
        journal=logs,
        set_alarm=peer.live.alarms.set,
        raised=lambda: _raised(peer),
        trouble=trouble,
        backups=lambda: len(keeping.backups()),
        demand=door.demand_write,
        not_understood=lambda: peer.live.view.unreadable,
        tell=peer.lifecycle.tell_versions,
    )


def records(start: Bootstrap, peer: Peer, door: Door, logs: Logs, log_messages: Callable[[bool], None]) -> Records:
    """Make what writes, sends and shows logs."""
    alarms = peer.live.alarms
    recorder = Recorder(start.state_dir / "diagnostics", start.address, time.monotonic)

    def unreachable(server: str, trouble: str) -> None:
        alarms.set(types.SYSLOG_UNREACHABLE, server, bool(trouble), trouble)

    def verbose(active: bool, cause: str) -> None:
        alarms.set(types.VERBOSE_LOGS, "", active, cause)

    files = (start.certificate, start.trusted)
    return Records(
        peer,
        door,
        peer,
        logs,
        logs,
        recorder,
        Syslog(start.trusted, unreachable, address=start.address),
        files,
        verbose,
        log_messages,
    )


def lists(peer: Peer, door: Door, logs: Logs, registry: Registry) -> PeerLists:
    """Make what changes the peer list, with its commands."""
    made = PeerLists(peer.rearranging, peer, door, logs)
    peer_list_commands.add_to(registry, made)
    return made


def _raised(peer: Peer) -> list[Alarm]:
    """List the alarms of this peer."""
    number = peer.status().number
    return [one.row for one in peer.alarms() if one.number == number]


def _load(peer: Peer) -> tuple[int, int]:
    """Count the calls and the registered aliases of this peer."""
    number = peer.status().number
    calls = {call.row.tag for call in peer.calls() if call.number == number}
    return len(calls), len(peer.registrations().get(number, ()))
