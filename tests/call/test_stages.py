"""Policies that name other aliases: each begins again at the transforms, together or in turn, and never for ever."""

from __future__ import annotations

from collections.abc import Sequence

from sextet.call.decision import Decision, Refuse, Request, Searched, Try
from sextet.call.search import DEPTH_MAX, SEARCHES_MAX, again, search
from sextet.call.source import DEFAULT, LOCAL, Source, SourceKind
from sextet.call.stages import Again, Stage, Stages
from sextet.call.table import Table
from sextet.model.settings.dialplan import Transform
from tests.support.tables import rule, table

BOB = "bob@apolo.local"
DEVICES = ("desk@apolo.local", "room@apolo.local", "mobile@paris.example")
PLAN = (rule("Out", "@paris.example", "Suffix", target="Paris"),)


def named(answers: dict[str, Again | Refuse]) -> Stage:
    return lambda _table, _request, alias: answers.get(alias)


def searched(made: Table, stages: Stages, here: Sequence[str] = (), alias: str = BOB, **more: object) -> Searched:
    asked = Request(protocol="SIP", alias=alias, source=LOCAL, **more)  # type: ignore[arg-type]
    return search(made, asked, lambda alias: alias in here, lambda _: (), stages)


def rounds(decision: Decision) -> list[list[str]]:
    assert isinstance(decision, Try), decision
    return [[target.alias for target in one.targets] for one in decision.rounds]


def test_the_devices_of_a_person_ring_in_one_round_with_the_hops_that_are_left() -> None:
    stages = Stages(user_policy=named({BOB: Again(groups=(DEVICES,), reason="FindMe of bob")}))
    made = table(PLAN)
    found = searched(made, stages, here=DEVICES[:2], hops=9)
    assert rounds(found.decision) == [list(DEVICES)]
    assert isinstance(found.decision, Try)
    assert [target.hops for target in found.decision.rounds[0].targets] == [8, 8, 5]
    assert [(note.kind, note.name, note.finding) for note in found.notes][0] == (
        "policy", "user policy", "FindMe of bob",
    )  # fmt: skip


def test_aliases_in_turn_are_asked_one_after_the_other() -> None:
    stages = Stages(policy=named({BOB: Again(groups=tuple((one,) for one in DEVICES[:2]), reason="policy")}))
    assert rounds(searched(table(), stages, here=DEVICES).decision) == [[DEVICES[0]], [DEVICES[1]]]


def test_a_new_alias_begins_again_at_the_transforms() -> None:
    stages = Stages(policy=named({BOB: Again(groups=(("9desk",),), reason="policy")}))
    short = Transform(priority=1, pattern="9(.*)", pattern_type="Regex", behavior="Replace", replace=r"\1@apolo.local")
    made = table(transforms=(short,))
    assert rounds(searched(made, stages, here=DEVICES).decision) == [[DEVICES[0]]]


def test_policy_sees_what_the_transforms_made_and_comes_before_user_policy() -> None:
    seen: list[tuple[str, str]] = []

    def noted(name: str) -> Stage:
        def stage(_table: Table, _request: Request, alias: str) -> None:
            seen.append((name, alias))

        return stage

    made = table(transforms=(Transform(priority=1, pattern="9", behavior="Strip"),))
    searched(made, Stages(policy=noted("policy"), user_policy=noted("user")), alias="9bob@x.example")
    assert seen == [("policy", "bob@x.example"), ("user", "bob@x.example")]


def test_a_refusal_of_policy_ends_its_branch_and_answers_where_no_other_branch_found_anything() -> None:
    no = Refuse(403, "rule 3 of the call policy forbids it")
    assert searched(table(), Stages(policy=named({BOB: no})), here=[BOB]).decision == no
    stages = Stages(policy=named({BOB: Again(groups=(DEVICES[:2],), reason="policy"), DEVICES[0]: no}))
    assert rounds(searched(table(), stages, here=DEVICES).decision) == [[DEVICES[1]]]


def test_an_alias_that_comes_back_to_itself_is_a_policy_loop_on_that_branch_only() -> None:
    circle: dict[str, Again | Refuse] = {
        BOB: Again(groups=((DEVICES[0], "eve@apolo.local"),), reason="policy"),
        "eve@apolo.local": Again(groups=(("BOB@apolo.local",),), reason="policy"),
        "BOB@apolo.local": Again(groups=((BOB,),), reason="policy"),
    }
    found = searched(table(), Stages(policy=named(circle)), here=DEVICES)
    assert rounds(found.decision) == [[DEVICES[0]]]
    assert "policy loop detected" in [note.finding for note in found.notes]
    alone = searched(table(), Stages(policy=named({BOB: Again(groups=((BOB,),), reason="policy")})))
    assert alone.decision == Refuse(404, f"policy loop detected at {BOB}")


def test_policies_that_name_ever_new_aliases_end() -> None:
    def deeper(_table: Table, _request: Request, alias: str) -> Again:
        return Again(groups=((f"x{alias}",),), reason="policy")

    def wider(_table: Table, _request: Request, alias: str) -> Again:
        return Again(groups=((f"x{alias}", f"y{alias}"),), reason="policy")

    for stage, most in ((deeper, DEPTH_MAX), (wider, SEARCHES_MAX)):
        found = searched(table(), Stages(policy=stage))
        assert isinstance(found.decision, Refuse)
        assert "one alias too many" in found.decision.reason
        assert sum(note.name == "policy" for note in found.notes) <= most


def test_a_target_that_answers_with_new_aliases_goes_on_from_its_trail() -> None:
    made, asked = table(PLAN), Request(protocol="SIP", alias=BOB, source=DEFAULT, hops=7)
    stages = Stages(policy=named({BOB: Again(groups=(("x@paris.example",),), reason="p")}))
    first = search(made, asked, lambda _: False, lambda _: (), stages)
    assert isinstance(first.decision, Try)
    target = first.decision.rounds[0].targets[0]
    assert target.trail == (BOB, "x@paris.example")
    answer = Again(groups=((BOB, "y@paris.example"),), reason="ENUM")
    found = again(made, asked, target.trail, answer, lambda _: False, lambda _: ())
    assert rounds(found.decision) == [["y@paris.example"]]
    assert "policy loop detected" in [note.finding for note in found.notes]
    spent = Request(protocol="SIP", alias=BOB, source=DEFAULT, hops=0)
    assert again(made, spent, (), answer, lambda _: False, lambda _: ()).decision == Refuse(483, "Too many hops")


def test_a_peer_searched_already_and_no_policy_is_asked_again() -> None:
    def never(_table: Table, _request: Request, alias: str) -> Refuse:
        raise AssertionError(alias)

    asked = Request(protocol="SIP", alias=BOB, source=Source(SourceKind.PEER, "expc02.apolo.local", 2))
    assert isinstance(search(table(), asked, lambda _: True, lambda _: (), Stages(policy=never)).decision, Try)
