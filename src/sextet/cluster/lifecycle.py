"""What administrators do to a running peer as a whole: force its configuration, empty it of calls."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Protocol

from sextet.cluster.configuration.forcing import Forced, Forcing
from sextet.cluster.disk.factory_reset import Arming
from sextet.cluster.rows.alarms import Alarms
from sextet.engine import Journal
from sextet.model import alarms as types
from sextet.model.schema import Problem, Refused

MAINTENANCE = (
    "This peer takes no new calls and no registrations since maintenance mode was turned on; running calls go on. "
    "It ends with the next restart."
)


class Following(Protocol):
    """What makes it true (following.Following)."""

    maintenance: bool
    version_next: str
    version_before: str

    async def once(self) -> None: ...


class Lifecycle:
    """`whole` brings to its end what was begun, although who asked for it may go away."""

    def __init__(
        self,
        forcing: Forcing,
        following: Following,
        alarms: Alarms,
        journal: Journal,
        whole: Callable[..., Awaitable[Forced]],
        arming: Arming,
    ) -> None:
        self._forcing, self._following, self._alarms, self._journal = forcing, following, alarms, journal
        self._whole, self._arming = whole, arming
        self.armed = arming.armed()  # the peer list that disarms the factory reset; () where none is armed

    @contextlib.contextmanager
    def changing_peers(self, peers: Callable[[], Sequence[str]]) -> Iterator[None]:
        """Change the peer list within: to clear it arms a factory reset, the same list in the same order disarms it.

        Raises Refused, and nothing was changed then.
        """
        try:
            self._arming.prepare(peers())
        except OSError as error:
            raise Refused(Problem("", f"Nothing was changed: {error}. Free space on that disk.")) from error
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # the next start does it
                self._arming.settle(peers())
            self._tell()

    def disarm(self) -> None:
        """Let the next start be an ordinary one: what is stored now was put there on purpose."""
        with contextlib.suppress(OSError):
            self._arming.disarm()
        self._tell()

    def reset_failed(self, cause: str) -> None:
        """Say why the factory reset at the start was not done."""
        self._alarms.set(types.FACTORY_RESET_FAILED, "", bool(cause), cause)

    def _tell(self) -> None:
        before, self.armed = self.armed, self._arming.armed()
        if self.armed and not before:
            self._journal.event("Factory Reset Armed", Detail=f"at the next restart, unless {', '.join(self.armed)}")
        if before and not self.armed:
            self._journal.event("Factory Reset Disarmed", Detail="the next restart is an ordinary one")
            self.reset_failed("")

    def tell_versions(self, next: str, before: str) -> None:
        """Show the other peers which version runs here after the next restart, and which one ran before."""
        self._following.version_next, self._following.version_before = next, before

    async def demand_forceable(self) -> None:
        """Raise Refused where force_update would, and change nothing."""
        await self._forcing.demand_possible()

    async def force_update(self) -> Forced:
        """Replace the shared configuration of this subordinate by the primary's. Raises Refused."""
        forced = await self._whole(self._forcing.update())
        await self._following.once()
        return forced

    @property
    def maintenance(self) -> bool:
        """Whether this peer is in maintenance mode."""
        return self._following.maintenance

    async def maintain(self, active: bool) -> None:
        """Take no new calls and registrations, or take them again; not kept over a restart, as in the original."""
        if active != self._following.maintenance:
            self._journal.event("Maintenance Mode", Detail="On" if active else "Off")
        self._following.maintenance = active
        await self._following.once()
        self._alarms.set(types.MAINTENANCE_MODE, "", active, MAINTENANCE if active else "")


def armed_sentence(peers: Sequence[str]) -> str:
    """Say what the next restart does, and how to prevent it."""
    return (
        "The peer list was cleared: at the next restart this peer resets itself to factory settings. "
        f"To prevent it, save the same addresses in the same order again: {', '.join(peers)}."
    )
