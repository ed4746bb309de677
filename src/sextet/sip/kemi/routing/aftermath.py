"""What comes after all rounds of a decision are over: the scripts that named its targets are asked (call/policy).

What they need to be asked with stays with the transaction, beside the rounds that are left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sextet.call.alias import key
from sextet.call.decision import Elsewhere, Here, Refuse, Request, Searched, Then, Try
from sextet.call.policy.asking import outcome
from sextet.call.policy.cpl import Result
from sextet.call.search import again
from sextet.call.source import LOCAL, Source, SourceKind
from sextet.call.stages import Stages
from sextet.call.table import Table

BUSY = (486, 600)
NO_ANSWER = 408
CHALLENGED = (401, 407, 487)  # for the caller himself to answer, or his own doing


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """Whom to ask, in this order, and about which request."""

    request: Request
    then: tuple[Then, ...] = ()

    @property
    def ring_s(self) -> int:
        """How long a round may ring; 0 is as long as any call may."""
        return min((one.timeout_s for one in self.then if one.timeout_s), default=0)

    @property
    def stops_on_busy(self) -> bool:
        return all(one.stop_on_busy for one in self.then)

    def to_row(self) -> list[Any]:
        """Write it for the transaction; where there is nobody to ask, the request is not needed either."""
        return [asdict(self.request), [asdict(one) for one in self.then]] if self.then else []

    @staticmethod
    def from_row(row: Sequence[Any]) -> Aftermath:
        """Read what to_row wrote."""
        if not row:
            return NOTHING
        request, then = row
        source = request["source"]
        origin = Source(SourceKind(source["kind"]), source["name"], source["number"], source["subzone"])
        return Aftermath(request=Request(**{**request, "source": origin}), then=tuple(Then(**one) for one in then))


NOTHING = Aftermath(request=Request(protocol="SIP", alias="", source=LOCAL, authenticated=False))


def asked(
    table: Table, after: Aftermath, status: int, here: Here, elsewhere: Elsewhere, stages: Stages
) -> tuple[Searched, Aftermath] | None:
    """Ask who has something to say about this ending; None where the caller gets the answer that there was."""
    result = _result(status)
    if result is None:
        return None
    for place, then in enumerate(after.then):
        answer = outcome(table, after.request, then, result, status)
        if answer is None or (not isinstance(answer, Refuse) and not answer.groups):
            continue
        outer = after.then[place + 1 :]
        if isinstance(answer, Refuse):
            return Searched(answer, ()), Aftermath(request=after.request)
        found = again(table, after.request, (key(then.alias),), answer, here, elsewhere, stages)
        own = found.decision.then if isinstance(found.decision, Try) else ()
        next_one = (replace(answer.then, caller=answer.caller),) if answer.then and answer.then.node >= 0 else ()
        return found, Aftermath(request=after.request, then=(*own, *next_one, *outer))
    return None


def _result(status: int) -> Result | None:
    """Name an ending in the words of RFC 3880 6.1."""
    if status in CHALLENGED:
        return None
    if status in BUSY:
        return "busy"
    if status == NO_ANSWER:
        return "noanswer"
    return "redirection" if 300 <= status < 400 else "failure"
