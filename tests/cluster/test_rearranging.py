"""A job on the peer list reaches every peer, all or nothing where it can be known, and may be done again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from sextet.cluster.face import Outcome
from sextet.cluster.peer_list import Job, Plan
from sextet.cluster.rearranging import Hands, Rearranging
from sextet.cluster.wire.feed import CallFailed
from sextet.cluster.wire.names import Answer, Resolved
from sextet.model.alarms import SYSTEM_KEY_FAILED
from sextet.model.config import Change, changed, differences, to_document
from sextet.model.schema import Problem, Refused
from sextet.model.sections import Root
from sextet.model.status import Alarm, Stamp
from sextet.model.validate import check
from tests.support.fake_peer import Lines
from tests.support.peer_lists import NAMES, clustering, seen, status


class Cluster:
    """Peers whose lists are changed by each other; `full` cannot store, `mute` does not answer any more."""

    def __init__(self, primary: int = 1) -> None:
        self.primary = primary
        self.saved = {n: Root(clustering=clustering(*NAMES, primary=primary)) for n in range(1, 5)}
        self.names = {name: n for n, name in enumerate(NAMES, 1)}
        self.full: set[int] = set()
        self.mute: set[int] = set()
        self.gone: set[str] = set()  # by name: their links are down
        self.forgotten: list[str] = []
        self.windows = 0
        self.closed = False  # a newcomer's ports
        self.alarms: list[Alarm] = []
        self.peers = {n: Rearranging(self.hands(n), Lines(), whole) for n in range(1, 5)}

    def hands(self, number: int) -> Hands:
        async def ask(other: int, name: str, question: bytes, limit_s: float) -> bytes:
            asked = self.names[self.saved[number].clustering.peers[other - 1]]
            if asked in self.mute:
                raise CallFailed("no answer in time")
            return await self.peers[asked].answer(question)

        async def resolve(name: str) -> Answer:
            return Resolved("10.0.0.9", "dns")

        async def unmet(address: str) -> tuple[str, ...]:
            return (f"{address}: Cluster recovery (reach-4371): connection refused.",) if self.closed else ()

        async def forget(peer: str) -> None:
            self.forgotten.append(peer)

        async def change(changes: Sequence[Change], *, user: str, source: str, dry_run: bool = False) -> Outcome:
            before = self.saved[number]
            if number in self.full and not dry_run:
                raise Refused(Problem("", "Nothing was changed: the disk is full."))
            after = check(changed(to_document(before), changes), before)
            if not dry_run:
                self.saved[number] = after
            return Outcome(stamp=Stamp(), differences=tuple(differences(to_document(before), to_document(after))))

        return Hands(
            evidence=lambda: self.evidence(number),
            resolve=resolve,
            unmet=unmet,
            ask=ask,
            store=change,
            change=change,
            forget=forget,
            open_window=self.opened,
            alarms=lambda: self.alarms,
        )

    def evidence(self, number: int) -> Any:
        saved = self.saved[number]
        peers = saved.clustering.peers
        own = peers.index(NAMES[number - 1]) + 1 if NAMES[number - 1] in peers else 0
        lost = tuple(n for n, name in enumerate(peers, 1) if name in self.gone)
        at = seen(own or 1, names=peers or ("x",), lost=lost)
        statuses = {n: status(n, self.saved[self.names[name]].clustering.peers) for name, n in self.places(peers)}
        return replace(at, saved=saved, running=saved.clustering, number=own, statuses=statuses)

    def places(self, peers: Sequence[str]) -> list[tuple[str, int]]:
        return [(name, n) for n, name in enumerate(peers, 1) if name in self.names]

    def opened(self) -> None:
        self.windows += 1

    def lists(self) -> list[tuple[str, ...]]:
        return [self.saved[n].clustering.peers for n in range(1, 5)]

    def do(self, job: Job) -> Plan:
        return asyncio.run(self.peers[self.primary].do(job, user="ann", source="cli"))

    def refused(self, job: Job) -> str:
        with pytest.raises(Refused) as refusal:
            self.do(job)
        return str(refusal.value)


async def whole(work: Awaitable[Plan]) -> Plan:
    return await work


REST = (NAMES[0], NAMES[2], NAMES[3])


def test_a_removal_reaches_everybody_and_corrects_the_primarys_number_everywhere() -> None:
    cluster = Cluster(primary=3)
    cluster.do(Job(verb="remove", peer=2))
    assert cluster.lists() == [REST, (), REST, REST]
    assert [cluster.saved[n].clustering.configuration_primary for n in (1, 3, 4)] == [2, 2, 2]


def test_a_preview_changes_nothing() -> None:
    cluster = Cluster()
    plan = asyncio.run(cluster.peers[1].plan(Job(verb="remove", peer=2)))
    assert plan.after == REST and cluster.lists() == [NAMES] * 4


def test_a_peer_that_does_not_answer_any_more_stops_it_before_anything_is_changed() -> None:
    cluster = Cluster()
    cluster.mute = {3, 4}
    refusal = cluster.refused(Job(verb="remove", peer=2))
    assert "Peer 3, c.x, does not answer" in refusal and "Peer 4, d.x, does not answer" in refusal
    assert cluster.lists() == [NAMES] * 4


def test_a_peer_that_cannot_store_stops_it_half_way_and_doing_it_again_brings_it_to_its_end() -> None:
    cluster = Cluster()
    cluster.full = {4}
    refusal = cluster.refused(Job(verb="remove", peer=2))
    assert "Peer 4, d.x: Nothing was changed: the disk is full." in refusal
    assert "b.x, c.x did it already, this system has the old list still: do the same again" in refusal
    assert cluster.lists() == [NAMES, (), REST, NAMES]
    cluster.full = set()
    cluster.gone = {"b.x"}  # it left
    assert cluster.evidence(1).statuses[3].peers == REST, "no reason against doing the same again"
    cluster.do(Job(verb="remove", peer=2))
    assert cluster.lists() == [REST, (), REST, REST]


def test_a_peer_that_cannot_leave_by_itself_is_removed_as_a_dead_one_is() -> None:
    cluster = Cluster()
    cluster.full = {2}
    plan = cluster.do(Job(verb="remove", peer=2))
    assert cluster.lists() == [REST, NAMES, REST, REST]
    assert "the disk is full" in plan.warnings[0] and "clear its peer list and restart it" in plan.warnings[1]


def test_a_newcomer_is_listed_everywhere_and_may_join() -> None:
    cluster = Cluster()
    cluster.do(Job(verb="add", address="e.x"))
    assert cluster.lists() == [(*NAMES, "e.x")] * 4 and cluster.windows == 1


def test_nobody_is_added_while_the_system_key_is_in_trouble() -> None:
    cluster = Cluster()
    cluster.alarms = [Alarm(number=SYSTEM_KEY_FAILED.number, key="", detail="", since_s=0.0, last_s=0.0)]
    assert "Alarm 40055 must be cleared" in cluster.refused(Job(verb="add", address="e.x"))
    cluster.do(Job(verb="remove", peer=4))


def test_what_the_whole_configuration_does_not_allow_is_refused_with_the_rest() -> None:
    cluster = Cluster()
    refusal = cluster.refused(Job(verb="add", address="2001:db8::1"))
    assert "Peer 5 address: 2001:db8::1 is not an IPv4 address" in refusal


def test_a_list_is_sent_whatever_the_others_have() -> None:
    cluster = Cluster()
    cluster.saved[2] = Root(clustering=clustering("a.x", "b.x", primary=2))
    assert "Peer 2, b.x, has another peer list" in cluster.refused(Job(verb="remove", peer=4))
    cluster.do(Job(verb="send"))
    assert cluster.lists() == [NAMES] * 4
    assert cluster.saved[2].clustering.configuration_primary == 1


@pytest.mark.parametrize("question", [b"", b"[]", b'{"before": 1}', b'{"before": ["a","a","a","a","a","a","a"]}'])
def test_a_question_that_cannot_be_read_is_refused(question: bytes) -> None:
    with pytest.raises(CallFailed, match="cannot be read"):
        asyncio.run(Cluster().peers[2].answer(question))


def test_a_newcomer_is_examined_before_it_is_entered_and_what_it_lacks_is_warned_of() -> None:
    cluster = Cluster()
    for number in range(1, 5):
        cluster.saved[number] = replace(cluster.saved[number], clustering=clustering(*NAMES[:3]))
    add = Job(verb="add", address="new.apolo.local")
    assert not [one for one in asyncio.run(cluster.peers[1].plan(add)).warnings if "reach" in one]
    cluster.closed = True
    warned = cluster.do(add).warnings
    assert "new.apolo.local: Cluster recovery (reach-4371): connection refused." in warned
    assert "new.apolo.local" in cluster.lists()[0], "it is entered all the same"
