"""Which calls have passed this peer? Kept on its disk by size, each when it is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sextet.model.past_calls import PastCall
from sextet.model.status import Call
from sextet.watch.event_log import wall_clock
from sextet.watch.history import History

FILE = "calls.log"
UNDER_WAY_MAX = 20_000  # calls of the largest platform, ten times; the oldest are forgotten


@dataclass(slots=True)
class _UnderWay:
    call: Call
    began_s: float
    answered_s: float | None = None
    kbps: int = 0


class CallHistory(History[PastCall]):
    """Remembers calls from their first report to their end; `clock` is monotonic."""

    def __init__(self, directory: Path, clock: Callable[[], float], wall: Callable[[], datetime] = wall_clock) -> None:
        super().__init__(directory / FILE, PastCall, wall)
        self._clock, self._wall = clock, wall
        self._under_way: dict[str, _UnderWay] = {}

    def changed(self, call: Call) -> None:
        """Take over how a call is now."""
        now = self._clock()
        known = self._under_way.get(call.call_id)
        if known is None:
            known = self._under_way[call.call_id] = _UnderWay(call, now)
            if len(self._under_way) > UNDER_WAY_MAX:
                del self._under_way[next(iter(self._under_way))]
        known.call, known.kbps = call, max(known.kbps, call.kbps)
        if call.state == "connected" and known.answered_s is None:
            known.answered_s = now

    def ended(self, call_id: str, reason: str) -> None:
        """Write a call that is over."""
        known = self._under_way.pop(call_id, None)
        if known is None:
            return
        now, call = self._clock(), known.call
        began = self._wall() - timedelta(seconds=now - known.began_s)
        answered_s = now if known.answered_s is None else known.answered_s
        past = PastCall(
            tag=call.tag, serial=call.serial, call_id=call_id, source=call.source, destination=call.destination,
            protocol=call.protocol, route=call.route, rule=call.rule, nodes=call.nodes, kbps=known.kbps,
            at=began.isoformat(timespec="milliseconds"), rang_s=round(answered_s - known.began_s, 3),
            lasted_s=0.0 if known.answered_s is None else max(0.001, round(now - known.answered_s, 3)), reason=reason,
        )  # fmt: skip
        self._keep(past)
