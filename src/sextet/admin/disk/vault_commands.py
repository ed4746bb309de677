"""What the commands about stored data do (vault_catalogue.py)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any

from sextet.admin.actor import Actor
from sextet.admin.catalogue import Command
from sextet.admin.commands import Registry
from sextet.admin.disk import vault_catalogue as catalogue
from sextet.admin.disk.safekeeping import Safekeeping
from sextet.admin.disk.snapshot import KINDS, Snapshots
from sextet.model.schema import Problem, Refused

PASSPHRASE_MAX = 1024
Run = Callable[[Actor, Mapping[str, Any]], Awaitable[object]]


def add_to(registry: Registry, keeping: Safekeeping, snapshots: Snapshots) -> None:
    """Put them under their names."""
    commands = {**_of_database(keeping), **_of_files(keeping, snapshots)}
    assert set(commands) == set(catalogue.COMMANDS)

    async def restorable(actor: Actor, given: Mapping[str, Any]) -> object:
        return await keeping.demand_restorable(keeping.find(str(given["file"])), _passphrase(given))

    async def recoverable(actor: Actor, given: Mapping[str, Any]) -> None:
        await keeping.demand_recoverable()

    looks: dict[Command, Run] = {catalogue.BACKUP_RESTORE: restorable, catalogue.DATABASE_RECOVER: recoverable}
    for command, run in commands.items():
        registry.add(command, run, look=looks.get(command))


def _of_database(keeping: Safekeeping) -> dict[Command, Run]:
    async def status(actor: Actor, given: Mapping[str, Any]) -> object:
        return asdict(keeping.health())

    async def check(actor: Actor, given: Mapping[str, Any]) -> object:
        return asdict(await keeping.check(actor))

    async def recover(actor: Actor, given: Mapping[str, Any]) -> object:
        return {"sentence": await keeping.recover(actor)}

    async def renew_key(actor: Actor, given: Mapping[str, Any]) -> object:
        return {"sentence": await keeping.renew_key(actor)}

    async def purge(actor: Actor, given: Mapping[str, Any]) -> object:
        return {"sentence": await keeping.purge(actor, str(given["system"]))}

    return {
        catalogue.DATABASE_STATUS: status,
        catalogue.DATABASE_CHECK: check,
        catalogue.DATABASE_RECOVER: recover,
        catalogue.SYSTEM_KEY_UPDATE: renew_key,
        catalogue.PURGE: purge,
    }


def _of_files(keeping: Safekeeping, snapshots: Snapshots) -> dict[Command, Run]:
    async def create(actor: Actor, given: Mapping[str, Any]) -> object:
        return {"file": str(await keeping.back_up(actor, _passphrase(given)))}

    async def listed(actor: Actor, given: Mapping[str, Any]) -> object:
        return [asdict(one) for one in keeping.backups()]

    async def verify(actor: Actor, given: Mapping[str, Any]) -> object:
        return asdict(await keeping.preview(keeping.find(str(given["file"])), _passphrase(given)))

    async def restore(actor: Actor, given: Mapping[str, Any]) -> object:
        return {"sentence": await keeping.restore(actor, keeping.find(str(given["file"])), _passphrase(given))}

    async def snapshot(actor: Actor, given: Mapping[str, Any]) -> object:
        path = await snapshots.begin(actor, str(given.get("kind") or KINDS[-1]))
        return {"file": str(path)}

    async def snapshots_kept(actor: Actor, given: Mapping[str, Any]) -> object:
        return [asdict(one) for one in snapshots.kept()]

    return {
        catalogue.BACKUP_CREATE: create,
        catalogue.BACKUP_LIST: listed,
        catalogue.BACKUP_VERIFY: verify,
        catalogue.BACKUP_RESTORE: restore,
        catalogue.SNAPSHOT_CREATE: snapshot,
        catalogue.SNAPSHOT_LIST: snapshots_kept,
    }


def _passphrase(given: Mapping[str, Any]) -> str:
    value = given["passphrase"]
    if not isinstance(value, str) or len(value) > PASSPHRASE_MAX:
        raise Refused(Problem("passphrase", f"The passphrase is text of at most {PASSPHRASE_MAX} characters."))
    return value
