"""What a cluster takes: memory of each process, empty and with registrations, and the time until it stands."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import machine, phones
from bench.cluster import BenchError, Cluster
from bench.report import Figure, median

REGISTRATIONS = 5000
PEER_MB = 200.0
START_S = 20.0
KNOWN_S = 30.0
SETTLE_S = 2.0
PROGRAMS = {"sextetd": "sextetd", "kamailio": "Kamailio", "nats": "nats-server"}


def memory(cluster: Cluster, directory: Path, network: str) -> list[Figure]:
    """Weigh every process of every peer, before and after one peer has got its registrations."""
    time.sleep(SETTLE_S)
    empty = [_weighed(processes) for processes in cluster.processes()]
    cluster.set("credentials", [{"name": "u0", "password": "secret-u0"}])
    cluster.set("protocols.standard_refresh_maximum", 3600)
    users = phones.users_file(directory / "memory.csv", [(f"m{n}", "u0") for n in range(REGISTRATIONS)])
    phones.play("register", cluster.peers[0]["address"], f"{network}.201:7005", users, REGISTRATIONS, 50)
    began = time.monotonic()
    while any(line.ask("status")["registrations"] < REGISTRATIONS for line in cluster.lines):
        if time.monotonic() - began > KNOWN_S:
            raise BenchError(f"{REGISTRATIONS} registrations were not known everywhere within {KNOWN_S:g} s.")
        time.sleep(0.2)
    time.sleep(SETTLE_S)
    full = [_weighed(processes) for processes in cluster.processes()]
    return _memory_figures("empty", empty) + _memory_figures(f"{REGISTRATIONS:,} registrations on peer 1", full)


def starts(times_s: Sequence[float], peers: int) -> list[Figure]:
    """Say how long labs took from the command to a cluster that every peer calls whole."""
    return [
        Figure(
            measure="start",
            name=f"{peers} peers, installed, to a whole cluster",
            value=median(times_s),
            unit="s",
            at_most=START_S,
            samples=list(times_s),
        )
    ]


def _weighed(processes: Mapping[str, Sequence[int]]) -> dict[str, float]:
    return {PROGRAMS[name]: machine.memory_mb(pids) for name, pids in processes.items()}


def _memory_figures(when: str, peers: Sequence[Mapping[str, float]]) -> list[Figure]:
    return [
        Figure(
            measure="memory",
            name=f"peer {number}, {when}",
            value=sum(weights.values()),
            unit="MB",
            at_most=PEER_MB,
            note="PSS: " + ", ".join(f"{name} {weight:.0f}" for name, weight in weights.items()),
        )
        for number, weights in enumerate(peers, 1)
    ]
