"""Kamailio's own commands (JSON-RPC over a unix datagram socket), for the few that its script cannot do."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

from sextet.engine import EngineError

SOCKET = "sockets/rpc.sock"
ANSWER_S = 5.0
ANSWER_BYTES_MAX = 128 << 10  # larger answers are lost by Kamailio 5.6


async def command(run_dir: Path, method: str, *parameters: str | int) -> Any:
    """Run one command and give its result; raises EngineError."""
    loop = asyncio.get_running_loop()
    asked = json.dumps({"jsonrpc": "2.0", "method": method, "params": list(parameters), "id": 1}).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.setblocking(False)
        line.bind("")  # an abstract address for the answer: no file to clean up
        try:
            async with asyncio.timeout(ANSWER_S):
                await loop.sock_connect(line, str(run_dir / SOCKET))
                await loop.sock_sendall(line, asked)
                answer = json.loads(await loop.sock_recv(line, ANSWER_BYTES_MAX))
        except (OSError, TimeoutError, ValueError) as error:
            raise EngineError(f"asking Kamailio for {method}") from error
    if "error" in answer:
        raise EngineError(f"asking Kamailio for {method}: {answer['error'].get('message', 'it refused')}")
    return answer.get("result")
