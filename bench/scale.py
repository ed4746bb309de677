"""What a cluster of four takes: many registrations, their refreshes, and many calls that are up at once.

Registrations: how fast they come, memory, and processors for their refreshes. Calls: each peer's go to the next one,
so that every call passes two; how fast they come up, memory, and processors while nothing happens in them.
"""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
CALLS, CALLS_QUICK = 2000, 400  # at once; issue 4
CALLS_PER_S = 60  # that all peers together are asked for: less than they can
HELD_S = 20.0  # how long all are up together


def measure(cluster: Cluster, directory: Path, network: str, registrations: int) -> Iterator[Figure]:
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
    yield _figure(f"{registrations:,} come to {PEERS} peers", registrations / came_s, "/s")
    yield _figure("known by every peer after the last had come", known_s - came_s, "s")
    for number, (empty, full) in enumerate(zip(before, _weighed(cluster), strict=True), 1):
        note = "PSS: " + ", ".join(
            f"{name} {weight:.0f} (+{weight - empty[name]:.0f})" for name, weight in full.items()
        )
        yield _figure(f"peer {number}, {registrations:,} registrations", sum(full.values()), "MB", note)
    yield _figure(
        "`status` is answered within", _asked_ms(cluster, "status"), "ms", "longest of ten; it waits meanwhile"
    )
    one = _asked_ms(cluster, "registration list", containing="s1-77@")
    yield _figure("`registration list` of one alias is answered within", one, "ms")
    yield from _refreshed(cluster, network, users, registrations)
    yield from _called(cluster, directory, network, CALLS if registrations >= FULL else CALLS_QUICK)


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


def _called(cluster: Cluster, directory: Path, network: str, calls: int) -> list[Figure]:
    """Have so many calls up at once, each through two peers, and say what they take."""
    each, per_s = calls // PEERS, CALLS_PER_S // PEERS
    held_s = each / per_s + HELD_S
    callers = [phones.users_file(directory / f"caller{n}.csv", [(f"caller{n}", "u0")]) for n in range(PEERS)]

    def call(n: int) -> phones.Played:
        address, phone, callee = cluster.peers[n]["address"], f"{network}.{202 + n}:7011", (n + 1) % PEERS
        phones.play("register", address, phone, callers[n], 1, 1)
        with phones.answering(cluster.peers[callee]["address"], _phone(network, callee), held_s):
            return phones.play(
                "call_far", address, phone, callers[n], each, each, per_s, far=f"s{callee + 1}-0", held_s=held_s
            )

    before, began = _weighed(cluster), time.monotonic()
    with concurrent.futures.ThreadPoolExecutor() as beside:
        playing = beside.submit(_at_once, call)
        while _most_calls(cluster, min) < calls:
            if playing.done() or time.monotonic() - began > held_s:
                raise BenchError(f"{_most_calls(cluster, min)} of {calls} calls were up at once.")
            time.sleep(0.2)
        up_s, processes = time.monotonic() - began, cluster.processes()
        spent, watched = [_used(peer) for peer in processes], time.monotonic()
        time.sleep(HELD_S / 2)
        used_s = [
            sum(used.values()) - sum(was.values())
            for used, was in zip([_used(peer) for peer in processes], spent, strict=True)
        ]
        busy = sum(used_s) / (time.monotonic() - watched)
        full = _weighed(cluster)
        played = playing.result()
    while _most_calls(cluster, max):
        if time.monotonic() - began > KNOWN_S:
            raise BenchError("calls that are over did not go away.")
        time.sleep(0.2)
    grown = [sum(now.values()) - sum(was.values()) for was, now in zip(before, full, strict=True)]
    failed, repeated = sum(one.failed for one in played), sum(one.repeated for one in played)
    note = f"{failed} failed, {repeated} sent again; every peer lists all of them"
    return [
        _figure(f"{calls:,} calls are up at once after", up_s, "s", note),
        _figure("processors busy while they are", busy, "CPU"),
        _figure("memory for them, all peers", sum(grown), "MB", "PSS: " + ", ".join(f"{one:+.0f}" for one in grown)),
    ]


def _most_calls(cluster: Cluster, of_all: Callable[[Iterable[int]], int]) -> int:
    """Say how many calls the peers know of: the least, or the most of them."""
    return of_all(line.ask("status")["calls"] for line in cluster.lines)


def _asked_ms(cluster: Cluster, command: str, **arguments: object) -> float:
    """Say how long the first peer took to answer, the longest of ten times: it does nothing else meanwhile."""
    took = []
    for _ in range(10):
        began = time.monotonic()
        cluster.lines[0].ask(command, **arguments)
        took.append(time.monotonic() - began)
    return max(took) * 1000


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
