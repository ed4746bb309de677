"""How is an alarm acknowledged on whichever peer raises it? There: this peer asks it, and it notes who has seen it.

The original lets people acknowledge only the alarms of the peer that they are logged in to (facts 4.1).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping

from sextet.cluster.rows.alarms import Alarms
from sextet.cluster.wire.feed import CallFailed
from sextet.model.alarms import TYPES, AlarmType
from sextet.model.schema import Problem, Refused

NAME = "acknowledge"  # of the call between peers
LIMIT_S = 5.0
WHO = ("Src-ip", "Src-port", "User")  # of the audit; nothing else of another peer's question is written
KEY_CHARACTERS_MAX = 1024

Ask = Callable[[int, str, bytes, float], Awaitable[bytes]]


class Acknowledging:
    """Notes here, or has another peer note."""

    def __init__(self, alarms: Alarms, ask: Ask) -> None:
        self._alarms, self._ask = alarms, ask

    async def note(self, alarm: AlarmType, key: str, who: Mapping[str, str], number: int) -> None:
        """Acknowledge an alarm of peer `number`, 0 for this one; `who` are the audit's fields. Raises Refused."""
        if not number:
            self._alarms.acknowledge(alarm, key, who)
            return
        question = json.dumps({"number": alarm.number, "key": key, "who": dict(who)}).encode()
        try:
            await self._ask(number, NAME, question, LIMIT_S)
        except CallFailed as error:
            sentence = f"Alarm {alarm.number} of peer {number} was not acknowledged: {error}. Do it on that peer."
            raise Refused(Problem("number", sentence)) from error

    async def answer(self, data: bytes) -> bytes:
        """Acknowledge because an administrator asked for it on another peer. Raises CallFailed."""
        try:
            asked = json.loads(data)
            alarm, key, who = TYPES[asked["number"]], str(asked["key"])[:KEY_CHARACTERS_MAX], asked["who"]
            fields = {name: str(who[name]) for name in WHO if name in who}
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise CallFailed("that peer does not know this alarm") from error
        if not self._alarms.acknowledge(alarm, key, fields):
            raise CallFailed("it is not raised there any more")
        return b""
