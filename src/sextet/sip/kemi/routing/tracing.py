"""What is told of a search: once when it is decided, and with what its targets answered (model/searches.py).

A search carries its id through the transaction. Which branch belongs to which target, and what it answered when, the
native routes note in two AVPs, `legs` and `said`: `" 0=2"` means that branch 0 asks target 2, `" 0=404@17.25"` that
branch 0 answered 404 at second 17.25.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from sextet.call.decision import Elsewhere, Here, Note, Refuse, Request, Searched, Target
from sextet.model.searches import STEPS_MAX, TEXT_MAX
from sextet.sip.kemi.reporting import Reporter, written

_SAID = re.compile(r"(\d+)=(\d{3})@([0-9.]+)")
_LEG = re.compile(r"(\d+)=(\d*)")


class Lookups:
    """Answers who has devices of an alias, and remembers what it answered: the search can be explained later."""

    def __init__(self, here: Here, elsewhere: Elsewhere) -> None:
        self._here, self._elsewhere = here, elsewhere
        self.found: dict[str, list[int]] = {}  # alias -> owners; 0 is this peer

    def here(self, alias: str) -> bool:
        """See decision.Here."""
        found = self._here(alias)
        self._note(alias, [0] if found else [])
        return found

    def elsewhere(self, alias: str) -> Sequence[int]:
        """See decision.Elsewhere."""
        numbers = self._elsewhere(alias)
        self._note(alias, numbers)
        return numbers

    def _note(self, alias: str, numbers: Sequence[int]) -> None:
        for number in numbers:
            known = self.found.setdefault(alias, [])
            if number not in known:
                known.append(number)


def told(
    reporter: Reporter, name: str, request: Request, searched: Searched, lookups: Lookups, generation: int,
    method: str, call_id: str,
) -> None:  # fmt: skip
    """Tell of a search that was decided."""
    decision, source = searched.decision, request.source
    targets, status, reason = [], 0, ""
    if isinstance(decision, Refuse):
        status, reason = decision.status, decision.reason
    else:
        targets = [_target(one) for each in decision.rounds for one in each.targets]
    values = {
        "id": name, "tag": request.tag, "call_id": call_id[:TEXT_MAX], "method": method, "protocol": request.protocol,
        "source_kind": source.kind, "source": source.name, "source_number": source.number,
        "caller": request.caller[:TEXT_MAX], "alias": request.alias[:TEXT_MAX], "authenticated": request.authenticated,
        "hops": request.hops, "subzone": source.subzone, "user": request.user[:TEXT_MAX],
        "generation": generation, "registered": lookups.found,
        "notes": [_row(one) for one in searched.notes[:STEPS_MAX]], "targets": targets,
        "status": status, "reason": reason,
    }  # fmt: skip
    if request.device is not None:
        values["device"] = request.device[:TEXT_MAX]
    reporter.send(f'"kind":"search","search":{written(values)}', more=True)


def answered(ksr: Any, reporter: Reporter, name: str, began: float, status: int, final: bool) -> None:
    """Tell what the branches of a search have answered so far; one without a name was not told of."""
    if not name:
        return
    legs = dict(_LEG.findall(str(ksr.pv.get("$avp(legs)") or "")))
    answers = [
        (int(legs.get(branch) or -1), int(code), max(0, round((float(moment) - began) * 1000)))
        for branch, code, moment in _SAID.findall(str(ksr.pv.get("$avp(said)") or ""))
    ]
    reporter.send(
        f'"kind":"answers","id":{written(name)},"status":{status},"final":{written(final)},"answers":{written(answers)}'
    )


def ended(ksr: Any, reporter: Reporter, status: int) -> None:
    """Tell that a call was answered, and by whom, or that the caller gave up."""
    steps = ksr.pv.get("$avp(steps)")
    if steps:
        call = json.loads(steps)[1]
        answered(ksr, reporter, call["search"], call["began"], status, True)


def clock(ksr: Any) -> float:
    """Read the clock with which the native routes note answers."""
    return float(ksr.pv.get("$TV(Sn)") or 0)


def _row(note: Note) -> tuple[Any, ...]:
    return (
        note.kind, note.name, note.matched, note.before, note.after, note.finding[:TEXT_MAX],
        note.priority, note.target,
    )  # fmt: skip


def _target(target: Target) -> tuple[str, str, str]:
    return (
        target.zone or {"local": "Local Zone", "direct": target.alias}.get(target.kind, ""),
        target.alias,
        target.rule,
    )
