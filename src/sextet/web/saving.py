"""How a form is saved: all problems at once, nothing lost when somebody was quicker, and what is in force where."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sextet.admin.in_force import has, waited
from sextet.admin.peers.mesh import peer_name
from sextet.admin.wording import count, listed
from sextet.cluster.face import Moved, NoPrimary, Outcome
from sextet.model.config import Change, setting_at
from sextet.model.schema import Problem, Refused
from sextet.model.status import Stamp
from sextet.web.desk import Message
from sextet.web.guard import Visit

TRIES_MAX = 3  # changes of others between our look and our write; the page's own fields are compared again each time


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a form would change in the configuration as it is at this moment."""

    changes: tuple[Change, ...] = ()
    conflict: Any = None  # what to show when somebody else changed the same; nothing is stored then
    done: str = ""  # what is said once it is stored, where that is more than a number of settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """It is stored."""

    outcome: Outcome
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Nothing was stored: every problem, or the conflict, or a sentence why not."""

    problems: tuple[Problem, ...] = ()
    conflict: Any = None
    notice: Message | None = None


async def save(visit: Visit, plan_now: Callable[[], Plan], doubts: Sequence[Problem] = ()) -> Saved | Kept | None:
    """Carry out what a form asks for; None when nothing is different from what is there.

    Doubts are the page's own: with one of them nothing is stored, but all other problems are found as well.
    """
    for _ in range(TRIES_MAX):
        expected = visit.desk.face.status().held
        plan = plan_now()
        if plan.conflict is not None:
            return Kept(conflict=plan.conflict)
        if not plan.changes:
            return None
        try:
            outcome = await visit.desk.door.change(visit.actor, plan.changes, expected=expected, dry_run=bool(doubts))
            if doubts:
                return Kept(problems=tuple(doubts))
        except Moved:
            continue  # something else was changed meanwhile: look again whether it concerns this form
        except NoPrimary as error:
            return Kept(notice=_no_primary(visit, error))
        except Refused as refused:
            return Kept(problems=(*doubts, *await _all_problems(visit, plan.changes, refused)))
        return Saved(outcome=outcome, message=await _message(visit, plan, outcome))
    title = "Nothing was saved: others are changing the configuration at this moment."
    lines = ("What you typed is still here; save again.",)
    return Kept(notice=Message(tone="warn", title=title, lines=lines))


_PROMOTE = ("/system/clustering/primary", "Make this peer the configuration primary")
_UPGRADE = ("/maintenance/upgrade", "Upgrade")


def _no_primary(visit: Visit, error: NoPrimary) -> Message:
    apart = visit.desk.face.status().database == "Suspended"
    why = (
        "this system and the primary run different versions" if apart else "the configuration primary cannot be reached"
    )
    link = _UPGRADE if apart else _PROMOTE
    return Message(tone="bad", title=f"Nothing was saved: {why}.", lines=(str(error),), link=link)


async def _all_problems(visit: Visit, changes: Sequence[Change], refused: Refused) -> tuple[Problem, ...]:
    """Add what would be wrong once the fields found wrong are right, so that nobody has to save twice to see it all."""
    found = {problem.field: problem for problem in refused.problems}
    rest = [change for change in changes if not any(field.startswith(change.path) for field in found)]
    if rest and len(rest) < len(changes):
        try:
            await visit.desk.door.change(visit.actor, rest, dry_run=True)
        except Refused as more:
            found = {**{problem.field: problem for problem in more.problems}, **found}
        except (Moved, NoPrimary):
            return refused.problems
    order = {change.path: n for n, change in enumerate(changes)}
    return tuple(sorted(found.values(), key=lambda problem: order.get(problem.field, len(order))))


async def _message(visit: Visit, plan: Plan, outcome: Outcome) -> Message:
    lines: list[str] = list(outcome.warnings)
    own = [change for change in plan.changes if setting_at(change.path).peer]
    shared = len(own) < len(plan.changes)
    title = _title(outcome, plan.done, shared)
    if shared:
        lines.append(await _in_force(visit, outcome.stamp))
    status = visit.desk.face.status()
    if own and status.members:
        me = next((peer_name(member) for member in status.members if member.this_system), "this peer")
        lines.append(f"Settings marked † were saved on {me} only; each other peer has its own.")
    if outcome.restart:
        labels = listed(list(dict.fromkeys(setting_at(path).label for path in outcome.restart)))
        lines.append(f"A restart is required for: {labels}.")
        restart = ("/maintenance/restart", "Restart options")
        return Message(tone="warn", title=title, lines=tuple(lines), link=restart)
    return Message(tone="ok", title=title, lines=tuple(lines))


def _title(outcome: Outcome, done: str, shared: bool) -> str:
    n = len(outcome.differences)
    done = done or (f"{n} setting changed." if n == 1 else f"{n} settings changed.")
    return f"Saved as {outcome.stamp}: {done}" if shared else f"Saved: {done}"


async def _in_force(visit: Visit, stamp: Stamp) -> str:
    """Say on how many peers the change is in force, waiting shortly for those that can be heard."""
    started = time.monotonic()
    status = await waited(visit.desk.face, stamp)
    took_s = time.monotonic() - started
    if not status.members:
        return "It is in force on this system." if status.in_force >= stamp else "It is stored, but not in force yet."
    missing = [peer_name(m) for m in status.members if not has(status, m.number, stamp)]
    there = len(status.members) - len(missing)
    where = f"In force on {there} of {count(len(status.members), 'peer')}"
    return f"{where}, after {took_s * 1000:.0f} ms." if not missing else f"{where}; {listed(missing)} will follow."
