"""What is told of a search: once when it is decided, and with what its targets answered (model/searches.py).

A search carries its id through the transaction. Which branch belongs to which target, and what it answered when, the
native routes note in two AVPs, `legs` and `said`: `" 0=2"` means that branch 0 asks target 2, `" 0=404@17.25=4e6f,"`
that branch 0 answered 404 at second 17.25, with its reason phrase and its Reason header (RFC 3326) as hexadecimal
digits. A branch that has none when its round is over did not answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sextet.call.decision import UNSAFE, Elsewhere, Here, Note, Refuse, Request, Searched, Target
from sextet.model.searches import STEPS_MAX, TEXT_MAX
from sextet.sip.kemi.reporting import Reporter, read_back, written

_SAID = re.compile(r"(\d+)=(\d{3})@([0-9.]+)(?:=([0-9a-f]*),([0-9a-f]*))?")
_REASON = re.compile(r'text="((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_WORDS_MAX = 160  # characters of a reason
_NO_ANSWER = 408
SILENT = "no answer"
_CANCELLED = 487
BRANCH = "$sel(v[1].branch)"  # what a CANCEL has in common with its request; kamailio.cfg.j2 says it too
# What the htable `cancelled` holds for Call-ID and branch: see kamailio.cfg.j2, and agent.py for the last.
WHOSE = ("the caller gave up", "another device answered", "it was disconnected")
_LEG = re.compile(r"(\d+)=(\d*)")


class Lookups:
    """Answers who has devices of an alias, and remembers what it answered: the search can be explained later."""

    def __init__(self, here: Here, elsewhere: Elsewhere) -> None:
        self._here, self._elsewhere = here, elsewhere
        self.found: dict[str, list[int]] = {}  # see decision.found_at

    def here(self, alias: str) -> bool | None:
        """See decision.Here."""
        found = self._here(alias)
        self._note(alias, [0] if found else [UNSAFE] if found is None else [])
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
    if request.secure:
        values["secure"] = True
    reporter.send(f'"kind":"search","search":{written(values)}', more=True)


def answered(
    ksr: Any, reporter: Reporter, name: str, began: float, status: int, final: bool, reason: str = ""
) -> None:  # fmt: skip
    """Tell what the branches of a search have answered so far; one without a name was not told of.

    `reason` is ours, for a status that is no target's.
    """
    if not name:
        return
    legs = dict(_LEG.findall(str(ksr.pv.get("$avp(legs)") or "")))
    found = _said(ksr)
    answers = [
        (int(legs.get(branch) or -1), int(code), _ms(float(moment) - began), _words(phrase, header))
        for branch, code, moment, phrase, header in found
    ]
    if status >= 300:  # also where the caller gave up: whose branch is over by then without an answer gave none
        now = _ms(clock(ksr) - began)
        silent = (target for branch, target in legs.items() if target and all(branch != one for one, *_ in found))
        answers += [(int(target), 0, now, SILENT) for target in silent]
    reporter.send(
        f'"kind":"answers","id":{written(name)},"status":{status},"final":{written(final)},"answers":{written(answers)}'
        f',"reason":{written(reason)}'
    )


def unsaid(ksr: Any, status: int) -> str:
    """Say why a round ended with a status that none of its branches answered; "" where one did."""
    if any(int(code) == status for _, code, *_ in _said(ksr)):
        return ""
    if status != _NO_ANSWER:
        return "nobody could be reached"
    return "nobody answered in time" if ksr.tm.t_any_replied() > 0 else "nobody answered at all"


def why(ksr: Any, status: int) -> str:
    """Give the reason that came with an answer of this status; "" where none did."""
    headers = (
        bytes.fromhex(header).decode(errors="replace") for _, code, _, _, header in _said(ksr) if int(code) == status
    )
    return next((found[1] for header in headers if (found := _REASON.search(header))), "")


def ended(ksr: Any, reporter: Reporter, status: int) -> None:
    """Tell that a call was answered, and by whom, or that it was cancelled: by the caller, or for another answer."""
    reason = _whose(ksr, str(ksr.pv.get("$ci")), str(ksr.pv.get(BRANCH) or "")) if status == _CANCELLED else ""
    steps = ksr.pv.get("$avp(steps)")
    if steps:
        call = read_back(steps)[1]
        answered(ksr, reporter, call["search"], call["began"], status, True, reason)


def unanswered(ksr: Any, reporter: Reporter, name: str, call_id: str, branch: str) -> None:
    """Tell that a search was cancelled and that nobody answered that; `branch` is as in cancelling.py."""
    reason = f"{_whose(ksr, call_id, branch)}; the CANCEL was not answered"
    reporter.emit("answers", id=name, status=_CANCELLED, final=True, answers=[], reason=reason)


def clock(ksr: Any) -> float:
    """Read the clock with which the native routes note answers."""
    return float(ksr.pv.get("$TV(Sn)") or 0)


def _whose(ksr: Any, call_id: str, branch: str) -> str:
    """Say who cancelled a request."""
    return WHOSE[int(ksr.htable.sht_get("cancelled", f"{call_id} {branch}") or 0)]


def _said(ksr: Any) -> list[tuple[str, ...]]:
    """List what branches answered: branch, status, second, and the reason's two parts."""
    return _SAID.findall(str(ksr.pv.get("$avp(said)") or ""))


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1000))


def _words(phrase: str, header: str) -> str:
    """Read the reason of an answer: its phrase, and the text of its Reason header where that says more."""
    words, more = (bytes.fromhex(text).decode(errors="replace") for text in (phrase, header))
    found = _REASON.search(more)
    text = found[1].replace('\\"', '"') if found else ""
    both = f"{words}: {text}" if text and text.lower() != words.lower() else words
    return "".join(character if character.isprintable() else "?" for character in both)[:_WORDS_MAX]


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
