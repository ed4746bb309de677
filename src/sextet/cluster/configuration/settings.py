"""Which of the saved cluster settings are in force, and which place in the list is this system's. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

from sextet.model.config import Document
from sextet.model.settings.clustering import PEERS_MAX, Clustering

ALWAYS_LIVE = ("configuration_primary", "changes_take_effect", "address_mapping_enabled", "address_mappings")
ROWS = tuple(f"peer_{n}_address" for n in range(1, PEERS_MAX + 1))


def running_after(saved: Clustering, running: Clustering, number: int) -> Clustering:
    """Say what is in force once `saved` is saved, on a system that runs `running` as peer `number` (0: not clustered).

    At once, everything is. At restart, what the original takes without one still is: the configuration primary, the
    address mappings, and the rows of other peers in the list of a system that is clustered already (facts 1.6, 1.7).
    An own address that only moves up in the list is the same as before, and waits for nothing.
    """
    if saved.changes_take_effect == "At once":
        return saved
    live = {name: getattr(saved, name) for name in ALWAYS_LIVE}
    if number:
        stays = getattr(running, ROWS[number - 1]) in saved.peers
        live |= {row: getattr(saved, row) for row in ROWS if stays or row != ROWS[number - 1]}
    after = replace(running, **live)
    return running if after == running else after


def waiting(saved: Clustering, running: Clustering) -> tuple[str, ...]:
    """Name the cluster settings whose saved value waits for a restart."""
    names = [field.name for field in fields(Clustering)]
    return tuple(f"clustering.{name}" for name in names if getattr(saved, name) != getattr(running, name))


def own_number(peers: Sequence[str], own: frozenset[str], resolved: Mapping[str, str]) -> int:
    """Find this system in the list by its address, its FQDN, or what a name resolves to; 0 = it is not there."""
    for number, entry in enumerate(peers, 1):
        if entry and (entry.lower() in own or resolved.get(entry, "") in own):
            return number
    return 0


def list_age_s(saved_lists: Sequence[tuple[float, Document]]) -> float | None:
    """Say how long ago the peer list became what it is, from the † documents with their ages, newest first."""
    lists = [(age_s, [document.get("clustering", {}).get(row, "") for row in ROWS]) for age_s, document in saved_lists]
    if not lists or not any(lists[0][1]):
        return None
    for (age_s, _), (_, before) in itertools.pairwise(lists):
        if before != lists[0][1]:
            return age_s
    return lists[-1][0]
