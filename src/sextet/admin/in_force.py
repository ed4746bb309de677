"""Where is a change in force? On a peer that runs it, as it says of itself."""

from __future__ import annotations

import asyncio
import time

from sextet.cluster.face import ClusterStatus, Face
from sextet.model.status import Stamp

WAIT_S = 1.0  # a change is in force everywhere within a second; nobody waits longer for those that take more
POLL_S = 0.02


async def waited(face: Face, stamp: Stamp) -> ClusterStatus:
    """Wait shortly until all peers that can be heard have it in force; gives the status of that moment."""
    started = time.monotonic()
    while True:
        status = face.status()
        heard = [member.number for member in status.members if member.clustering_ok]
        there = all(has(status, number, stamp) for number in heard) if status.members else status.in_force >= stamp
        if there or time.monotonic() - started > WAIT_S:
            return status
        await asyncio.sleep(POLL_S)


def has(status: ClusterStatus, number: int, stamp: Stamp) -> bool:
    """Say whether a peer can be heard and has it in force."""
    member = next(member for member in status.members if member.number == number)
    if member.this_system:
        return status.in_force >= stamp
    return member.clustering_ok and member.status is not None and member.status.in_force >= stamp
