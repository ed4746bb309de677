"""Stand in for a peer in tests of the lab: read its bootstrap file, answer on its socket, remember what is blocked.

`lab block` and `lab unblock` change the set that every other command shows; `leave` ends the process with 7.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tomllib
from pathlib import Path
from typing import Any


async def live(bootstrap: Path) -> None:
    """Answer until SIGTERM."""
    settings = tomllib.loads(bootstrap.read_text())
    run_dir = Path(settings["run_dir"])
    blocked: set[int] = set()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)

    def answer(request: dict[str, Any]) -> Any:
        command, peer = request["command"], request["arguments"].get("peer")
        if command == "leave":
            print("it was told to leave", flush=True)
            os._exit(7)
        if command == "lab block":
            blocked.add(peer)
        if command == "lab unblock":
            blocked.discard(peer)
        if command == "status":
            return {"ready": True}
        return (
            {"peers": [{"clustering_ok": True}, {"clustering_ok": False}], "primary": 1}
            if command == "cluster status"
            else sorted(blocked)
        )

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(json.dumps({"ok": True, "result": answer(json.loads(line))}).encode() + b"\n")
        writer.close()

    (run_dir / "sextetd.sock").unlink(missing_ok=True)
    server = await asyncio.start_unix_server(serve, str(run_dir / "sextetd.sock"))
    port = int(settings.get("phones_at", 5060))
    phones = await asyncio.start_server(lambda reader, writer: writer.close(), settings["address"], port)
    await ended.wait()
    server.close()
    phones.close()


if __name__ == "__main__":
    asyncio.run(live(Path(sys.argv[2])))
