"""What have all peers kept of one kind? The newest lines of each, asked for at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from sextet.admin.everybody import Answer, Everybody, Peers, Question
from sextet.cluster.face import Face
from sextet.model.lines import row_of, value_of

LIST_MAX = 200  # of one answer of one peer; some 500 bytes each
T = TypeVar("T")


class Newest(Generic[T]):
    """Asks every peer for its newest values under one name; `own` gives this peer's, for a text and a number."""

    def __init__(self, face: Face, peers: Peers, name: str, kind: type[T], own: Callable[[str, int], list[T]]) -> None:
        self._name, self._kind, self._own = name, kind, own
        self._everybody = Everybody(face, peers, name, self._asked)

    async def ask(self, containing: str, most: int) -> tuple[list[tuple[str, T]], tuple[str, ...]]:
        """Give them with the names of their peers, in no order, and the names of the peers that did not answer."""
        answers, silent = await self._everybody.ask({"containing": containing, "most": most})
        return [(answer.peer_name, value) for answer in answers for value in self.read(answer)], silent

    def read(self, answer: Answer) -> list[T]:
        """Read what one peer answered; of another version nothing."""
        try:
            return [value_of(self._kind, row) for row in answer.value[self._name]]
        except (KeyError, TypeError, ValueError):
            return []

    async def _asked(self, question: Question) -> Mapping[str, Any]:
        most = question.get("most", LIST_MAX)
        wanted = min(most, LIST_MAX) if isinstance(most, int) else LIST_MAX
        found = await asyncio.to_thread(self._own, str(question.get("containing", "")), wanted)
        return {self._name: [row_of(one) for one in found]}
