"""Which calls pass this peer."""

from __future__ import annotations

from collections.abc import Sequence

from sextet.cluster.rows.books import DropRow, Effect, PutRow
from sextet.model.status import Call

KIND = "call"


class CallBook:
    """The own calls as engines report them, by Call-ID; their rows are named by serial, which is short."""

    def __init__(self) -> None:
        self.own: dict[str, Call] = {}

    def changed(self, call: Call) -> list[Effect]:
        before = self.own.get(call.call_id)
        if before == call:
            return []
        gone = self.ended(call.call_id) if before and before.serial != call.serial else []
        self.own[call.call_id] = call
        return [*gone, PutRow(KIND, call.serial, call)]

    def ended(self, call_id: str) -> list[Effect]:
        call = self.own.pop(call_id, None)
        return [DropRow(KIND, call.serial)] if call else []

    def picture(self, calls: Sequence[Call]) -> list[Effect]:
        """Replace the own calls by what is really there."""
        there = {call.call_id for call in calls}
        ended = [effect for call_id in list(self.own) if call_id not in there for effect in self.ended(call_id)]
        return [*ended, *(effect for call in calls for effect in self.changed(call))]
