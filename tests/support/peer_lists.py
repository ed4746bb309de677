"""Clusters as one of their peers sees them, and a peer that plans jobs on its list and remembers which were done."""

from __future__ import annotations

from sextet.admin.door import Door
from sextet.admin.peers.peer_list import PeerLists
from sextet.cluster.judgement import Evidence
from sextet.cluster.peer_list import Job, Plan, planned
from sextet.cluster.wire.names import Resolved
from sextet.engine import Journal
from sextet.model.sections import Root
from sextet.model.settings.clustering import Clustering
from sextet.model.status import LinkStatus, PeerStatus
from tests.support.fake_peer import FakePeer

NAMES = ("a.x", "b.x", "c.x", "d.x")


def clustering(*names: str, primary: int = 1, **more: object) -> Clustering:
    listed = {f"peer_{n}_address": name for n, name in enumerate(names, 1)}
    settings = {**listed, "configuration_primary": primary, "cluster_name": "c.x", **more}
    return Clustering(**settings)  # type: ignore[arg-type]


def seen(number: int = 1, *, lost: tuple[int, ...] = (), names: tuple[str, ...] = NAMES, **more: object) -> Evidence:
    """A cluster as its peer of this number sees it."""
    wanted = clustering(*names, primary=number, **more)
    others = [n for n in range(1, len(names) + 1) if n != number]
    links = {
        n: LinkStatus(
            peer=names[n - 1], state="DOWN" if n in lost else "LIVE", reason="it is dead" if n in lost else ""
        )
        for n in others
    }
    return Evidence(
        saved=Root(clustering=wanted),
        running=wanted,
        number=number,
        own=status(number, wanted.peers),
        names={name: f"10.0.0.{n}" for n, name in enumerate(names, 1)},
        name_failures={},
        links=links,
        statuses={n: status(n, wanted.peers) for n in others},
        behind_s={},
        writable=True,
    )


def status(number: int, peers: tuple[str, ...], **more: object) -> PeerStatus:
    values = {"peer_id": str(number), "address": "", "host_name": "", "version": "1", "now_s": 1.0, "started_s": 0.0}
    return PeerStatus(**(values | {"ip": f"10.0.0.{number}", "peers": peers} | more))  # type: ignore[arg-type]


class FakeRearranging:
    """What cluster.rearranging.Rearranging is, for a peer without a cluster."""

    def __init__(self, face: FakePeer) -> None:
        self._face = face
        self.lost: tuple[int, ...] = ()
        self.done: list[tuple[Job, str]] = []

    async def plan(self, job: Job) -> Plan:
        found = Resolved(f"10.0.0.{job.peer or 9}", "dns") if job.address else None
        peers = self._face.saved.clustering.peers
        return planned(job, seen(self._face.number, lost=self.lost, names=peers), found)

    async def do(self, job: Job, *, user: str, source: str) -> Plan:
        plan = await self.plan(job)
        self.done.append((job, user))
        return plan


class ListDesk:
    """Its desk."""

    def __init__(self, face: FakePeer, door: Door, journal: Journal) -> None:
        self.peer = FakeRearranging(face)
        self.lists = PeerLists(self.peer, face, door, journal)
