"""How is a call ended from whichever peer? Where it passes: this peer ends it, or asks one that carries it.

The original lets people disconnect only the calls of the peer that they are logged in to (facts 7.11). A BYE goes to
both ends, so that one of the peers that a call passes is enough: one where it is answered, for elsewhere a device may
still be on its way to hear that it is not wanted. A call that rings is ended where it was searched for, and with it on
all peers where it rings.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence

from sextet.cluster.face import Owned
from sextet.cluster.wire.feed import CallFailed
from sextet.engine import Engine, EngineError
from sextet.model.schema import Problem, Refused
from sextet.model.status import Call

NAME = "disconnect"  # of the call between peers
LIMIT_S = 5.0
WHO_CHARACTERS_MAX = 128

Ask = Callable[[int, str, bytes, float], Awaitable[bytes]]


class Disconnecting:
    """Ends calls here, or has another peer end them; `number` is this peer's place in the list."""

    def __init__(self, engines: Callable[[], Sequence[Engine]], number: Callable[[], int], ask: Ask) -> None:
        self._engines, self._number, self._ask = engines, number, ask

    async def end(self, calls: Sequence[Owned[Call]], tag: str, user: str) -> Call:
        """End the call with this tag; gives it as it was. Raises Refused with what was tried."""
        parts = parts_of(calls, tag)
        parts.sort(key=self._order)
        failures = []
        for part in parts:
            try:
                if part.number == self._number():
                    await self._here(part.row.call_id, user)
                else:
                    question = json.dumps({"call_id": part.row.call_id, "user": user}).encode()
                    await self._ask(part.number, NAME, question, LIMIT_S)
            except (CallFailed, EngineError) as error:
                failures.append(f"{part.peer}: {error}")
            else:
                return part.row
        raise Refused(Problem("tag", f"The call was not ended: {'; '.join(failures)}."))

    async def answer(self, data: bytes) -> bytes:
        """End a call because an administrator asked for it on another peer. Raises CallFailed."""
        try:
            asked = json.loads(data)
            call_id, user = str(asked["call_id"]), str(asked["user"])[:WHO_CHARACTERS_MAX]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise CallFailed("this is no call") from error
        try:
            await self._here(call_id, user)
        except EngineError as error:
            raise CallFailed(str(error)) from error
        return b""

    def _order(self, part: Owned[Call]) -> tuple[bool | int, ...]:
        """The peer that searched knows the rule."""
        own, row = part.number == self._number(), part.row
        return part.stale, row.state != "connected", not row.rule, not own, part.number

    async def _here(self, call_id: str, user: str) -> None:
        error: EngineError = EngineError("no engine carries calls here")
        for engine in self._engines():
            try:
                await engine.disconnect(call_id, f"Disconnected by administrator {user}")
            except EngineError as failed:
                error = failed
            else:
                return
        raise error


def parts_of(calls: Sequence[Owned[Call]], tag: str) -> list[Owned[Call]]:
    """Find what peers have of the call with this tag or serial number; raises Refused where there is none."""
    parts = [one for one in calls if tag in (one.row.tag, one.row.serial)]
    if not parts:
        raise Refused(Problem("tag", f"There is no call {tag[:64]!r} any more; `call list` lists them."))
    return parts
