"""What the commands about a peer as a whole do (lifecycle_catalogue.py)."""

from __future__ import annotations

from dataclasses import asdict

from sextet.admin.actor import Actor
from sextet.admin.commands import Arguments, Registry, Usage
from sextet.admin.door import Door
from sextet.admin.peers import lifecycle_catalogue as catalogue
from sextet.admin.peers import mappings
from sextet.admin.peers.lifecycle import Lifecycles
from sextet.cluster.face import Face
from sextet.model.schema import Problem

MODES = {"on": True, "off": False}


def add_to(registry: Registry, lives: Lifecycles, face: Face, door: Door) -> None:
    """Add them to a peer's commands."""

    async def suggest(actor: Actor, arguments: Arguments) -> object:
        rows = mappings.suggest(face)
        if arguments.get("save"):
            await mappings.save(face, door, actor)
        return rows

    async def force(actor: Actor, arguments: Arguments) -> object:
        return {"sentence": await lives.force_update(actor)}

    async def forceable(actor: Actor, arguments: Arguments) -> None:
        await lives.demand_forceable()

    async def maintenance(actor: Actor, arguments: Arguments) -> object:
        mode = str(arguments.get("mode", "")).lower()
        if mode and mode not in MODES:
            raise Usage(Problem("mode", f"There is no mode {mode[:20]!r}; it is on or off."))
        if mode:
            await lives.maintain(actor, MODES[mode])
        return {"maintenance": lives.maintenance, "sentence": lives.maintenance_sentence()}

    async def reset_status(actor: Actor, arguments: Arguments) -> object:
        return asdict(await lives.reset_state())

    async def reset_image(actor: Actor, arguments: Arguments) -> object:
        return {"sentence": await lives.put_image(actor, str(arguments["file"]))}

    async def reset_run(actor: Actor, arguments: Arguments) -> object:
        return {"sentence": await lives.reset(actor)}

    async def resettable(actor: Actor, arguments: Arguments) -> None:
        await lives.demand_resettable()

    registry.add(catalogue.SUGGEST_MAPPINGS, suggest)
    registry.add(catalogue.RESET_STATUS, reset_status)
    registry.add(catalogue.RESET_IMAGE, reset_image)
    registry.add(catalogue.RESET_RUN, reset_run, look=resettable)
    registry.add(catalogue.FORCE_CONFIG_UPDATE, force, look=forceable)
    registry.add(catalogue.PEER_MAINTENANCE, maintenance)
