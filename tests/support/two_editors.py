"""How do two peers edit one configuration without links? Custody and editor of each on a disk in memory."""

from __future__ import annotations

from sextet.cluster.configuration import forward, primary
from sextet.cluster.configuration.custody import Custody
from sextet.cluster.configuration.editing import Editor
from sextet.cluster.configuration.history import Version
from sextet.cluster.configuration.revisions import Membership
from sextet.cluster.face import Moved, NoPrimary, Outcome
from sextet.model.config import Change
from sextet.model.schema import Refused
from sextet.model.status import Stamp
from tests.support.fake_peer import Lines
from tests.support.memory_store import MemoryStore

CLUSTER = Membership(cluster="cluster-1", key=b"k" * 32)


class OnePeer:
    """A peer that is its own follower: it remembers what it showed and applied."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.now = 100.0
        self.store = MemoryStore(name, lambda: self.now)
        self.lines = Lines()
        self.primary: OnePeer | None = None  # whom it can reach
        self.asked = 0
        self.fills_when_it_shows = False  # the disk, with the next version that is stored
        self.shown: list[bytes] = []
        self.applied: list[Version] = []
        self.restart()

    def restart(self) -> None:
        """Begin again with what is on the disk."""
        self.custody = Custody(self.store, self.lines, lambda: self.now)  # type: ignore[arg-type]
        self.editor = Editor(self.store, self.custody, self._ask)  # type: ignore[arg-type]

    async def start(self) -> OnePeer:
        await self.custody.start(self)
        await self.editor.load({})
        return self

    async def lead(self) -> OnePeer:
        """Found the cluster, as its primary."""
        await self._configure(named=True, of=self.name)
        await self.custody.found(CLUSTER, user="admin", source="cli")
        return self

    async def follow(self, other: OnePeer) -> OnePeer:
        """Join the cluster of another peer, as a subordinate."""
        self.primary = other
        await self._configure(named=False, of=other.name)
        await self.custody.join(CLUSTER)
        await self.see(other)
        return self

    async def see(self, other: OnePeer) -> None:
        """Take over the row that the other peer shows."""
        await self.custody.receive(primary.Seen(other.name, other.custody.head))
        await self.editor.moved()

    async def set(
        self, path: str, value: object, *, expected: Stamp | None = None, dry_run: bool = False, verb: str = "set"
    ) -> Outcome:
        change = Change(verb, path, value)  # type: ignore[arg-type]
        return await self.editor.change([change], user="ann", source="web", expected=expected, dry_run=dry_run)

    def show(self, key: str, value: bytes) -> None:
        self.shown.append(value)
        self.store.full = self.store.full or self.fills_when_it_shows

    def apply(self, version: Version) -> None:
        self.applied.append(version)

    async def _configure(self, *, named: bool, of: str) -> None:
        await self.custody.receive(primary.Configured(peers=True, named=named, primary=of))

    async def _ask(self, question: bytes) -> bytes:
        self.asked += 1
        if self.primary is None:
            raise NoPrimary("Nobody can be reached.")
        write = forward.from_request(question)
        try:
            outcome = await self.primary.editor.change(
                write.changes, user=write.user, source=write.source, expected=write.expected, dry_run=write.dry_run,
                forwarded=True,
            )  # fmt: skip
        except (Refused, Moved, NoPrimary) as refusal:
            return forward.answer(refusal)
        await self.see(self.primary)
        return forward.answer(outcome)
