"""Status > Call history: calls of the whole cluster that are over, their parts on several peers as one; and an end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sextet.admin.actor import Actor
from sextet.admin.door import Door
from sextet.admin.everybody import Answer, Everybody, Peers, Question
from sextet.cluster.face import Face
from sextet.engine import Journal
from sextet.model.past_calls import PastCall, call_of, row_of
from sextet.watch.past_calls import CallHistory

NAME = "calls"  # of the call between peers
LIST_MAX = 200  # calls of one answer of one peer; some 500 bytes each


@dataclass(frozen=True, slots=True, kw_only=True)
class PastCallLine:
    """One call with all the peers that it passed; the caller's peer first."""

    call: PastCall  # as the first of these peers kept it
    peer_names: tuple[str, ...]
    legs: tuple[PastCall, ...]
    kbps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PastCalls:
    """What all peers answered; `silent` names those that did not."""

    lines: tuple[PastCallLine, ...]
    silent: tuple[str, ...]


class CallDesk:
    """The calls of the cluster for administrators: those that are over, and an end for those that are not."""

    def __init__(self, face: Face, door: Door, peers: Peers, history: CallHistory, journal: Journal) -> None:
        self._face, self._door, self._history, self._journal = face, door, history, journal
        self._everybody = Everybody(face, peers, NAME, self._asked)

    def apply(self) -> None:
        """Make what is saved true."""
        self._history.limit(self._face.saved.dial_plan.history_size << 20)

    async def newest(self, containing: str = "", most: int = LIST_MAX) -> PastCalls:
        """Give the newest calls of all peers, the newest first."""
        answers, silent = await self._everybody.ask({"containing": containing, "most": most})
        return PastCalls(lines=joined(answers)[:most], silent=silent)

    async def disconnect(self, actor: Actor, tag: str) -> str:
        """End a call, whichever peers it passes; gives what was done. Raises Refused."""
        self._door.demand_write(actor, "disconnect a call")
        call = await self._face.disconnect(tag, actor.user)
        detail = f"{call.source} to {call.destination}"
        fields = {"Call-serial-number": call.serial, "Tag": call.tag, "Detail": detail}
        self._journal.event("Call Disconnect Requested", **fields, **actor.audit)
        return f"The call from {detail} is being ended."

    async def _asked(self, question: Question) -> Mapping[str, Any]:
        most = question.get("most", LIST_MAX)
        wanted = min(most, LIST_MAX) if isinstance(most, int) else LIST_MAX
        found = await asyncio.to_thread(self._history.newest, str(question.get("containing", "")), wanted)
        return {"calls": [row_of(one) for one in found]}


def joined(answers: Sequence[Answer]) -> tuple[PastCallLine, ...]:
    """Make one line of the parts that share a tag, the newest call first."""
    parts: dict[str, list[tuple[str, PastCall]]] = {}
    for answer in answers:
        for call in _calls(answer):
            parts.setdefault(call.tag or call.serial, []).append((answer.peer_name, call))
    lines = [_line(sorted(legs, key=lambda leg: leg[1].at)) for legs in parts.values()]
    return tuple(sorted(lines, key=lambda line: line.call.at, reverse=True))


def _line(legs: Sequence[tuple[str, PastCall]]) -> PastCallLine:
    """The peer that searched knows the rule; what the caller's peer saw first is where the call began."""
    first = next((call for _, call in legs if call.rule), legs[0][1])
    names = tuple(dict.fromkeys(name for name, _ in legs))
    calls = tuple(call for _, call in legs)
    return PastCallLine(call=first, peer_names=names, legs=calls, kbps=max(call.kbps for call in calls))


def _calls(answer: Answer) -> list[PastCall]:
    try:
        return [call_of(row) for row in answer.value["calls"]]
    except (KeyError, TypeError, ValueError):
        return []  # a peer of another version
