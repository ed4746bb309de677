"""What first contact leaves on the disk: at the primary which certificate joined, at the newcomer the cluster key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from sextet import journal
from sextet.cluster.configuration.custody import Custody
from sextet.cluster.configuration.following import Following
from sextet.cluster.configuration.revisions import Membership, StoreLost
from sextet.engine import Journal

AGAIN_S = 2.0  # space on a disk returns by hand


class Joining:
    """Carries out what FirstContact (wire/enrolment.py) decided; `wake` starts a round."""

    def __init__(
        self,
        custody: Custody,
        following: Callable[[], Following],
        log: Journal,
        spawn: Callable[[Coroutine[None, None, None]], None],
        wake: Callable[[], None],
    ) -> None:
        self._custody, self._following, self._journal = custody, following, log
        self._spawn, self._wake = spawn, wake

    def grant(self) -> tuple[bytes, str]:
        """Give the cluster key and the cluster id that are handed over."""
        return self._custody.membership.key, self._custody.membership.cluster

    def bind(self, number: int, fingerprint: str) -> None:
        """The peer has the key now: it is bound to this certificate."""
        name = self._following().names().get(number, "")
        journal.key_given(self._journal, name, fingerprint)
        self._spawn(self._following().bind(name, fingerprint))

    def take(self, number: int, key: bytes, cluster_id: str, fingerprint: str) -> None:
        """The primary has given the key."""
        name = self._following().names().get(number, "")
        journal.key_taken(self._journal, name, fingerprint)
        self._spawn(self._join(name, fingerprint, Membership(cluster=cluster_id, key=key)))

    async def _join(self, primary_name: str, fingerprint: str, membership: Membership) -> None:
        # Kept in mind until the disk takes it; a peer that ends before that asks the primary again.
        while True:
            try:
                await self._custody.pin(primary_name, fingerprint)
                await self._custody.join(membership)
                break
            except StoreLost as error:
                self._journal.module("network.cluster", "ERROR", f"The cluster key could not be stored: {error}")
                await asyncio.sleep(AGAIN_S)
        self._wake()
