"""Status > Call history: calls of the whole cluster that are over, their parts on several peers as one; and an end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sextet.admin.actor import Actor
from sextet.admin.door import Door
from sextet.admin.everybody import Peers
from sextet.admin.newest import LIST_MAX, Newest
from sextet.cluster.disconnecting import parts_of
from sextet.cluster.face import Face
from sextet.engine import Journal
from sextet.model.past_calls import PastCall
from sextet.model.status import Call
from sextet.watch.past_calls import CallHistory

NAME = "calls"  # of the call between peers
NORMAL = "Normal"  # a BYE came by; only the peer that sent it may know why (sip/kemi/script.py)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastCallLine:
    """One call with all the peers that it passed; the caller's peer first."""

    call: PastCall  # as the first of these peers kept it, with the reason of the one that knows more
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
        self._face, self._door, self._journal = face, door, journal
        self._newest = Newest(face, peers, NAME, PastCall, history.newest)

    async def newest(self, containing: str = "", most: int = LIST_MAX) -> PastCalls:
        """Give the newest calls of all peers, the newest first."""
        found, silent = await self._newest.ask(containing, most)
        return PastCalls(lines=joined(found)[:most], silent=silent)

    def find(self, tag: str) -> Call:
        """Find the call with this tag; raises Refused where there is none."""
        return parts_of(self._face.calls(), tag)[0].row

    async def disconnect(self, actor: Actor, tag: str) -> str:
        """End a call, whichever peers it passes; gives what was done. Raises Refused."""
        self._door.demand_write(actor, "disconnect a call")
        call = await self._face.disconnect(tag, actor.user)
        detail = f"{call.source} to {call.destination}"
        fields = {"Call-serial-number": call.serial, "Tag": call.tag, "Detail": detail}
        self._journal.event("Call Disconnect Requested", **fields, **actor.audit)
        return f"The call from {detail} is being ended."


def joined(found: Sequence[tuple[str, PastCall]]) -> tuple[PastCallLine, ...]:
    """Make one line of the parts that share a tag, the newest call first; each part with the name of its peer."""
    parts: dict[str, list[tuple[str, PastCall]]] = {}
    for peer_name, call in found:
        parts.setdefault(call.tag or call.serial, []).append((peer_name, call))
    lines = [_line(sorted(legs, key=lambda leg: leg[1].at)) for legs in parts.values()]
    return tuple(sorted(lines, key=lambda line: line.call.at, reverse=True))


def _line(legs: Sequence[tuple[str, PastCall]]) -> PastCallLine:
    """The peer that searched knows the rule; what the caller's peer saw first is where the call began.

    Of a call that was up, a peer that ended it knows why, and the others have only seen a BYE.
    """
    first = next((call for _, call in legs if call.rule), legs[0][1])
    names = tuple(dict.fromkeys(name for name, _ in legs))
    calls = tuple(call for _, call in legs)
    if first.reason == NORMAL:
        why = next((call.reason for call in calls if call.connected and call.reason != NORMAL), NORMAL)
        first = replace(first, reason=why)
    return PastCallLine(call=first, peer_names=names, legs=calls, kbps=max(call.kbps for call in calls))
