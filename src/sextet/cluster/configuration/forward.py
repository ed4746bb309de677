"""How a change of shared settings travels from a subordinate to the primary, and the answer back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sextet.cluster.face import Moved, NoPrimary, Outcome
from sextet.model.config import Change, Difference
from sextet.model.schema import Problem, Refused
from sextet.model.status import Stamp

NAME = "write"  # of the call between peers
LIMIT_S = 5.0  # storing takes milliseconds; a person waits no longer than this


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """What was asked for, by whom."""

    changes: tuple[Change, ...]
    user: str
    source: str
    expected: Stamp | None
    dry_run: bool
    name: str  # of this question: asked again, it is the same
    software: str = ""  # the version of sextet that asks


def request(write: Write) -> bytes:
    """Write the question."""
    return json.dumps(asdict(write), separators=(",", ":")).encode()


def from_request(data: bytes) -> Write:
    """Read the question; raises ValueError for anything else."""
    try:
        value = json.loads(data)
        expected = value["expected"]
        changes = tuple(Change(c["verb"], str(c["path"]), c["value"]) for c in value["changes"])
        if any(change.verb not in ("set", "add", "remove") for change in changes):
            raise ValueError("an unknown verb")
        return Write(
            changes=changes,
            user=str(value["user"]),
            source=str(value["source"]),
            expected=None if expected is None else _stamp(expected),
            dry_run=bool(value["dry_run"]),
            name=str(value["name"]),
            software=str(value["software"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not a change from a peer") from error


def answer(result: Outcome | Refused | Moved | NoPrimary | str) -> bytes:
    """Write the answer; a text says what failed."""
    match result:
        case Outcome():
            value: dict[str, Any] = {"outcome": asdict(result)}
        case Refused():
            value = {"refused": [[problem.field, problem.sentence] for problem in result.problems]}
        case Moved() | NoPrimary():
            value = {type(result).__name__: str(result)}
        case _:
            value = {"failed": result}
    return json.dumps(value, separators=(",", ":")).encode()


def from_answer(data: bytes, primary: str) -> Outcome:
    """Read the answer; raises what the primary raised, and NoPrimary for what cannot be read."""
    try:
        value = json.loads(data)
        if "outcome" in value:
            return _outcome(value["outcome"])
        if "refused" in value:
            raise Refused(*(Problem(str(field), str(sentence)) for field, sentence in value["refused"]))
        if "Moved" in value:
            raise Moved(str(value["Moved"]))
        why = str(value.get("NoPrimary") or value["failed"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoPrimary(f"{primary} answered with something that is no answer; nothing was changed.") from error
    raise NoPrimary(f"{primary} did not accept the change: {why}")


def _outcome(value: dict[str, Any]) -> Outcome:
    differences = tuple(Difference(d["path"], d["old"], d["new"]) for d in value["differences"])
    restart, warnings = tuple(value["restart"]), tuple(value["warnings"])
    return Outcome(stamp=_stamp(value["stamp"]), differences=differences, restart=restart, warnings=warnings)


def _stamp(value: Sequence[Any] | dict[str, Any]) -> Stamp:
    term, author, revision = value.values() if isinstance(value, dict) else value
    return Stamp(int(term), str(author), int(revision))
