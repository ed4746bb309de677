"""What the commands about calls do (call_catalogue.py)."""

from __future__ import annotations

from sextet.admin.actor import Actor
from sextet.admin.commands import Arguments, Registry
from sextet.admin.dialplan import call_catalogue as catalogue
from sextet.admin.dialplan.call_history import CallDesk
from sextet.admin.newest import LIST_MAX

LINES_DEFAULT = 40  # one screen


def add_to(registry: Registry, desk: CallDesk) -> None:
    """Add them to a peer's commands."""

    async def history(actor: Actor, arguments: Arguments) -> object:
        most = int(arguments.get("lines", LINES_DEFAULT))
        return await desk.newest(str(arguments.get("containing", "")), min(most, LIST_MAX))

    async def disconnect(actor: Actor, arguments: Arguments) -> object:
        return {"sentence": await desk.disconnect(actor, str(arguments["tag"]))}

    registry.add(catalogue.CALL_HISTORY, history)

    async def which(actor: Actor, arguments: Arguments) -> object:
        return desk.find(str(arguments["tag"]))

    registry.add(catalogue.CALL_DISCONNECT, disconnect, look=which)
