"""What the commands about registrations that are over, or shall be, do (registration_catalogue.py)."""

from __future__ import annotations

from sextet.admin.actor import Actor
from sextet.admin.commands import Arguments, Registry
from sextet.admin.dialplan import registration_catalogue as catalogue
from sextet.admin.dialplan.registration_history import RegistrationDesk
from sextet.admin.dialplan.unregistering import UnregisterDesk
from sextet.admin.newest import LIST_MAX

LINES_DEFAULT = 40  # one screen


def add_to(registry: Registry, desk: RegistrationDesk, unregistering: UnregisterDesk) -> None:
    """Add them to a peer's commands."""

    async def history(actor: Actor, arguments: Arguments) -> object:
        most = int(arguments.get("lines", LINES_DEFAULT))
        return await desk.newest(str(arguments.get("containing", "")), min(most, LIST_MAX))

    async def remove(actor: Actor, arguments: Arguments) -> object:
        device = str(arguments["alias"]), str(arguments.get("device", ""))
        done = await unregistering.unregister(actor, [device], block=bool(arguments.get("block", False)))
        return {"sentence": " ".join((*done.done, *done.warnings))}

    registry.add(catalogue.REGISTRATION_HISTORY, history)

    async def which(actor: Actor, arguments: Arguments) -> object:
        return unregistering.chosen([(str(arguments["alias"]), str(arguments.get("device", "")))])

    registry.add(catalogue.REGISTRATION_REMOVE, remove, look=which)
