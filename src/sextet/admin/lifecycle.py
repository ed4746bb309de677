"""A peer's life as administrators steer it: checked, written to the event log, answered in sentences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sextet.admin.actor import Actor
from sextet.cluster.forcing import Forced
from sextet.engine import Journal


class Lifecycle(Protocol):
    """What the peer offers (cluster.lifecycle.Lifecycle)."""

    @property
    def maintenance(self) -> bool: ...

    async def force_update(self) -> Forced: ...

    async def maintain(self, active: bool) -> None: ...


class Lifecycles:
    """`load` gives the calls and the registrations of this peer; `demand` raises Refused for who may only look."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        journal: Journal,
        load: Callable[[], tuple[int, int]],
        demand: Callable[[Actor, str], None],
    ) -> None:
        self._lifecycle, self._journal, self._load, self._demand = lifecycle, journal, load, demand

    @property
    def maintenance(self) -> bool:
        """Whether this peer is in maintenance mode."""
        return self._lifecycle.maintenance

    def maintenance_sentence(self) -> str:
        """Say how far the peer is emptied."""
        if not self.maintenance:
            return "Maintenance mode is off: this peer takes calls and registrations."
        calls, registrations = self._load()
        still = f"{calls} calls go on and {registrations} registrations have not run out yet"
        return f"Maintenance mode is on until the next restart: no new calls and registrations; {still}."

    async def force_update(self, actor: Actor) -> str:
        """Take the primary's configuration over. Raises Refused."""
        self._demand(actor, "force the configuration")
        done = await self._lifecycle.force_update()
        self._journal.event("System Configuration Changed", Detail="ForceConfigUpdate", **actor.audit)
        sentence = f"The shared configuration is the primary's now, {done.now}; before it was {done.before}."
        if not done.dismissed:
            return sentence
        listed = ", ".join(f"r{stamp.revision}" for stamp in done.dismissed)
        return f"{sentence} Edits that were set aside stay in the history and are no conflict any more: {listed}."

    async def maintain(self, actor: Actor, active: bool) -> None:
        """Turn maintenance mode on or off."""
        self._demand(actor, "change the maintenance mode")
        self._journal.event(
            "System Configuration Changed",
            Detail=f"xconfiguration SystemUnit Maintenance Mode - changed to: {'On' if active else 'Off'}",
            **actor.audit,
        )
        await self._lifecycle.maintain(active)
