"""What the commands about call policy do (policy_catalogue.py)."""

from __future__ import annotations

from sextet.admin.actor import Actor
from sextet.admin.commands import Arguments, Registry, said_of
from sextet.admin.dialplan import policy_catalogue as catalogue
from sextet.admin.dialplan.zone_views import services
from sextet.admin.door import Door
from sextet.call.policy.rules import as_cpl
from sextet.cluster.face import Face
from sextet.model.config import Change

SCRIPT = "call_policy.script"


def add_to(registry: Registry, face: Face, door: Door) -> None:
    """Add them to a peer's commands."""

    async def cpl(actor: Actor, arguments: Arguments) -> object:
        return {"mode": face.saved.call_policy.mode, "cpl": cpl_of(face)}

    async def upload(actor: Actor, arguments: Arguments) -> object:
        text = str(arguments["file"]).replace("\r\n", "\n")
        return said_of(await door.change(actor, [Change("set", SCRIPT, text)]), stored=True)

    async def status(actor: Actor, arguments: Arguments) -> object:
        return services(face)

    registry.add(catalogue.POLICY_CPL, cpl)
    registry.add(catalogue.POLICY_STATUS, status)
    registry.add(catalogue.POLICY_UPLOAD, upload)


def cpl_of(face: Face) -> str:
    """Give the script, or the rules written as one."""
    policy = face.saved.call_policy
    return policy.script if policy.script.strip() else as_cpl(policy.rules)
