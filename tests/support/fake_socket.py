"""Serve the commands of a fake peer on a local socket, to try the command line by hand."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from sextet.admin.commands import Commands
from sextet.admin.door import Door
from sextet.admin.peers.peer_list_commands import add_to
from sextet.console.server import ConsoleServer
from tests.support.fake_peer import FakePeer, Lines
from tests.support.peer_lists import ListDesk


def served(peer: FakePeer, journal: Lines, path: Path) -> ConsoleServer:
    """Put a socket in front of a fake peer."""
    door = Door(peer, journal)
    registry = Commands(peer, door, journal).registry()
    add_to(registry, ListDesk(peer, door, journal).lists)
    return ConsoleServer(path, registry)


async def _serve(path: Path) -> None:
    await served(FakePeer.busy(), Lines(), path).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
