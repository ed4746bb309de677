"""Do links and pipes name what is there (facts 7.10)?"""

from __future__ import annotations

from collections.abc import Iterator

from sextet.model.config import item_path
from sextet.model.schema import Problem
from sextet.model.sections import Root
from sextet.model.settings.local_zone import BUILT_IN
from sextet.model.settings.zones import DEFAULT_ZONE


def links(whole: Root) -> Iterator[Problem]:
    subzones = {row.name for row in whole.subzones} | set(BUILT_IN)
    nodes = subzones | {zone.name for zone in whole.zones} | {DEFAULT_ZONE}
    pipes = {pipe.name for pipe in whole.pipes}
    for row in whole.links:
        path = item_path("links", row.name)
        for number, name in ((1, row.node1), (2, row.node2)):
            if name not in nodes:
                yield Problem(
                    f"{path}.node{number}", f"Node {number}: there is no subzone or zone {name!r}; choose one."
                )
        if row.node1 == row.node2:
            yield Problem(f"{path}.node2", f"Node 2: {row.node2} is node 1 already; choose another node.")
        elif {row.node1, row.node2} <= nodes and not {row.node1, row.node2} & subzones:
            yield Problem(f"{path}.node2", "Node 2: a link between two zones is of no use; choose a subzone for one.")
        for number, name in ((1, row.pipe1), (2, row.pipe2)):
            if name and name not in pipes:
                yield Problem(f"{path}.pipe{number}", f"Pipe {number}: there is no pipe {name!r}; choose one, or none.")
        if row.pipe1 and row.pipe1 == row.pipe2:
            yield Problem(f"{path}.pipe2", f"Pipe 2: {row.pipe2} is pipe 1 already; remove one of them.")
