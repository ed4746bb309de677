"""How all peers are asked the same, in bounded time: this one answers itself, who does not answer is named."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sextet.admin.peers.mesh import peer_name
from sextet.cluster.face import Face
from sextet.cluster.wire.feed import CallFailed

LIMIT_S = 3.0  # for all peers together: a page waits no longer for a peer that does not answer
Question = Mapping[str, Any]


class Peers(Protocol):
    """The way to the other peers."""

    async def ask(self, number: int, name: str, question: bytes, limit_s: float) -> bytes: ...

    def answer(self, name: str, handler: Callable[[bytes], Awaitable[bytes]]) -> None: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What one peer answered."""

    number: int
    peer_name: str
    value: Mapping[str, Any]


class Everybody:
    """Asks every peer under one name; `own` is what this peer answers, here and to the others."""

    def __init__(
        self, face: Face, peers: Peers, name: str, own: Callable[[Question], Awaitable[Mapping[str, Any]]]
    ) -> None:
        self._face, self._peers, self._name, self._own = face, peers, name, own
        peers.answer(name, self._heard)

    async def ask(self, question: Question) -> tuple[list[Answer], tuple[str, ...]]:
        """Give the answers, this peer's first, and the names of those that did not answer."""
        members = self._face.status().members
        own = next(((one.number, peer_name(one)) for one in members if one.this_system), (0, "This system"))
        others = [(one.number, peer_name(one)) for one in members if not one.this_system]
        data = json.dumps(question).encode()
        answers = await asyncio.gather(*(self._one(number, data) for number, _ in others))
        heard = [Answer(*who, value) for who, value in zip(others, answers, strict=True) if value is not None]
        silent = tuple(name for (_, name), value in zip(others, answers, strict=True) if value is None)
        return [Answer(*own, json.loads(await self._heard(data))), *heard], silent

    async def _one(self, number: int, data: bytes) -> Mapping[str, Any] | None:
        try:
            answer = json.loads(await self._peers.ask(number, self._name, data, LIMIT_S))
        except (CallFailed, ValueError):
            return None
        return answer if isinstance(answer, dict) else None

    async def _heard(self, data: bytes) -> bytes:
        try:
            question = json.loads(data)
        except (ValueError, RecursionError):
            question = {}
        return json.dumps(await self._own(question if isinstance(question, dict) else {})).encode()
