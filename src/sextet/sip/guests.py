"""Ends calls that another peer sent here and has no more, where nothing else would (kemi/limits/guests.py)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from sextet.sip.agent_line import AgentLine

LOST_S = 20.0  # a peer whose sextetd was started again reads its calls back long before; it is over within a minute
REASON = "Not there any more at the peer that it came from"

Gone = Callable[[int, Collection[str]], Collection[str]]  # engine.Host.gone


class Guests:
    """Since when the peers that they came from do not have these calls."""

    def __init__(self, line: AgentLine, gone: Gone) -> None:
        self._line, self._gone = line, gone
        self._since_s: dict[str, float] = {}  # Call-ID -> when it was missed first

    async def round(self, guests: Mapping[int, Collection[str]], now_s: float) -> None:
        """Look once more, and end what has been missing for long enough."""
        missed = {call_id for number, call_ids in guests.items() for call_id in self._gone(number, call_ids)}
        self._since_s = {call_id: self._since_s.get(call_id, now_s) for call_id in missed}
        for call_id, since_s in self._since_s.items():
            if now_s - since_s >= LOST_S:
                await self._line.lost(call_id, REASON)
