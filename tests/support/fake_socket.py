"""Serve the commands of a fake peer on a local socket, to try the command line by hand."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path

from sextet.admin import dialect
from sextet.admin.commands import Commands
from sextet.admin.door import Door
from sextet.admin.peers.peer_list_commands import add_to
from sextet.console.server import ConsoleServer
from tests.support.fake_peer import FakePeer, Lines
from tests.support.peer_lists import ListDesk


class InThread:
    """Serves on its socket in a thread, as a peer in another process would."""

    def __init__(self, server: ConsoleServer) -> None:
        self._server = server
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(server.start(), self._loop).result(5)

    def close(self) -> None:
        """Listen no more, and end the thread."""
        asyncio.run_coroutine_threadsafe(self._server.stop(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()


def served(peer: FakePeer, journal: Lines, path: Path) -> ConsoleServer:
    """Put a socket in front of a fake peer."""
    door = Door(peer, journal)
    registry = Commands(peer, door, journal).registry()
    add_to(registry, ListDesk(peer, door, journal).lists)
    dialect.add_to(registry, peer, lambda: False)
    return ConsoleServer(path, registry)


async def _serve(path: Path) -> None:
    await served(FakePeer.busy(), Lines(), path).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1])))
