"""Calls of the cluster that are over, and the end of one that is not."""

from __future__ import annotations

import asyncio
import json

import pytest

from sextet.admin.actor import Actor
from sextet.admin.commands import Registry, Usage
from sextet.admin.dialplan.call_commands import add_to
from sextet.admin.dialplan.call_history import joined
from sextet.admin.door import Door
from sextet.admin.everybody import Answer
from sextet.model.past_calls import PastCall
from sextet.model.schema import Refused
from tests.support.fake_calls import PastCallDesk
from tests.support.fake_peer import FakePeer, Lines

ADMIN = Actor(user="admin", may_write=True, door="cli")


def desk(face: FakePeer | None = None) -> tuple[PastCallDesk, Lines]:
    face, journal = face or FakePeer.busy(), Lines()
    return PastCallDesk(face, Door(face, journal), journal), journal


def found(made: PastCallDesk, number: int) -> list[tuple[str, PastCall]]:
    """Give what a peer of this number answers."""
    assert made.peers.own is not None
    answer = Answer(number, f"expc{number:02}", json.loads(asyncio.run(made.peers.own(b"{}"))))
    return [(answer.peer_name, call) for call in made.desk._newest.read(answer)]


def test_the_parts_of_a_call_over_two_peers_are_one_line() -> None:
    one, two = desk()[0], desk()[0]
    one.over("alice@a", "bob@a", lasted_s=60.0, tag="t")
    two.over("alice@a", "bob@a", lasted_s=59.0, tag="t")
    two.over("carol@a", "bob@a", reason="486 Busy Here")
    lines = joined(found(one, 1) + found(two, 2))
    assert {line.call.source for line in lines} == {"carol@a", "alice@a"}
    both = next(line for line in lines if line.call.tag == "t")
    assert len(both.legs) == 2 and both.kbps == 512 and set(both.peer_names) == {"expc01", "expc02"}


@pytest.mark.parametrize("knows", [1, 2])
def test_why_a_call_ended_is_told_by_the_peer_that_ended_it(knows: int) -> None:
    legs = []
    for number in (1, 2):
        made, _ = desk()
        made.over("a@a", "b@a", lasted_s=9.0, tag="t", reason="Not refreshed in time" if number == knows else "Normal")
        made.over("a@a", "b@a", tag="t", reason="487 Request Terminated")  # of a device that did not get the call
        legs += found(made, number)
    (line,) = joined([leg for leg in legs if leg[1].connected] + [leg for leg in legs if not leg[1].connected])
    assert (line.call.reason, line.call.connected) == ("Not refreshed in time", True)


def test_a_peer_that_does_not_answer_is_named() -> None:
    made, _ = desk()
    made.over("alice@a", "bob@a", lasted_s=1.0)
    found = asyncio.run(made.desk.newest())
    assert len(found.lines) == 1 and len(found.silent) == 2


def test_an_answer_of_another_version_hides_no_other() -> None:
    made, _ = desk()
    made.over("alice@a", "bob@a", lasted_s=1.0)
    assert made.desk._newest.read(Answer(2, "expc02", {"calls": [{"tag": "x"}]})) == []
    assert len(found(made, 1)) == 1


def test_a_call_is_ended_and_who_did_it_is_logged() -> None:
    made, journal = desk()
    said = asyncio.run(made.desk.disconnect(ADMIN, "tag-call-1"))
    assert "alice@apolo.local to bob@apolo.local" in said
    assert [line["User"] for line in journal.of("Call Disconnect Requested")] == ["admin"]
    with pytest.raises(Refused, match="no call"):
        asyncio.run(made.desk.disconnect(ADMIN, "tag-call-1"))


def test_a_call_that_is_not_there_is_refused_before_anybody_is_asked_and_asking_ends_none() -> None:
    made, _ = desk()
    registry = Registry(lambda actor, what: None)
    add_to(registry, made.desk)
    with pytest.raises(Refused, match="There is no call 'NOSUCH' any more"):
        asyncio.run(registry.look("call disconnect", {"tag": "NOSUCH"}, ADMIN))
    for _ in range(2):
        asyncio.run(registry.look("call disconnect", {"tag": "tag-call-1"}, ADMIN))
    with pytest.raises(Usage, match="needs the argument tag"):
        asyncio.run(registry.look("call disconnect", {}, ADMIN))


def test_who_may_only_look_ends_no_call() -> None:
    made, _ = desk()
    with pytest.raises(Refused):
        asyncio.run(made.desk.disconnect(Actor(user="auditor", may_write=False, door="web"), "tag-call-1"))
