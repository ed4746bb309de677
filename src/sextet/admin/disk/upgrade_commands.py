"""What the commands about the version of the software do (upgrade_catalogue.py)."""

from __future__ import annotations

from pathlib import Path

from sextet.admin.actor import Actor
from sextet.admin.commands import Arguments, Registry
from sextet.admin.disk import upgrade_catalogue as catalogue
from sextet.admin.disk.upgrade import Upgrades


def add_to(registry: Registry, upgrades: Upgrades) -> None:
    """Add them to a peer's commands."""

    async def status(actor: Actor, arguments: Arguments) -> object:
        return await upgrades.state()

    async def upload(actor: Actor, arguments: Arguments) -> object:
        sha256 = str(arguments.get("sha256", ""))
        return {"sentence": await upgrades.take(actor, Path(str(arguments["file"])), sha256)}

    async def install(actor: Actor, arguments: Arguments) -> object:
        return {"sentence": await upgrades.install(actor, str(arguments["sha256"]))}

    async def select(actor: Actor, arguments: Arguments) -> object:
        return {"sentence": await upgrades.select(actor, int(arguments["place"]))}

    async def lost(actor: Actor, arguments: Arguments) -> object:
        return await upgrades.loss(int(arguments["place"]))

    async def discard(actor: Actor, arguments: Arguments) -> object:
        return {"sentence": await upgrades.discard(actor)}

    async def installable(actor: Actor, arguments: Arguments) -> object:
        return await upgrades.demand_installable(str(arguments["sha256"]))

    async def selectable(actor: Actor, arguments: Arguments) -> None:
        await upgrades.demand_selectable(int(arguments["place"]))

    registry.add(catalogue.UPGRADE_STATUS, status)
    registry.add(catalogue.UPGRADE_UPLOAD, upload)
    registry.add(catalogue.UPGRADE_INSTALL, install, look=installable)
    registry.add(catalogue.UPGRADE_SELECT, select, look=selectable)
    registry.add(catalogue.UPGRADE_LOST, lost)
    registry.add(catalogue.UPGRADE_DISCARD, discard)
