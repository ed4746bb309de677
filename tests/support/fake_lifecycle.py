"""A peer whose life does what it is told: for pages and commands that steer it."""

from __future__ import annotations

from pathlib import Path

from sextet.admin.actor import Actor
from sextet.admin.door import Door
from sextet.admin.peers.lifecycle import Lifecycles
from sextet.cluster.configuration.forcing import Forced
from sextet.engine import Journal
from sextet.model.schema import Problem, Refused
from sextet.model.status import Stamp


class FakeLifecycle:
    """What cluster.lifecycle.Lifecycle is; `refusal` is what a forced update is refused with."""

    def __init__(self) -> None:
        self.maintenance = False
        self.armed: tuple[str, ...] = ()
        self.refusal = ""
        self.forced = 0

    async def demand_forceable(self) -> None:
        if self.refusal:
            raise Refused(Problem("", self.refusal))

    async def force_update(self) -> Forced:
        self.forced += 1
        await self.demand_forceable()
        return Forced(before=Stamp(1, "a", 7), now=Stamp(2, "b", 8), dismissed=(Stamp(1, "a", 6),))

    async def maintain(self, active: bool) -> None:
        self.maintenance = active


class LifeDesk:
    """Its desk; `restarts` counts."""

    def __init__(self, door: Door, folder: Path, journal: Journal) -> None:
        self.peer = FakeLifecycle()
        self.restarts = 0

        async def restart(actor: Actor) -> None:
            self.restarts += 1

        self.lives = Lifecycles(self.peer, journal, lambda: (1, 2), door.demand_write, folder, restart)
