"""How fast a cluster reacts: a saved change until it is in force everywhere, a silent cut until both sides show it."""

from __future__ import annotations

import time

from bench.cluster import BenchError, Cluster
from bench.report import Figure, median, percentile

SETTING = "protocols.standard_refresh_maximum"  # shared, applies live, harms nobody
CHANGE_P99_MS = 50.0
CUT_S = 1.5
PAUSE_S = 0.2  # between changes, so that all work of one is over before the next begins
NOTICE_S = 10.0  # a cut that is not noticed by then is none
HEAL_S = 30.0
EVERY_S = 0.005


def changes(cluster: Cluster, count: int) -> list[Figure]:
    """Change one setting again and again; each time until every peer says that it is in force."""
    peers = len(cluster.lines)
    in_force, answered, asking = [], [], []
    for line in cluster.lines:
        for _ in range(10):
            began = time.monotonic()
            line.ask("cluster status")
            asking.append(1000 * (time.monotonic() - began))
    for number in range(count):
        # Not in step with the beats of the peers, which come every second.
        time.sleep(PAUSE_S + number * 0.0137 % 0.05)
        began = time.monotonic()
        stamp = cluster.lines[0].ask("config set", path=SETTING, value=600 + number % 2)["stamp"]
        answered.append(1000 * (time.monotonic() - began))
        cluster.in_force(stamp)
        in_force.append(1000 * (time.monotonic() - began))
    note = f"{count} changes; asking a peer takes {median(asking):.1f} ms and is part of it"
    name = f"{peers} peers, in force on all"
    return [
        Figure(measure="change", name=f"{name}, p50", value=median(in_force), unit="ms", samples=in_force, note=note),
        Figure(
            measure="change",
            name=f"{name}, p99",
            value=percentile(in_force, 0.99),
            unit="ms",
            at_most=CHANGE_P99_MS,
        ),
        Figure(
            measure="change",
            name=f"{peers} peers, answered, p50",
            value=median(answered),
            unit="ms",
            samples=answered,
            note="durable and in force on the primary",
        ),
        Figure(measure="change", name=f"{peers} peers, answered, p99", value=percentile(answered, 0.99), unit="ms"),
    ]


def cuts(cluster: Cluster, count: int) -> list[Figure]:
    """Cut the cable between the first and the last peer; each time until both show the other as not active."""
    first, last = 1, len(cluster.lines)
    times = []
    for number in range(count):
        # At another moment between two heartbeats each time.
        time.sleep(0.3 + number * 0.137 % 0.5)
        began = time.monotonic()
        cluster.lab.ask("cut", peer=first, other=last)
        for here, there in ((first, last), (last, first)):
            while _active(cluster, here, there):
                if time.monotonic() - began > NOTICE_S:
                    raise BenchError(f"peer {here} did not notice the cut to peer {there} within {NOTICE_S:g} s.")
                time.sleep(EVERY_S)
        times.append(time.monotonic() - began)
        cluster.lab.ask("heal")
        healed = time.monotonic()
        while not cluster.whole():
            if time.monotonic() - healed > HEAL_S:
                raise BenchError(f"the cluster was not whole again {HEAL_S:g} s after a cut was healed.")
            time.sleep(EVERY_S)
    note = f"{count} cuts between two peers, seen on both"
    return [
        Figure(measure="cut", name="noticed on both sides, p50", value=median(times), unit="s", samples=times),
        Figure(measure="cut", name="noticed on both sides, max", value=max(times), unit="s", at_most=CUT_S, note=note),
    ]


def _active(cluster: Cluster, here: int, there: int) -> bool:
    rows = cluster.lines[here - 1].ask("cluster status")["peers"]
    return any(row["number"] == there and row["clustering_ok"] for row in rows)
