"""What comes after all rounds of a decision are over: the scripts that named its targets are asked (call/policy).

What they need to be asked with stays with the transaction, beside the rounds that are left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sextet.call.alias import key
from sextet.call.decision import Elsewhere, Here, Refuse, Request, Searched, Then, Try
from sextet.call.policy.asking import ended
from sextet.call.search import again
from sextet.call.source import LOCAL, Source, SourceKind
from sextet.call.stages import Stages
from sextet.call.table import Table

TURNS_MAX = 10  # of one call: scripts may lead from busy to busy in a circle


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """Whom to ask, in this order, and about which request."""

    request: Request
    then: tuple[Then, ...] = ()
    turns: int = 0  # how often somebody has said so far what comes after

    @property
    def ring_s(self) -> int:
        """How long a round may ring; 0 is as long as any call may."""
        return min((one.timeout_s for one in self.then if one.timeout_s), default=0)

    @property
    def stops_on_busy(self) -> bool:
        return all(one.stop_on_busy for one in self.then)

    def to_row(self) -> list[Any]:
        """Write it for the transaction; where there is nobody to ask, the request is not needed either."""
        return [asdict(self.request), [asdict(one) for one in self.then], self.turns] if self.then else []

    @staticmethod
    def from_row(row: Sequence[Any]) -> Aftermath:
        """Read what to_row wrote."""
        if not row:
            return NOTHING
        request, then, turns = row
        source = request["source"]
        origin = Source(SourceKind(source["kind"]), source["name"], source["number"], source["subzone"])
        asked_for = Request(**{**request, "source": origin})
        return Aftermath(request=asked_for, then=tuple(Then(**one) for one in then), turns=turns)


NOTHING = Aftermath(request=Request(protocol="SIP", alias="", source=LOCAL, authenticated=False))


def asked(
    table: Table, after: Aftermath, status: int, here: Here, elsewhere: Elsewhere, stages: Stages
) -> tuple[Searched, Aftermath] | None:
    """Ask who has something to say about this ending; None where the caller gets the answer that there was."""
    if after.turns == TURNS_MAX:
        return None
    for place, then in enumerate(after.then):
        answer = ended(table, after.request, then, status)
        if isinstance(answer, Refuse):
            return Searched(answer, ()), Aftermath(request=after.request)
        if answer is not None:
            outer = after.then[place + 1 :]
            found = again(table, after.request, (key(then.alias),), answer, here, elsewhere, stages, outer)
            own = found.decision.then if isinstance(found.decision, Try) else ()
            return found, Aftermath(request=after.request, then=own, turns=after.turns + 1)
    return None
