"""The jobs on the peer list as administrators meet them: who may, what it would do, what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sextet.admin.actor import Actor
from sextet.admin.door import Door
from sextet.admin.wording import count
from sextet.cluster.face import Face, Outcome
from sextet.cluster.peer_list import ADD, CHANGE, REMOVE, REPLACE, SEND, Job, Plan, rows
from sextet.engine import Journal
from sextet.model.config import Change
from sextet.model.schema import Problem, Refused
from sextet.model.settings.clustering import PEERS_MAX

TITLES = {
    ADD: "Add a peer",
    REMOVE: "Remove a peer",
    REPLACE: "Replace a peer",
    CHANGE: "Change the address of a peer",
    SEND: "Send the peer list to all peers",
}


class Rearranging(Protocol):
    """What the peer offers (cluster.rearranging.Rearranging)."""

    async def plan(self, job: Job) -> Plan: ...

    async def do(self, job: Job, *, user: str, source: str) -> Plan: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A plan in sentences; `done` once it was carried out."""

    done: bool
    sentence: str
    steps: tuple[str, ...]
    then: tuple[str, ...]
    warnings: tuple[str, ...]


class PeerLists:
    """The peer list of a cluster, from one of its peers."""

    def __init__(self, rearranging: Rearranging, face: Face, door: Door, journal: Journal) -> None:
        self._rearranging, self._face, self._door, self._journal = rearranging, face, door, journal

    async def preview(self, job: Job) -> Told:
        """Say what a job would do; raises Refused with everything that speaks against it."""
        return self._told(job, await self._rearranging.plan(job), done=False)

    async def do(self, actor: Actor, job: Job) -> Told:
        """Do a job. Raises Refused."""
        self._door.demand_write(actor, "change the peer list")
        plan = await self._rearranging.do(job, user=actor.user, source=actor.source)
        detail = f"peer list, {job.verb}: {', '.join(plan.before)} - changed to: {', '.join(plan.after)}"
        self._journal.event("System Configuration Changed", Detail=detail, **actor.audit)
        return self._told(job, plan, done=True)

    async def enter(
        self, actor: Actor, addresses: list[str], settings: dict[str, str | int], *, dry_run: bool
    ) -> Outcome:
        """Enter the whole list of this system. Raises Refused."""
        if not addresses:
            raise Refused(Problem("addresses", "Addresses: none was given; `sextet cluster leave` clears the list."))
        if len(addresses) > PEERS_MAX:
            sentence = f"Addresses: {len(addresses)} were given, and a cluster has at most {PEERS_MAX} peers."
            raise Refused(Problem("addresses", sentence))
        return await self._change(actor, tuple(addresses), settings, dry_run)

    async def leave(self, actor: Actor, *, dry_run: bool) -> Outcome:
        """Clear the list of this system. Raises Refused."""
        status = self._face.status()
        if not status.members:
            raise Refused(Problem("", "This system is in no cluster; there is nothing to leave."))
        own = status.own
        if own is not None and (refusal := why_not_leave(own.primary, len(status.members))):
            raise Refused(Problem("", refusal))
        return await self._change(actor, (), {}, dry_run)

    async def _change(
        self, actor: Actor, after: tuple[str, ...], settings: dict[str, str | int], dry_run: bool
    ) -> Outcome:
        clustering = self._face.saved.clustering
        primary = int(settings.pop("configuration_primary", clustering.configuration_primary))
        values = rows(clustering.peers, after, clustering.configuration_primary, primary)
        values |= {f"clustering.{name}": value for name, value in settings.items()}
        if not values:
            return Outcome(stamp=self._face.status().held, differences=())
        changes = [Change("set", path, value) for path, value in values.items()]
        return await self._door.change(actor, changes, dry_run=dry_run)

    def _ending(self, job: Job) -> str:
        """Say what of a peer that goes is listed no more."""
        if job.verb not in (REMOVE, REPLACE):
            return ""
        calls = len({call.row.tag for call in self._face.calls() if call.number == job.peer})
        registrations = len(self._face.registrations().get(job.peer, ()))
        name = self._face.saved.clustering.peers[job.peer - 1]
        return f"{name} has {count(registrations, 'registration')} and {count(calls, 'call')}."

    def _told(self, job: Job, plan: Plan, *, done: bool) -> Told:
        listed = ", ".join(f"{number} {name}" for number, name in enumerate(plan.after, 1))
        sentence = f"The peer list is {listed} now." if done else f"The peer list would be {listed}."
        steps = plan.steps if done else (*plan.steps, *filter(None, [self._ending(job)]))
        return Told(done=done, sentence=sentence, steps=steps, then=plan.then, warnings=plan.warnings)


def why_not_leave(primary: bool, peers: int) -> str:
    """Facts 1.6 E: the primary does not leave the others."""
    if not primary or peers == 1:
        return ""
    return (
        "This system is the configuration primary of other peers: make another peer the primary first, and choose it "
        "on all; or remove the others one by one to disband the cluster."
    )
