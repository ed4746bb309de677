"""The commands about bandwidth."""

from __future__ import annotations

from sextet.admin.actor import Actor
from sextet.admin.commands import Arguments, Registry
from sextet.admin.dialplan import bandwidth
from sextet.admin.dialplan import bandwidth_catalogue as catalogue
from sextet.admin.door import Door
from sextet.admin.wording import count
from sextet.cluster.face import Face
from sextet.model.config import Change, to_document
from sextet.model.linking import missing_links


def add_to(registry: Registry, face: Face, door: Door) -> None:
    """Add them to a peer's commands."""

    async def default_links(actor: Actor, arguments: Arguments) -> object:
        missing = missing_links(to_document(face.saved))
        if not missing:
            return {"sentence": "No default link is missing.", "links": []}
        await door.change(actor, [Change("add", "links", row) for row in missing])
        names = [row["name"] for row in missing]
        added = f"{count(len(names), 'default link')} {'was' if len(names) == 1 else 'were'} added: {', '.join(names)}."
        return {"sentence": added, "links": names}

    async def links(actor: Actor, arguments: Arguments) -> object:
        return bandwidth.links(face, str(arguments.get("containing", "")))

    async def pipes(actor: Actor, arguments: Arguments) -> object:
        return bandwidth.pipes(face, str(arguments.get("containing", "")))

    async def subzones(actor: Actor, arguments: Arguments) -> object:
        return bandwidth.subzones(face, str(arguments.get("containing", "")))

    async def check(actor: Actor, arguments: Arguments) -> object:
        call_type = str(arguments.get("call_type", "NonTraversal"))
        return bandwidth.check(
            face, str(arguments["node1"]), str(arguments["node2"]), int(arguments["kbps"]), call_type
        )

    registry.add(catalogue.BANDWIDTH_LINKS, links)
    registry.add(catalogue.BANDWIDTH_PIPES, pipes)
    registry.add(catalogue.BANDWIDTH_SUBZONES, subzones)
    registry.add(catalogue.BANDWIDTH_CHECK, check)
    registry.add(catalogue.BANDWIDTH_DEFAULT_LINKS, default_links)
