"""Let other terminals and programs break and mend the lab while it runs: a unix socket, one JSON line each way."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from sextet.lab.rig import LabError, Rig
from sextet.streams import StreamServer

REQUEST_BYTES_MAX = 4096  # a command and two numbers
Handler = Callable[[Mapping[str, Any]], Awaitable[Any]]


class Control:
    """The lab's own socket; its mode lets only its owner in."""

    def __init__(self, rig: Rig, describe: Callable[[], dict[str, Any]]) -> None:
        async def everything() -> dict[str, Any]:
            return {**describe(), **await rig.status()}

        self._commands: dict[str, Handler] = {
            "status": lambda given: rig.status(),
            "describe": lambda given: everything(),
            "kill": lambda given: rig.kill(_number(given, "peer"), str(given.get("part", "sextetd"))),
            "start": lambda given: rig.start(_number(given, "peer")),
            "restart": lambda given: rig.restart(_number(given, "peer")),
            "cut": lambda given: rig.cut(_number(given, "peer"), _number(given, "other")),
            "heal": lambda given: (
                rig.heal(_number(given, "peer"), _number(given, "other")) if "peer" in given else rig.heal()
            ),
        }
        self._server = StreamServer(self._serve, limit=REQUEST_BYTES_MAX)

    async def start(self, path: Path) -> None:
        """Open the socket."""
        self._server.listen_on(_bound(path))

    async def stop(self) -> None:
        """Close the socket and what hangs on it."""
        await self._server.stop()

    async def answer(self, line: bytes) -> dict[str, Any]:
        """Run one request; every failure is a sentence in the answer."""
        try:
            request = json.loads(line)
            command, given = request["command"], request.get("arguments", {})
            handler = self._commands[command]
            if not isinstance(given, dict):
                raise TypeError("arguments are names and values")
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return {"ok": False, "kind": "usage", "error": f"the lab takes {', '.join(self._commands)}."}
        try:
            return {"ok": True, "result": await handler(given)}
        except (LabError, OSError) as error:
            return {"ok": False, "kind": "failed", "error": str(error)}

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError):  # it left, or sent a line beyond the limit
            while line := await reader.readline():
                writer.write(json.dumps(await self.answer(line)).encode() + b"\n")
                await writer.drain()


def _bound(path: Path) -> socket.socket:
    """Bind without a moment in which others may connect."""
    path.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        made.bind(str(path))
    except OSError:
        made.close()
        raise
    finally:
        os.umask(before)
    return made


def _number(given: Mapping[str, Any], name: str) -> int:
    value = given.get(name)
    if type(value) is not int:
        raise LabError(f"{name} must be the number of a peer, not {value!r}.")
    return value
