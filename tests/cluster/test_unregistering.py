"""A registration is ended by the peer that has the device, whoever asked, and what was not done is said."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import cast

import pytest

from sextet.cluster.face import Unregistered
from sextet.cluster.unregistering import DEVICES_MAX, Unregistering
from sextet.cluster.wire.feed import CallFailed
from sextet.engine import Engine, EngineError
from sextet.model.status import Binding, Registration

ALICE, BOB = ("alice@a", "sip:alice@192.0.2.7"), ("bob@a", "sip:bob@192.0.2.8")
REASON = "Removed by the administrator ann at expc01"


class Bindings:
    """An engine that has these devices."""

    def __init__(self, devices: Collection[tuple[str, str]]) -> None:
        self.devices = set(devices)
        self.told: list[tuple[str, str]] = []  # (alias, reason)

    async def unregister(self, alias: str, device: str, reason: str) -> None:
        if (alias, device) not in self.devices:
            raise EngineError("it is not registered there any more")
        self.devices.remove((alias, device))
        self.told.append((alias, reason))


class Cluster:
    """Peers by their numbers, each with an engine; the first one asks."""

    def __init__(self, *devices: Collection[tuple[str, str]]) -> None:
        self.engines = {number: Bindings(found) for number, found in enumerate(devices, 1)}
        self.rows = {
            number: {alias: registration(alias, device) for alias, device in found}
            for number, found in enumerate(devices, 1)
        }
        self.down: set[int] = set()
        self.asked: list[int] = []

    def peer(self, number: int) -> Unregistering:
        return Unregistering(lambda: [cast(Engine, self.engines[number])], lambda: number, self.ask)

    async def ask(self, number: int, name: str, question: bytes, limit_s: float) -> bytes:
        self.asked.append(number)
        if number in self.down:
            raise CallFailed("no answer in time")
        return await self.peer(number).answer(question)

    def end(self, *devices: tuple[str, str]) -> Unregistered:
        return asyncio.run(
            self.peer(1).end(self.rows, {number: f"expc{number:02}" for number in self.rows}, devices, REASON)
        )


def registration(alias: str, device: str) -> Registration:
    return Registration(alias=alias, since_s=0.0, sequence=1, bindings=(Binding(contact=device, device=device),))


def test_each_peer_ends_what_it_has_and_is_asked_once() -> None:
    cluster = Cluster({ALICE}, {BOB, ("carol@a", "sip:carol@192.0.2.9")}, {("dave@a", "d")})
    done = cluster.end(ALICE, BOB, ("carol@a", "sip:carol@192.0.2.9"))
    assert {(number, alias) for number, alias, _ in done.gone} == {(1, "alice@a"), (2, "bob@a"), (2, "carol@a")}
    assert done.failures == () and cluster.asked == [2]
    assert cluster.engines[1].told == [("alice@a", REASON)]
    assert cluster.engines[2].told == [("bob@a", REASON), ("carol@a", REASON)]
    assert cluster.engines[3].devices == {("dave@a", "d")}


def test_a_device_that_two_peers_have_for_the_moment_is_ended_at_both() -> None:
    cluster = Cluster({ALICE}, {ALICE})
    assert {number for number, *_ in cluster.end(ALICE).gone} == {1, 2}


def test_a_peer_that_cannot_be_asked_is_named_and_keeps_no_other_from_it() -> None:
    cluster = Cluster({ALICE}, {BOB})
    cluster.down = {2}
    done = cluster.end(ALICE, BOB)
    assert [alias for _, alias, _ in done.gone] == ["alice@a"]
    assert done.failures == ("bob@a stays registered with expc02: no answer in time.",)


def test_what_went_by_itself_meanwhile_is_said() -> None:
    cluster = Cluster({ALICE}, {BOB})
    cluster.engines[2].devices.clear()
    done = cluster.end(BOB)
    assert done.gone == ()
    assert done.failures == ("bob@a was not unregistered from expc02: it is not registered there any more.",)


def test_many_devices_of_a_peer_take_several_questions() -> None:
    many = {(f"a{number}@a", "d") for number in range(DEVICES_MAX + 1)}
    cluster = Cluster(set(), many)
    assert len(cluster.end(*many).gone) == len(many) and cluster.asked == [2, 2]


@pytest.mark.parametrize(
    "question", [b"", b"[]", b'{"devices": 1, "reason": ""}', b'{"devices": [["a"]], "reason": "x"}']
)
def test_a_question_that_makes_no_sense_is_answered_and_changes_nothing(question: bytes) -> None:
    cluster = Cluster({ALICE})
    with pytest.raises(CallFailed):
        asyncio.run(cluster.peer(1).answer(question))
    assert cluster.engines[1].devices == {ALICE}
