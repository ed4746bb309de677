"""Ask a running peer, or a running lab, over its local socket: one JSON line there, one back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ANSWER_BYTES_MAX = 32 << 20  # 20,000 registrations of one cluster are about 6 MiB


class Unanswered(Exception):
    """Nobody answers at this socket, or not in time; the text names it."""


class Failed(Exception):
    """It answered that it cannot; the text is its own sentence."""


async def ask(socket: Path, command: str, arguments: Mapping[str, Any] | None = None, timeout_s: float = 5.0) -> Any:
    """Run one command and return its result; raises Unanswered or Failed."""
    try:
        async with asyncio.timeout(timeout_s):
            line = await _exchange(socket, {"command": command, "arguments": dict(arguments or {}), "user": "lab"})
    except TimeoutError:
        raise Unanswered(f"no answer to `{command}` from {socket} within {timeout_s:g} s") from None
    except (OSError, ValueError, asyncio.IncompleteReadError) as error:
        raise Unanswered(f"no answer to `{command}` from {socket}: {error}") from error
    if not isinstance(line, dict):
        raise Unanswered(f"no sense in the answer to `{command}` from {socket}")
    if not line.get("ok"):
        sentences = [str(problem.get("sentence", "")) for problem in line.get("problems") or ()]
        raise Failed(" ".join(sentences) or str(line.get("error") or "no reason was given"))
    return line.get("result")


async def _exchange(socket: Path, request: Mapping[str, Any]) -> Any:
    reader, writer = await asyncio.open_unix_connection(str(socket), limit=ANSWER_BYTES_MAX)
    try:
        writer.write(json.dumps(request).encode() + b"\n")
        await writer.drain()
        return json.loads(await reader.readuntil(b"\n"))
    finally:
        writer.close()
