"""What administrators do to a running peer as a whole: force its configuration, empty it of calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from sextet.cluster.alarms import Alarms
from sextet.cluster.forcing import Forced, Forcing
from sextet.engine import Journal
from sextet.model import alarms as types

MAINTENANCE = (
    "This peer takes no new calls and no registrations since maintenance mode was turned on; running calls go on. "
    "It ends with the next restart."
)


class Following(Protocol):
    """What makes it true (following.Following)."""

    maintenance: bool

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
    ) -> None:
        self._forcing, self._following, self._alarms, self._journal = forcing, following, alarms, journal
        self._whole = whole

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
