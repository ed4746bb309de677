"""What a refused change leaves behind: a call policy script that was refused stands as alarm 45001 (facts 7.6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sextet.cluster.rows.alarms import Alarms
from sextet.model import alarms as types
from sextet.model.config import Change
from sextet.model.schema import Refused

POLICY = "call_policy"
SCRIPT = f"{POLICY}.script"


@contextmanager
def noting_policy(alarms: Alarms, changes: Sequence[Change], dry_run: bool) -> Iterator[None]:
    """Raise the alarm for a script that is refused, and lower it when a change of the call policy is accepted."""
    try:
        yield
    except Refused as refused:
        wrong = [problem.sentence for problem in refused.problems if problem.field == SCRIPT]
        if wrong and not dry_run:
            alarms.set(types.CALL_POLICY_FAILED, "", True, wrong[0])
        raise
    if not dry_run and any(change.path.split(".")[0] == POLICY for change in changes):
        alarms.set(types.CALL_POLICY_FAILED, "", False)
