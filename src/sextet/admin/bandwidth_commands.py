"""The commands about bandwidth."""

from __future__ import annotations

from sextet.admin import bandwidth_catalogue as catalogue
from sextet.admin.actor import Actor
from sextet.admin.commands import Arguments, Registry
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

    registry.add(catalogue.BANDWIDTH_DEFAULT_LINKS, default_links)
