"""How a job on the peer list (peer_list.py) is done: asked of everybody, told to every peer, stored here last.

The list of this system changes last: where the job is cut off before that, by a crash or by a peer that cannot store,
this system still shows the old list, and the same job, done again, brings all to its end.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sextet.cluster import peer_list
from sextet.cluster.face import Moved, NoPrimary, Outcome
from sextet.cluster.judgement import Evidence
from sextet.cluster.peer_list import Job, Plan
from sextet.cluster.wire.feed import CallFailed
from sextet.cluster.wire.names import Answer
from sextet.engine import Journal
from sextet.journal import configuration_changed
from sextet.model import alarms as types
from sextet.model.config import Change
from sextet.model.schema import Problem, Refused
from sextet.model.settings.clustering import PEERS_MAX
from sextet.model.status import Alarm

NAME = "peer-list"  # of the question between peers
LIMIT_S = 5.0  # storing takes milliseconds; a person waits no longer than this for one peer


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one peer is told: its list was one of these, and shall be that one."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    primary: int
    user: str
    source: str
    anyway: bool  # whatever its list is now
    dry_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """What is needed of the peer on which this is done."""

    evidence: Callable[[], Evidence]
    resolve: Callable[[str], Awaitable[Answer]]
    unmet: Callable[[str], Awaitable[tuple[str, ...]]]  # what a system at an address lacks that is to become a peer
    ask: Callable[[int, str, bytes, float], Awaitable[bytes]]  # raises CallFailed
    store: Callable[..., Awaitable[Outcome]]  # a change, in force a moment later: an answer leaves before that
    change: Callable[..., Awaitable[Outcome]]  # face.Face.change
    forget: Callable[[str], Awaitable[None]]  # the certificate of who was at an address
    open_window: Callable[[], None]  # of enrolment
    alarms: Callable[[], Sequence[Alarm]]  # that are raised here


class Rearranging:
    """Both sides of it."""

    def __init__(self, hands: Hands, journal: Journal, whole: Callable[..., Awaitable[Plan]]) -> None:
        self._hands, self._journal, self._whole = hands, journal, whole

    async def plan(self, job: Job) -> Plan:
        """Say what a job does, and ask every peer that takes part; raises Refused with all that speaks against it."""
        assert job.verb in peer_list.VERBS
        seen = self._hands.evidence()
        needs = job.address and job.verb in (peer_list.ADD, peer_list.REPLACE, peer_list.CHANGE)
        found = await self._hands.resolve(job.address) if needs else None
        wrong = [*peer_list.problems(job, seen, found), *self._key(job)]
        if wrong:
            raise Refused(*wrong)
        plan = peer_list.planned(job, seen, found)
        if job.verb in (peer_list.ADD, peer_list.REPLACE):
            # Warned of, not refused: the guide's order is to enter a newcomer before it can be reached.
            plan = replace(plan, warnings=(*plan.warnings, *await self._hands.unmet(job.address)))
        wrong = await self._own(plan, seen, user="", source="", dry_run=True)
        for number in (plan.clears, *plan.tells):
            if number:
                wrong += await self._tell(number, plan, job, user="", source="", dry_run=True)
        if wrong:
            raise Refused(*wrong)
        return plan

    async def do(self, job: Job, *, user: str, source: str) -> Plan:
        """Do a job; raises Refused, which says how far it came where it came anywhere."""
        return await self._whole(self._do(job, user, source))

    async def _do(self, job: Job, user: str, source: str) -> Plan:
        plan, seen = await self.plan(job), self._hands.evidence()
        done: list[str] = []
        if plan.clears:
            # One that cannot leave by itself, such as with a damaged database, is removed as a dead one is.
            if wrong := await self._tell(plan.clears, plan, job, user=user, source=source, dry_run=False):
                rest = f"Before {plan.before[plan.clears - 1]} is used again, clear its peer list and restart it."
                plan = replace(plan, warnings=(*plan.warnings, *(one.sentence for one in wrong), rest))
            else:
                done.append(plan.before[plan.clears - 1])
        for number in plan.tells:
            if wrong := await self._tell(number, plan, job, user=user, source=source, dry_run=False):
                raise Refused(*wrong, *_so_far(done))
            done.append(plan.before[number - 1])
        if plan.forgets:
            await self._hands.forget(plan.forgets)
        if wrong := await self._own(plan, seen, user=user, source=source, dry_run=False):
            raise Refused(*wrong, *_so_far(done))
        if job.verb in (peer_list.ADD, peer_list.REPLACE, peer_list.SEND):
            self._hands.open_window()
        return plan

    async def answer(self, question: bytes) -> bytes:
        """Take over what the primary says the list is; gives the problems, each with its field."""
        try:
            told = _read(question)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise CallFailed("the question cannot be read") from error
        clustering = self._hands.evidence().saved.clustering
        if not told.anyway and clustering.peers not in (told.before, told.after):
            shown = ", ".join(clustering.peers) or "empty"
            return _answered([Problem("", f"its peer list is another one ({shown}); send it this system's list first")])
        primary = told.primary if told.after else clustering.configuration_primary
        rows = peer_list.rows(clustering.peers, told.after, clustering.configuration_primary, primary)
        if not rows:
            return _answered([])
        try:
            changes = [Change("set", path, value) for path, value in rows.items()]
            outcome = await self._hands.store(changes, user=told.user, source=told.source, dry_run=told.dry_run)
        except Refused as refused:
            return _answered(refused.problems)
        except (Moved, NoPrimary) as error:
            return _answered([Problem("", str(error))])
        if not told.dry_run:
            configuration_changed(self._journal, outcome.differences, user=told.user)
        return _answered([])

    def _key(self, job: Job) -> list[Problem]:
        """Facts 1.3: 40055 must be cleared before a peer is added."""
        if job.verb not in (peer_list.ADD, peer_list.REPLACE) or not self._raised(types.SYSTEM_KEY_FAILED):
            return []
        sentence = "Alarm 40055 must be cleared before a peer is added: run ForceSystemKeyUpdate on a peer without it."
        return [Problem("", sentence)]

    def _raised(self, alarm: types.AlarmType) -> bool:
        return any(one.number == alarm.number for one in self._hands.alarms())

    async def _own(self, plan: Plan, seen: Evidence, *, user: str, source: str, dry_run: bool) -> list[Problem]:
        rows = peer_list.rows(plan.before, plan.after, seen.saved.clustering.configuration_primary, plan.primary)
        if not rows:
            return []
        try:
            changes = [Change("set", path, value) for path, value in rows.items()]
            await self._hands.change(changes, user=user, source=source, dry_run=dry_run)
        except Refused as refused:
            return list(refused.problems)
        except (Moved, NoPrimary) as error:
            return [Problem("", str(error))]
        return []

    async def _tell(self, number: int, plan: Plan, job: Job, *, user: str, source: str, dry_run: bool) -> list[Problem]:
        name = plan.before[number - 1]
        told = {
            "before": plan.before,
            "after": () if number == plan.clears else plan.after,
            "primary": plan.primary,
            "user": user,
            "source": f"peer {plan.before[self._hands.evidence().number - 1]}" + (f", {source}" if source else ""),
            "anyway": job.verb == peer_list.SEND,
            "dry_run": dry_run,
        }
        try:
            answer = json.loads(await self._hands.ask(number, NAME, json.dumps(told).encode(), LIMIT_S))
            found = [Problem(str(field), str(sentence)) for field, sentence in answer]
        except CallFailed as error:
            again = "" if dry_run else " Look there whether it has the new list, then do this again."
            return [Problem("", f"Peer {number}, {name}, does not answer: {error}.{again}")]
        except (ValueError, TypeError) as error:
            return [Problem("", f"Peer {number}, {name}, gave no answer that can be read: {type(error).__name__}.")]
        return [Problem(one.field, f"Peer {number}, {name}: {one.sentence}") for one in found]


def _so_far(done: Sequence[str]) -> list[Problem]:
    if not done:
        return []
    rest = "this system has the old list still: do the same again when that is repaired"
    return [Problem("", f"{', '.join(done)} did it already, {rest}.")]


def _answered(problems: Sequence[Problem]) -> bytes:
    return json.dumps([[one.field, one.sentence] for one in problems]).encode()


def _read(question: bytes) -> Told:
    value: dict[str, Any] = json.loads(question)
    lists = {name: tuple(str(one) for one in value[name]) for name in ("before", "after")}
    if any(len(one) > PEERS_MAX for one in lists.values()):
        raise ValueError("too many peers")
    return Told(
        **lists,
        primary=int(value["primary"]),
        user=str(value["user"]),
        source=str(value["source"]),
        anyway=bool(value["anyway"]),
        dry_run=bool(value["dry_run"]),
    )
