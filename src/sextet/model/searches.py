"""One search as it is told and kept: who asked for what, what the rules made of it, and what targets answered.

How it ended has its reason: that of whoever decided, or of the target whose answer the caller got.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

TEXT_MAX = 256  # of what a stranger wrote: an alias that is longer is refused, a Call-ID that is longer is cut
STEPS_MAX = 50  # that are told of one search: an event has at most 64 KiB; the explanation has them all
OUTCOMES = {
    0: "In progress",
    200: "Found",
    404: "Not found",
    408: "No answer",
    480: "Unavailable",
    482: "Loop",
    483: "Too many hops",
    486: "Busy",
    487: "Cancelled",
    403: "Forbidden",
    603: "Declined",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one transform, policy or rule did with the alias (call/decision.Note)."""

    kind: str
    name: str
    matched: bool
    before: str
    after: str
    finding: str
    priority: int = 0
    target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One target that the search found: what it was asked for, and what it answered."""

    target: str
    alias: str
    rule: str
    status: int = 0  # 0: no answer yet, or none that counted
    ms: int = 0  # from the decision to this answer
    reason: str = ""  # in the words of who answered, or why there was none

    @property
    def words(self) -> str:
        """The answer with its reason, or why there was none."""
        return f"{self.status or ''} {self.reason}".strip()


class Answer(NamedTuple):
    """What a target answered."""

    target: int  # its number among all targets of the search
    status: int  # 0: none came
    ms: int  # since the decision
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One search of one peer."""

    id: str
    tag: str
    call_id: str
    method: str
    protocol: str
    source_kind: str
    source: str
    source_number: int
    caller: str
    alias: str
    authenticated: bool
    hops: int
    generation: int  # of the table that decided
    registered: Mapping[str, Sequence[int]]  # what was looked up: alias -> peers that have devices, 0 for its own
    steps: tuple[Step, ...]
    asked: tuple[Asked, ...]
    status: int  # the final answer, 0 while there is none
    reason: str  # why it was refused, or who said so; why it will have no end
    subzone: str = ""  # of the caller, where he is an endpoint of ours
    user: str = ""  # whose credentials came with it
    device: str | None = None  # the one that was called (call/gruu.device_of)
    secure: bool = False  # a sips: URI was called
    ms: int = 0  # from the decision to the final answer
    at: str = ""  # when it was decided, by this peer's clock

    @property
    def outcome(self) -> str:
        """The result in words."""
        if not self.status and self.method != "INVITE":
            return "Sent"  # only a refusal of it is told
        if not self.status and self.reason:
            return "Not known"
        word = OUTCOMES.get(self.status)
        return word or (f"Refused ({self.status})" if self.status >= 300 else "Found")


def search_of(values: Mapping[str, Any]) -> Search:
    """Read a search as workers tell it and files keep it; raises KeyError, TypeError or ValueError."""
    given = dict(values)
    steps = tuple(Step(**dict(zip(_STEP, row, strict=True))) for row in given.pop("notes"))
    asked = tuple(Asked(**dict(zip(_ASKED, row, strict=False))) for row in given.pop("targets"))
    return Search(steps=steps, asked=asked, **given)


def row_of(search: Search) -> dict[str, Any]:
    """Write a search as search_of reads it."""
    values = {field.name: getattr(search, field.name) for field in fields(Search)}
    if search.device is None:
        del values["device"]  # peers of an older version know no such value
    values["notes"] = [[getattr(step, name) for name in _STEP] for step in values.pop("steps")]
    values["targets"] = [[getattr(one, name) for name in _ASKED] for one in values.pop("asked")]
    return values


def with_answers(search: Search, status: int, answers: Sequence[Answer], reason: str = "") -> Search:
    """Add what targets answered, of a target with several devices the best one, and how it ended: 0 if it did not yet.

    Without a reason of its own, the one is told whose answer the caller got.
    """
    asked = list(search.asked)
    for number, code, ms, words in answers:
        if 0 <= number < len(asked) and (asked[number].status == 0 or 200 <= code < 300):
            asked[number] = replace(asked[number], status=code, ms=ms, reason=words)
    if status >= 300 and not reason:
        said = (f"answered by {one.target}: {one.words}" for one in asked if one.status == status)
        reason = next(said, "")
    last = max((one.ms for one in answers), default=0)
    return replace(search, asked=tuple(asked), status=status, reason=reason, ms=max(search.ms, last))


_STEP = tuple(field.name for field in fields(Step))
_ASKED = tuple(field.name for field in fields(Asked))
