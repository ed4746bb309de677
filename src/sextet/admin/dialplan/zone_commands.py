"""The commands about zones."""

from __future__ import annotations

import asyncio

from sextet.admin.actor import Actor
from sextet.admin.commands import Arguments, Registry
from sextet.admin.dialplan import zone_catalogue as catalogue
from sextet.admin.dialplan.zone_views import ZonePage, directory, zones
from sextet.admin.door import Door
from sextet.cluster.face import Face
from sextet.model.schema import Problem, Refused

TESTED_S = 6.0  # an address that does not answer is known as failed after 5 s


def add_to(registry: Registry, face: Face, door: Door) -> None:
    """Add them to a peer's commands."""

    async def zone_list(actor: Actor, arguments: Arguments) -> object:
        return zones(face, str(arguments.get("containing", "")))

    async def zone_show(actor: Actor, arguments: Arguments) -> object:
        return _zone(face, str(arguments["name"]))

    async def zone_test(actor: Actor, arguments: Arguments) -> object:
        return await tested(face, str(arguments["name"]))

    async def directory_status(actor: Actor, arguments: Arguments) -> object:
        return directory(face)

    registry.add(catalogue.ZONE_LIST, zone_list)
    registry.add(catalogue.ZONE_SHOW, zone_show)
    registry.add(catalogue.ZONE_TEST, zone_test)
    registry.add(catalogue.DIRECTORY_STATUS, directory_status)


async def tested(face: Face, name: str) -> ZonePage:
    """Have all addresses of a zone asked, and wait for what they answer; raises Refused."""
    _zone(face, name)
    before = _measured(face, name)
    news = asyncio.create_task(_changed(face, name, before))
    await asyncio.sleep(0)  # it listens before anything is asked
    try:
        await face.test_zone(name)
        await asyncio.wait([news], timeout=TESTED_S)
    finally:
        news.cancel()
    return _zone(face, name)


async def _changed(face: Face, name: str, before: object) -> None:
    async for _ in face.changes():
        if _measured(face, name) != before:
            return


def _measured(face: Face, name: str) -> object:
    own = face.status().number
    return next((owned.row for owned in face.zones() if owned.row.name == name and owned.number == own), None)


def _zone(face: Face, name: str) -> ZonePage:
    found = next((page for page in zones(face) if page.name == name), None)
    if found is None:
        raise Refused(Problem("name", f"There is no zone {name[:60]!r}; `zone list` lists what there is."))
    return found
