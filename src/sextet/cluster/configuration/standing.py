"""What is stored of the cluster follows the list of peers: its key, and to which certificates its peers are bound."""

from __future__ import annotations

import contextlib
import secrets
import uuid
from collections.abc import Callable

from sextet.cluster.configuration import primary
from sextet.cluster.configuration.custody import Custody
from sextet.cluster.configuration.revisions import Membership, StoreDamaged, StoreLost
from sextet.cluster.face import Moved
from sextet.cluster.judgement import LIVE
from sextet.cluster.trust import certificates
from sextet.cluster.wire.links import Links
from sextet.model.settings.clustering import Clustering

KEY_BYTES = 32
SYSTEM = "sextetd"  # as user and source of what nobody asked for in person


def new_cluster() -> Membership:
    """Draw the id and the key of a cluster that begins."""
    return Membership(cluster=str(uuid.uuid4()), key=secrets.token_bytes(KEY_BYTES))


class Standing:
    """Founds a cluster, gives up one that was founded by mistake, and binds peers to their certificates."""

    def __init__(self, custody: Custody, links: Links, new_cluster: Callable[[], Membership]) -> None:
        self.set_aside = 0  # versions that the cluster went on without
        self.trouble = ""  # why what follows from the list cannot be stored
        self._custody, self._links, self._new_cluster = custody, links, new_cluster
        self._configured: primary.Configured | None = None

    async def keep(self, running: Clustering, number: int) -> None:
        """Bring it in line with the list; what a failing disk leaves undone is done in a later round."""
        try:
            await self._stand(running, bool(number) and running.configuration_primary == number)
            await self._custody.keep_pins(frozenset(running.peers))
            await self._bind()
            self.set_aside = await self._custody.edits_set_aside()
            self.trouble = ""
        except (StoreLost, StoreDamaged) as error:
            self.trouble = str(error)

    async def _stand(self, running: Clustering, named: bool) -> None:
        """Become what the list makes of this peer; `named` says that it is the configuration primary."""
        custody, listed = self._custody, any(running.peers)
        name = dict(enumerate(running.peers, 1)).get(running.configuration_primary, "")
        configured = primary.Configured(peers=listed, named=named, primary=name)
        if configured != self._configured:
            self._configured = configured
            await custody.receive(configured)
        if not listed and custody.membership.cluster:
            await custody.unfound()  # the key came while the list was being cleared
        authors = {stamp.author for stamp in (*custody.head.lineage, custody.head.stamp)}
        alone = authors == {custody.authority.me} and not custody.pins()
        if listed and not named and custody.membership.cluster and alone:
            await custody.unfound()  # nobody ever joined: what was founded here by mistake must not lock it out
        if named and not custody.membership.cluster:
            with contextlib.suppress(Moved):  # something is just being stored: the next round does it
                await custody.found(self._new_cluster(), user=SYSTEM, source=SYSTEM)

    async def _bind(self) -> None:
        """Remember who proved the key, to whichever peer it was enrolled: it is never given the key unasked again."""
        for number, status in self._links.statuses().items():
            link = self._links.link(number)
            if status.state == LIVE and status.peer not in self._custody.pins() and link is not None and link.chain:
                await self._custody.pin(status.peer, certificates.fingerprint(link.chain[0]))
