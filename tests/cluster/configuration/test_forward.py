"""A change travels to the primary and its answer back, whatever the answer is."""

from __future__ import annotations

import pytest

from sextet.cluster.configuration.forward import Write, answer, from_answer, from_request, request
from sextet.cluster.face import Moved, NoPrimary, Outcome
from sextet.model.config import Change, Difference
from sextet.model.schema import Problem, Refused
from sextet.model.status import Stamp

WRITE = Write(
    changes=(Change("set", "protocols.sip_udp", True), Change("add", "zones", {"name": "London"})),
    user="admin",
    source="web 192.0.2.1",
    expected=Stamp(2, "id", 9),
    dry_run=False,
    name="q1",
)
OUTCOME = Outcome(
    stamp=Stamp(2, "id", 10),
    differences=(Difference("protocols.sip_udp", "Off", "On"),),
    restart=("protocols.sip_udp",),
)


def test_a_change_arrives_as_it_was_sent() -> None:
    assert from_request(request(WRITE)) == WRITE


@pytest.mark.parametrize("junk", [b"", b"[]", b"{}", b'{"changes":[{"verb":"drop","path":"x","value":1}]}', b"\xff"])
def test_what_is_no_change_is_refused(junk: bytes) -> None:
    with pytest.raises(ValueError):
        from_request(junk)


def test_an_outcome_arrives_as_it_was_sent() -> None:
    assert from_answer(answer(OUTCOME), "expc01") == OUTCOME


def test_problems_arrive_with_their_fields() -> None:
    with pytest.raises(Refused) as refused:
        from_answer(answer(Refused(Problem("a", "b."), Problem("c", "d."))), "expc01")
    assert refused.value.problems == (Problem("a", "b."), Problem("c", "d."))


def test_a_newer_revision_arrives_as_such() -> None:
    with pytest.raises(Moved, match="r10"):
        from_answer(answer(Moved("The configuration is now r10")), "expc01")


@pytest.mark.parametrize("words", [answer(NoPrimary("fenced")), answer("the disk is full"), b"junk", b"{}", b"[1]"])
def test_everything_else_names_the_primary(words: bytes) -> None:
    with pytest.raises(NoPrimary, match="expc01"):
        from_answer(words, "expc01")
