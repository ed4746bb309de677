"""A peer's life as administrators steer it: checked, written to the event log, answered in sentences."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sextet import __version__
from sextet.admin.actor import Actor
from sextet.admin.wording import count
from sextet.cluster.configuration.forcing import Forced
from sextet.cluster.disk import factory_reset
from sextet.cluster.disk.factory_reset import ResetFailed
from sextet.cluster.lifecycle import armed_sentence
from sextet.engine import Journal
from sextet.model.schema import Problem, Refused


class Lifecycle(Protocol):
    """What the peer offers (cluster.lifecycle.Lifecycle)."""

    @property
    def maintenance(self) -> bool: ...

    @property
    def armed(self) -> tuple[str, ...]: ...

    async def demand_forceable(self) -> None: ...

    async def force_update(self) -> Forced: ...

    async def maintain(self, active: bool) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetState:
    """Whether a factory reset waits, and whether it can be done."""

    armed: bool
    disarmed_by: tuple[str, ...]
    image: str  # the version of the package that it would use, "" where there is none
    fault: str  # why it would fail, as a sentence
    sentence: str


class Lifecycles:
    """`load` gives the calls and the registrations of this peer; `demand` raises Refused for who may only look."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        journal: Journal,
        load: Callable[[], tuple[int, int]],
        demand: Callable[[Actor, str], None],
        state_dir: Path,
        restart: Callable[[Actor], Awaitable[None]],
    ) -> None:
        self._image, self._restart = state_dir / factory_reset.FOLDER / factory_reset.IMAGE, restart
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
        still = f"{count(calls, 'call')} still running, {count(registrations, 'registration')} not run out yet"
        return f"Maintenance mode is on until the next restart: no new calls and registrations; {still}."

    async def demand_forceable(self) -> None:
        """Raise Refused where the primary's configuration could not be taken over."""
        await self._lifecycle.demand_forceable()

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

    async def reset_state(self) -> ResetState:
        """Say whether a factory reset waits for the next restart."""
        peers = self._lifecycle.armed
        try:
            await asyncio.to_thread(factory_reset.image_in, self._image.parent, __version__)
            fault = ""
        except ResetFailed as error:
            fault = f"It would fail: {error}."
        sentence = " ".join(filter(None, (armed_sentence(peers), fault))) if peers else "No factory reset is armed."
        image = "" if fault else __version__
        return ResetState(armed=bool(peers), disarmed_by=peers, image=image, fault=fault, sentence=sentence)

    async def put_image(self, actor: Actor, file: str) -> str:
        """Put a release package in its place. Raises Refused."""
        self._demand(actor, "change the image of the factory reset")
        try:
            version = await asyncio.to_thread(factory_reset.put_image, Path(file), self._image, __version__)
        except ResetFailed as error:
            raise Refused(Problem("file", f"Nothing was changed: {error}.")) from error
        self._journal.event("Factory Reset Image Changed", Detail=f"version {version}", **actor.audit)
        return f"The image of the factory reset is there: version {version}."

    async def reset(self, actor: Actor) -> str:
        """Restart for the reset that is armed. Raises Refused."""
        self._demand(actor, "reset this peer")
        await self.demand_resettable()
        await self._restart(actor)
        return "This peer restarts now and resets itself to factory settings."

    async def demand_resettable(self) -> None:
        """Raise Refused where the reset could not be done."""
        if not self._lifecycle.armed:
            sentence = "No factory reset is armed. Remove this peer from its cluster: clear its peer list and save."
            raise Refused(Problem("", f"Nothing was reset: {sentence}"))
        state = await self.reset_state()
        if state.fault:
            remedy = "Put the release package there, or run `sextet factory-reset image FILE`."
            raise Refused(Problem("", f"Nothing was reset. {state.fault} {remedy}"))
