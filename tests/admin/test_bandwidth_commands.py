"""The commands about bandwidth."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sextet.admin import bandwidth_commands, dialect
from sextet.admin.actor import Actor
from sextet.admin.commands import Commands
from sextet.admin.door import Door
from sextet.model.config import Change
from sextet.model.schema import Refused
from sextet.model.sections import Root
from tests.support.fake_peer import FakePeer, Lines

WHO = Actor(user="ann", may_write=True, door="cli")


class Shell:
    """A fake peer behind its commands."""

    def __init__(self) -> None:
        self.face = FakePeer(1)
        door = Door(self.face, Lines())
        self.registry = Commands(self.face, door, Lines()).registry()
        bandwidth_commands.add_to(self.registry, self.face, door)
        dialect.add_to(self.registry, self.face, lambda: False)

    def __call__(self, command: str, actor: Actor = WHO, **arguments: Any) -> Any:
        return asyncio.run(self.registry.run(command, arguments, actor))

    def remove(self, *links: str) -> None:
        changes = [Change("remove", f"links[{name}]") for name in links]
        asyncio.run(self.face.change(changes, user="ann", source="test"))


def test_the_default_links_that_are_missing_come_back_with_their_names() -> None:
    shell = Shell()
    shell.remove("DefaultSZtoClusterSZ", "TraversalSZtoDefaultZ")
    assert shell("xcommand", words="DefaultLinksAdd")[0] == "*r Result (status=OK):"
    assert {link.name for link in shell.face.saved.links} >= {link.name for link in Root().links}
    assert shell("bandwidth default-links")["sentence"] == "No default link is missing."


def test_who_may_only_look_adds_no_links() -> None:
    shell = Shell()
    shell.remove("DefaultSZtoClusterSZ")
    with pytest.raises(Refused, match="read-only"):
        shell("bandwidth default-links", actor=Actor(user="bob", may_write=False, door="cli"))
