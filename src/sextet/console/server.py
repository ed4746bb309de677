"""The local socket of a peer: one JSON line asks for a command, one JSON line answers.

Asked: `{"command": "config set", "arguments": {"path": "...", "value": "..."}, "user": "root"}`. Answered:
`{"ok": true, "result": ...}` or `{"ok": false, "kind": ..., "error": "...", "problems": [{"field", "sentence"}]}`; kind
is usage, refused, moved, no_primary or failed. With `look` in the place of `command` nothing is done, and refused
what would be: a person is only asked about what can be done. The file's mode is the lock: who can open the socket may
do everything.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import json
import logging
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sextet.admin.actor import Actor
from sextet.admin.commands import BESIDE, Registry, Usage
from sextet.cluster.face import Moved, NoPrimary
from sextet.model.schema import Problem, Refused
from sextet.streams import StreamServer

REQUEST_BYTES_MAX = 1 << 20  # an imported list of 2,500 patterns is 0.5 MiB
REQUEST_WITHIN_S = 30.0  # a client that says nothing is let go
COMMAND_WITHIN_S = 60.0  # forwarding to a primary that just died takes seconds
ANSWER_WITHIN_S = 30.0  # a client that does not read is let go
SWALLOW_WITHIN_S = 2.0  # the rest of a request that is too long
CONNECTIONS_MAX = 32  # people and scripts of one host
CHUNK_BYTES = 1 << 20  # of an answer at a time: a hundred thousand registrations are 40 MB
USER_MAX = 64  # Administrator.name
COMMAND, LOOK = "command", "look"  # a peer that knows no looking does not take it for doing
_log = logging.getLogger(__name__)


class ConsoleError(Exception):
    """The socket cannot be served; the text names it and why."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer ready to be sent; `kind` is "ok" or what kind of failure it is."""

    kind: str
    line: bytes


class ConsoleServer:
    """Answers on one unix socket until stopped."""

    def __init__(self, path: Path, registry: Registry) -> None:
        self._path = path
        self._registry = registry
        self._server: StreamServer | None = None
        self.counts: collections.Counter[str] = collections.Counter()  # answered, by "ok" and kind; and "let go"

    async def start(self) -> None:
        """Open the socket for its owner alone; raises ConsoleError where another process serves it."""
        try:
            bound = _bound(self._path)
        except OSError as error:
            raise ConsoleError(f"opening the local socket {self._path}") from error
        self._server = StreamServer(self._serve, limit=REQUEST_BYTES_MAX)
        self._server.listen_on(bound)

    async def stop(self) -> None:
        """Close the socket and every connection."""
        if self._server is None:
            return
        await self._server.stop()
        self._server = None
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._server is not None
        try:
            if len(self._server) > CONNECTIONS_MAX:
                await self._answer(writer, _failure("failed", "Too many connections to this socket; try again."))
            else:
                await self._converse(reader, writer)
        except (TimeoutError, ConnectionError):
            self.counts["let go"] += 1
        finally:  # and where stop() ends the conversation, the answer before it is still sent
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                async with asyncio.timeout(REQUEST_WITHIN_S):
                    line = await reader.readline()
            except ValueError:  # how StreamReader says that a line is too long
                await self._answer(writer, _failure("usage", f"A request has at most {REQUEST_BYTES_MAX} bytes."))
                await _swallowed(reader)
                return
            if not line:
                return
            await self._answer(writer, await self._reply(line))

    async def _answer(self, writer: asyncio.StreamWriter, answer: Reply) -> None:
        self.counts[answer.kind] += 1
        async with asyncio.timeout(ANSWER_WITHIN_S):
            for begins in range(0, len(answer.line), CHUNK_BYTES):
                writer.write(answer.line[begins : begins + CHUNK_BYTES])
                await writer.drain()

    async def _reply(self, line: bytes) -> Reply:
        try:
            verb, command, arguments, actor = _request(line)
            do = self._registry.look if verb == LOOK else self._registry.run
            async with asyncio.timeout(COMMAND_WITHIN_S):
                result = await do(command, arguments, actor)
            if isinstance(result, list) and len(result) > BESIDE:
                return await asyncio.to_thread(_long, result)
            return _encoded("ok", {"ok": True, "result": result})
        except Usage as error:
            return _failure("usage", str(error), error.problems)
        except Refused as error:
            return _failure("refused", str(error), error.problems)
        except Moved as error:
            return _failure("moved", str(error))
        except NoPrimary as error:
            return _failure("no_primary", str(error))
        except TimeoutError:
            return _failure("failed", f"The command took longer than {COMMAND_WITHIN_S:.0f} s; see first what it did.")
        except Exception:  # the task ends here: a command's own fault must not close the door to all others
            _log.exception("local socket: a command failed")
            return _failure("failed", "The command failed by a fault of this software; the peer's log tells where.")


async def _swallowed(reader: asyncio.StreamReader) -> None:
    """Read on for a moment: a client that is still sending would see a broken pipe instead of the answer."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SWALLOW_WITHIN_S):
            while await reader.read(1 << 16):
                pass


def _bound(path: Path) -> socket.socket:
    """Bind without a moment in which others may connect."""
    if path.is_socket():
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except OSError:
                path.unlink(missing_ok=True)  # left by a process that was killed
            else:
                raise ConsoleError(f"another process serves the local socket {path}; stop it first")
    bound = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        bound.bind(str(path))
    except OSError:
        bound.close()
        raise
    finally:
        os.umask(before)
    return bound


def _request(line: bytes) -> tuple[str, str, dict[str, Any], Actor]:
    try:
        asked = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Usage(Problem("", "A request is one line of JSON with command and arguments.")) from error
    verb = LOOK if isinstance(asked, dict) and LOOK in asked else COMMAND
    if not isinstance(asked, dict) or not isinstance(asked.get(verb), str):
        raise Usage(Problem("command", 'A request names its command, such as {"command": "cluster status"}.'))
    arguments, user = asked.get("arguments", {}), asked.get("user", "")
    if not isinstance(arguments, dict) or not isinstance(user, str):
        raise Usage(Problem("arguments", "The arguments of a request are a set of named values, its user is text."))
    user = "".join(c for c in user if c.isprintable())[:USER_MAX]
    return verb, asked[verb], arguments, Actor(user=user or "local", may_write=True, door="cli")


def _failure(kind: str, error: str, problems: tuple[Problem, ...] = ()) -> Reply:
    named = [{"field": problem.field, "sentence": problem.sentence} for problem in problems or (Problem("", error),)]
    return _encoded(kind, {"ok": False, "kind": kind, "error": error, "problems": named})


def _long(rows: list[Any]) -> Reply:
    """Write one row after the other: json writes a whole list without letting anything else run meanwhile."""
    written = ", ".join([json.dumps(row, ensure_ascii=False) for row in rows])
    return Reply("ok", f'{{"ok": true, "result": [{written}]}}\n'.encode("utf-8", "replace"))


def _encoded(kind: str, answer: dict[str, Any]) -> Reply:
    return Reply(kind, json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
