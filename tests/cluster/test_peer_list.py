"""A job on the peer list is planned whole, and everything that speaks against it is said at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sextet.cluster.judgement import Evidence
from sextet.cluster.peer_list import Job, Plan, command, planned, rows
from sextet.cluster.wire.names import Answer, NameFailure, Resolved
from sextet.model.schema import Refused
from sextet.model.sections import Root
from sextet.model.settings.clustering import Clustering
from tests.support.peer_lists import NAMES, seen, status


def refused(job: Job, at: Evidence, found: Answer | None = None) -> list[str]:
    with pytest.raises(Refused) as refusal:
        planned(job, at, found)
    for problem in refusal.value.problems:
        assert problem.sentence.endswith(".")
    return [problem.sentence for problem in refusal.value.problems]


def said(plan: Plan) -> str:
    return "\n".join((*plan.steps, *plan.then, *plan.warnings))


def test_a_living_peer_clears_its_list_later_rows_move_up_and_the_primary_keeps_its_peer() -> None:
    plan = planned(Job(verb="remove", peer=2), seen(3), None)
    assert (plan.after, plan.primary, plan.clears, plan.tells) == (("a.x", "c.x", "d.x"), 2, 2, (1, 4))
    assert "b.x clears its own peer list" in said(plan) and "Restart b.x to reset it" in said(plan)
    assert "The configuration primary stays c.x, which is peer 2 then." in plan.steps


def test_a_dead_peer_is_not_told_and_must_be_reset_before_it_is_used_again() -> None:
    plan = planned(Job(verb="remove", peer=4), seen(1, lost=(4,)), None)
    assert (plan.after, plan.clears, plan.tells) == (NAMES[:3], 0, (2, 3))
    assert "every peer refuses it" in said(plan) and "clear its peer list and restart it" in said(plan)


def test_another_peer_that_is_away_is_a_warning() -> None:
    plan = planned(Job(verb="remove", peer=4), seen(1, lost=(2, 4)), None)
    assert plan.tells == (3,)
    assert plan.warnings == (
        "Peer 2, b.x, cannot be reached and keeps its old list: send it the list when it is back.",
    )


def test_the_primary_is_not_removed_and_the_way_to_do_it_is_named() -> None:
    (sentence,) = refused(Job(verb="remove", peer=1), seen(1))
    assert "make another peer the primary first" in sentence
    (last,) = refused(Job(verb="remove", peer=1), seen(1, names=("a.x",)))
    assert "a cluster of one" in last and "arms a factory reset" in last


def test_everything_that_speaks_against_it_is_said_at_once() -> None:
    at = seen(1)
    at = replace(at, saved=Root(clustering=replace(at.saved.clustering, configuration_primary=2)))
    at = replace(at, running=replace(at.running, peer_4_address="z.x"))
    sentences = refused(Job(verb="replace", peer=7, address="not an address"), at)
    for piece in ("peer 2, b.x: do it there", "waits for this system's restart", "no peer 7", "neither an IP address"):
        assert any(piece in sentence for sentence in sentences), (piece, sentences)


def test_a_peer_with_another_list_is_sent_this_one_first() -> None:
    at = seen(1)
    at = replace(at, statuses={**at.statuses, 2: status(2, ("a.x", "b.x"))})
    (sentence,) = refused(Job(verb="remove", peer=4), at)
    assert sentence == "Peer 2, b.x, has another peer list: send it this system's list first."
    assert planned(Job(verb="send"), at, None).tells == (2, 3, 4)
    waiting = status(2, ("a.x",), restart_reasons=("clustering.peer_2_address",))
    (sentence,) = refused(Job(verb="remove", peer=4), replace(at, statuses={**at.statuses, 2: waiting}))
    assert "restart it first" in sentence


def test_a_stand_alone_system_has_no_list_to_change() -> None:
    alone = replace(seen(1), saved=Root(), running=Clustering(), number=0)
    assert refused(Job(verb="add", address="e.x"), alone) == [
        "This system is in no cluster: enter the peer list on System > Clustering first."
    ]


def test_a_peer_is_added_last_and_the_newcomers_command_is_shown() -> None:
    at = seen(1, changes_take_effect="At restart")
    plan = planned(Job(verb="add", address="e.x"), at, Resolved("10.0.0.5", "dns"))
    assert plan.after == (*NAMES, "e.x") and plan.tells == (2, 3, 4)
    assert command(at, plan) == "sextet cluster set-list a.x b.x c.x d.x e.x --primary 1 --name c.x"
    assert command(at, plan) in said(plan) and "Restart e.x then." in plan.then
    unknown = planned(Job(verb="add", address="e.x"), seen(1), NameFailure("e.x", "no such name (asked 10.0.0.9)"))
    assert "e.x: no such name" in unknown.warnings[0]


@pytest.mark.parametrize(
    ("job", "found", "piece"),
    [
        (Job(verb="add"), None, "is empty"),
        (Job(verb="add", address="B.X"), None, "is peer 2 already"),
        (Job(verb="add", address="b.y"), Resolved("10.0.0.2", "dns"), "the same system as peer 2"),
        (Job(verb="replace", peer=2, address="b.x"), None, "nothing to replace at its own address"),
        (Job(verb="change-address", peer=2, address="b.x"), None, "is peer 2 already"),
        (
            Job(verb="change-address", peer=2, address="b.y"),
            Resolved("10.0.0.9", "dns"),
            "remove it, change the address",
        ),
        (Job(verb="change-address", peer=2, address="b.y"), NameFailure("b.y", "no such name"), "Let it resolve"),
        (Job(verb="change-address", peer=4, address="d.y"), Resolved("10.0.0.4", "dns"), "it is dead"),
    ],
)
def test_an_address_that_cannot_be_it_is_refused(job: Job, found: Answer | None, piece: str) -> None:
    (sentence,) = refused(job, seen(1, lost=(4,)), found)
    assert piece in sentence


def test_a_full_cluster_takes_nobody_more() -> None:
    (sentence,) = refused(Job(verb="add", address="g.x"), seen(1, names=(*NAMES, "e.x", "f.x")))
    assert "6 peers already" in sentence


def test_a_peer_is_replaced_in_its_place_and_a_living_one_leaves() -> None:
    plan = planned(Job(verb="replace", peer=2, address="n.x"), seen(1), Resolved("10.0.0.9", "dns"))
    assert (plan.after, plan.clears, plan.forgets) == (("a.x", "n.x", "c.x", "d.x"), 2, "")
    assert "To keep the own settings (†) of b.x, restore a backup of it, made before it restarts, on n.x" in said(plan)


def test_a_dead_peer_is_replaced_at_its_own_address_and_its_certificate_forgotten() -> None:
    plan = planned(Job(verb="replace", peer=2, address="b.x"), seen(1, lost=(2,)), Resolved("10.0.0.2", "dns"))
    assert (plan.after, plan.clears, plan.forgets) == (NAMES, 0, "b.x")


def test_an_address_becomes_a_name_also_the_primarys_own() -> None:
    for number in (1, 2):
        job = Job(verb="change-address", peer=number, address="new.x")
        plan = planned(job, seen(1, changes_take_effect="At restart"), Resolved(f"10.0.0.{number}", "dns"))
        assert plan.after[number - 1] == "new.x" and plan.primary == 1 and plan.tells == (2, 3, 4)
        assert f"Restart peer {number}" in said(plan)


def test_an_address_that_its_peer_has_already_is_changed_in_the_other_lists() -> None:
    """The job was cut off: the peer is not heard for the very reason that it has its new name."""
    at = seen(1, lost=(2,))
    reason = "refused: this peer is new.x in its own list, not b.x"
    at = replace(at, links={**at.links, 2: replace(at.links[2], reason=reason)})
    plan = planned(Job(verb="change-address", peer=2, address="new.x"), at, Resolved("10.0.0.2", "dns"))
    assert (plan.after[1], plan.tells, plan.warnings) == ("new.x", (3, 4), ())
    assert "cannot be reached" in refused(Job(verb="change-address", peer=2, address="x.x"), at)[0]


def test_rows_are_what_differs_and_close_the_gap() -> None:
    assert rows(("a", "b", "c"), ("a", "c"), 3, 2) == {
        "clustering.peer_2_address": "c",
        "clustering.peer_3_address": "",
        "clustering.configuration_primary": 2,
    }
    assert rows(("a",), ("a",), 1, 1) == {}
