"""sextetd's line to the agent inside Kamailio (kemi/agent.py): one question at a time, whole pictures in pieces."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sextet.engine import EngineError, Picture, Shared
from sextet.model.status import Binding, Call
from sextet.sip.events import bindings_of, call_of, report_of
from sextet.sip.kemi.agent import MESSAGE_BYTES_MAX, SOCKET
from sextet.sip.zone_book import Report

ANSWER_S = 10.0  # a picture of 100,000 registrations takes 0.3 s; ten is a process that hangs
OWNERS_PER_MESSAGE = 1000


def use_key(element: str) -> str:
    """Name an element among the orders of reports: no alias and no Call-ID begins so."""
    return f"use {element}"


class AgentLine:
    """One connection; made when it is needed, made anew when it broke."""

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / SOCKET
        self._socket: socket.socket | None = None
        self._turn = asyncio.Lock()
        # As the last pulse said: registrations carried to other systems, calls whose dialog is at another peer only.
        self.carried = 0
        self.guests: dict[int, list[str]] = {}

    async def follow(self) -> None:
        """Make the workers use the newest instructions; raises EngineError when they cannot."""
        problem = (await self._ask({"ask": "follow"})).get("problem", "")
        if problem:
            raise EngineError(f"Kamailio's workers refused the new configuration and keep the old one: {problem}")

    async def owners(self, changes: Mapping[str, str], complete: bool) -> None:
        """Say which other peers have devices of an alias ("2,3"; "" for none); raises EngineError."""
        names = list(changes)
        starts = range(0, max(len(names), 1), OWNERS_PER_MESSAGE)
        for start in starts:
            part = names[start : start + OWNERS_PER_MESSAGE]
            await self._ask(
                {
                    "ask": "owners",
                    "set": {name: changes[name] for name in part if changes[name]},
                    "gone": [name for name in part if not changes[name]],
                    "begin": complete and start == starts[0],
                    "end": complete and start == starts[-1],
                }
            )

    async def share(
        self, views: Mapping[str, Shared], sharers: int, orders: Mapping[str, int], complete: bool
    ) -> tuple[int, dict[str, int], list[str]]:
        """Say what is used elsewhere; gives what is used of these elements here, and its order. Raises EngineError.

        The elements given last are to be told again (kemi/limits/ledger.py).
        """
        names = list(views)
        use: dict[str, int] = {}
        again: list[str] = []
        order = 0
        for start in range(0, max(len(names), 1), OWNERS_PER_MESSAGE):
            part = names[start : start + OWNERS_PER_MESSAGE]
            told = {name: (views[name].others_kbps, views[name].confirmed_kbps, orders.get(name, 0)) for name in part}
            first = complete and not start and len(names) <= OWNERS_PER_MESSAGE
            answer = await self._ask({"ask": "share", "views": told, "sharers": sharers, "complete": first})
            order = order or int(answer["order"])
            use |= {str(name): int(kbps) for name, kbps in answer["use"].items()}
            again += answer["again"]
        return order, use, again

    async def release(self, alias: str, device: str, why: str = "") -> bool:
        """Drop the binding of a device, which is told with this reason; says whether there was one. Raises EngineError.

        Without a reason it registered with another peer since.
        """
        return bool((await self._ask({"ask": "release", "alias": alias, "device": device, "why": why})).get("found"))

    async def hold(self, call_id: str) -> None:
        """Have what answers the BYEs of a call held back, for some 200 ms at most; raises EngineError."""
        await self._ask({"ask": "hold", "call_id": call_id})

    async def let_go(self, call_id: str) -> None:
        """Have it let through again; raises EngineError."""
        await self._ask({"ask": "let_go", "call_id": call_id})

    async def cancelled(self, call_id: str) -> None:
        """Say that a call that rings is cancelled from here; raises EngineError."""
        await self._ask({"ask": "cancelled", "call_id": call_id})

    async def lost(self, call_id: str, reason: str) -> None:
        """Say that a call is over, of which no message told; reported like any end. Raises EngineError."""
        await self._ask({"ask": "lost", "call_id": call_id, "reason": reason})

    async def answer(self, transaction: str, answers: Sequence[tuple[str, list[str], int]]) -> None:
        """Bring what DNS said, for a transaction that waits; raises EngineError."""
        await self._ask({"ask": "answer", "transaction": transaction, "answers": list(answers)})

    async def name(self, zone: str, hops: Sequence[str]) -> None:
        """Ask next hops of a DNS zone for their names; each answer is an event. Raises EngineError."""
        await self._ask({"ask": "name", "zone": zone, "hops": list(hops)})

    async def ping(self, zone: str) -> None:
        """Ask the addresses of a zone now; raises EngineError."""
        await self._ask({"ask": "ping", "zone": zone})

    async def pulse(self) -> dict[str, int]:
        """Ask whether all is well; gives what the workers counted. Raises EngineError."""
        answer = await self._ask({"ask": "pulse"})
        self.carried = int(answer.get("carried", 0))
        self.guests = {int(peer): list(call_ids) for peer, call_ids in answer.get("guests", ())}
        counted: dict[str, int] = answer.get("count", {})
        return counted

    async def messages(self) -> list[tuple[str, str]]:
        """Take the messages that were kept for the log: what is known of each, and the message. Raises EngineError."""
        answer = await self._ask({"ask": "messages"})
        return [(str(about), str(text)) for about, text in answer.get("messages", [])]

    async def picture(self) -> tuple[Picture, tuple[Report, ...], dict[str, int]]:
        """Read everything that Kamailio carries and knows of zones, and the order of the last report on each.

        Raises EngineError.
        """
        registrations: dict[str, tuple[Binding, ...]] = {}
        calls: list[Call] = []
        zones: list[Report] = []
        use: dict[str, int] = {}
        orders: dict[str, int] = {}
        async with self._asked({"ask": "picture"}) as line:
            while "end" not in (answer := await self._receive(line)):
                for table, name, (order, row, *_) in answer["rows"]:
                    orders[name] = order
                    if table == "zone":
                        zones.append(report_of(row))
                    elif table == "use":
                        use |= row
                        orders |= {use_key(element): order for element in row}
                    elif row and table == "reg":
                        registrations[name] = bindings_of(row)
                    elif row:
                        calls.append(call_of(row))
        return Picture(registrations=registrations, calls=calls, use=use), tuple(zones), orders

    def close(self) -> None:
        """Let go of the connection, amid a question as well, which fails; the next one makes a new connection."""
        line, self._socket = self._socket, None
        if line is None:
            return
        if self._turn.locked():  # the loop has its number, and would hear of nothing that is opened with the same one
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        else:
            line.close()

    async def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        async with self._asked(message) as line:
            return await self._receive(line)

    @contextlib.asynccontextmanager
    async def _asked(self, message: dict[str, Any]) -> AsyncIterator[socket.socket]:
        """Send a question, and give the connection on which it is answered; raises EngineError."""
        async with self._turn:
            known = self._socket is not None
            line = self._socket = self._socket or socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            try:
                await self._send(line, known, message)
                yield line
            except BaseException:  # cancelled as well: its answer would be taken for the next question's
                if self._socket is line:
                    self._socket = None
                raise
            finally:
                if self._socket is not line:
                    line.close()

    async def _send(self, line: socket.socket, known: bool, message: dict[str, Any]) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(ANSWER_S):
                if not known:
                    line.setblocking(False)
                    line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * MESSAGE_BYTES_MAX)
                    await loop.sock_connect(line, str(self._path))
                await loop.sock_sendall(line, json.dumps(message).encode())
        except (OSError, TimeoutError) as error:
            raise EngineError(f"asking Kamailio to {message['ask']}, over {self._path}") from error

    async def _receive(self, line: socket.socket) -> dict[str, Any]:
        try:
            async with asyncio.timeout(ANSWER_S):
                data = await asyncio.get_running_loop().sock_recv(line, 4 * MESSAGE_BYTES_MAX)
            answer: dict[str, Any] = json.loads(data)
        except (OSError, TimeoutError, ValueError) as error:
            raise EngineError(f"reading Kamailio's answer, from {self._path}") from error
        return answer
