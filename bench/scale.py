"""What many registrations on a cluster of four take: how fast they come, memory, and processors for their refreshes."""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench import machine, phones
from bench.cluster import BenchError, Cluster
from bench.footprint import PROGRAMS
from bench.rates import REFRESHES
from bench.report import Figure

PEERS = 4
FULL, QUICK = 20_000, 4_000  # registrations; issue 4
REFRESH_S = 60  # the default of Standard registration refresh maximum
LOAD_S = 20  # how long the load of refreshes is watched
KNOWN_S, SETTLE_S = 600.0, 3.0
BORN_S = 3600  # granted while they come, so that none expires before it is refreshed


def measure(cluster: Cluster, directory: Path, network: str, registrations: int) -> list[Figure]:
    """Let registrations come to all peers at once, wait until every peer knows all, weigh, and refresh them."""
    cluster.set("credentials", [{"name": "u0", "password": "secret-u0"}])
    cluster.set("protocols.standard_refresh_maximum", BORN_S)
    cluster.set("registration.new_per_second", 0)  # what they could take, not what they are told to take
    each = registrations // PEERS
    users = [
        phones.users_file(directory / f"scale{number}.csv", [(f"s{number}-{n}", "u0") for n in range(each)])
        for number in range(1, PEERS + 1)
    ]
    before, began = _weighed(cluster), time.monotonic()
    _at_once(lambda n: phones.play("register", cluster.peers[n]["address"], _phone(network, n), users[n], each, 50))
    came_s = time.monotonic() - began
    while any(line.ask("status")["registrations"] < registrations for line in cluster.lines):
        if time.monotonic() - began > KNOWN_S:
            raise BenchError(f"{registrations} registrations were not known everywhere within {KNOWN_S:g} s.")
        time.sleep(0.2)
    known_s = time.monotonic() - began
    time.sleep(SETTLE_S)
    figures = [
        _figure(f"{registrations:,} come to {PEERS} peers", registrations / came_s, "/s"),
        _figure("known by every peer after the last had come", known_s - came_s, "s"),
    ]
    for number, (empty, full) in enumerate(zip(before, _weighed(cluster), strict=True), 1):
        note = "PSS: " + ", ".join(
            f"{name} {weight:.0f} (+{weight - empty[name]:.0f})" for name, weight in full.items()
        )
        figures.append(_figure(f"peer {number}, {registrations:,} registrations", sum(full.values()), "MB", note))
    return figures + _refreshed(cluster, network, users, registrations)


def _refreshed(cluster: Cluster, network: str, users: Sequence[Path], registrations: int) -> list[Figure]:
    """Refresh as so many phones do all day, and say how many processors the whole cluster is busy with."""
    per_s = registrations / REFRESH_S / PEERS / REFRESHES
    visits = round(per_s * LOAD_S)

    def load(n: int) -> phones.Played:
        address, phone = cluster.peers[n]["address"], _phone(network, n)
        return phones.play("refresh", address, phone, users[n], visits, 200, max(1, round(per_s)))

    processes = cluster.processes()
    before, began = [_used(peer) for peer in processes], time.monotonic()
    played = _at_once(load)
    took_s = time.monotonic() - began
    spent = [
        {name: used - was[name] for name, used in _used(peer).items()}
        for peer, was in zip(processes, before, strict=True)
    ]
    note = f"{sum(one.failed for one in played)} failed, {sum(one.repeated for one in played)} sent again; "
    note += ", ".join(f"{PROGRAMS[name]} {sum(peer[name] for peer in spent) / took_s:.2f}" for name in PROGRAMS)
    rate = sum(one.done for one in played) * REFRESHES / took_s
    return [
        _figure("refreshes/s of all peers", rate, "/s"),
        _figure("processors busy with these", sum(sum(peer.values()) for peer in spent) / took_s, "CPU", note),
    ]


def _at_once(act: Callable[[int], phones.Played]) -> list[phones.Played]:
    with concurrent.futures.ThreadPoolExecutor(PEERS) as threads:
        return list(threads.map(act, range(PEERS)))


def _phone(network: str, n: int) -> str:
    return f"{network}.{202 + n}:7010"


def _used(processes: Mapping[str, Sequence[int]]) -> dict[str, float]:
    return {name: machine.processor_s(pids) for name, pids in processes.items()}


def _weighed(cluster: Cluster) -> list[dict[str, float]]:
    return [{PROGRAMS[name]: machine.memory_mb(pids) for name, pids in peer.items()} for peer in cluster.processes()]


def _figure(name: str, value: float, unit: str, note: str = "") -> Figure:
    return Figure(measure="scale", name=name, value=value, unit=unit, samples=[value], note=note)
