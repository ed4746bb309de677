"""Tests that are stored with the configuration: what they promise, and changes that break them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from sextet.call.checked import check
from sextet.call.rehearsal import Rehearsed, rehearse_all
from sextet.model.config import to_document
from sextet.model.schema import Refused
from sextet.model.sections import Root
from sextet.model.settings.dialplan import DialPlanTest, SearchRule
from sextet.model.settings.policy import CallPolicy, PolicyRule
from sextet.model.settings.zones import Zone, ZonePeer
from tests.support.tables import PARIS, rule

OUT = rule("Out", "9", behavior="Strip", target="Other")
OTHER = Zone(name="Other", peers=(ZonePeer(address="sip.other.example"),))


def config(*tests: DialPlanTest, rules: Sequence[SearchRule] = (OUT,)) -> Root:
    return Root(zones=(OTHER, PARIS), search_rules=(*Root().search_rules, *rules), dial_plan_tests=tests)


def promise(name: str = "outside", alias: str = "9bob@x.example", **more: object) -> DialPlanTest:
    return DialPlanTest(name=name, alias=alias, **more)  # type: ignore[arg-type]


def result(test: DialPlanTest) -> Rehearsed:
    (found,) = rehearse_all(config(test))
    return found


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        ({"target": "Other"}, True),
        ({"target": "Other", "expected_alias": "BOB@x.example"}, True),
        ({"target": "Other", "expected_alias": "9bob@x.example"}, False),
        ({"target": ""}, True),
        ({"target": "Paris"}, False),
        ({"target": "LocalZone"}, False),
        ({"target": "Local Zone", "registered": True}, True),
        ({"expected": "Not found"}, False),
        ({"expected": "Not found", "alias": "bob@x.example"}, True),
        ({"expected": "Refused", "alias": "bob@x.example"}, False),
        ({"target": "Other", "source": "Paris"}, True),
        ({"target": "Other", "source": "DefaultZone"}, True),
        ({"expected": "Not found", "source": "Other"}, True),
    ],
)
def test_a_test_says_whether_the_dial_plan_does_what_it_promises(wanted: dict[str, object], passes: bool) -> None:
    assert result(promise(**wanted)).passed == passes  # type: ignore[arg-type]


def test_a_test_may_say_who_calls_for_the_call_policy() -> None:
    rule_of_policy = PolicyRule(priority=1, source_pattern="guest.*", destination_pattern=".*")
    policy = CallPolicy(mode="Local CPL", rules=(rule_of_policy,))
    tests = (
        promise("guests", caller="sip:guest7@apolo.local", expected="Refused"),
        promise("others", caller="ann@apolo.local"),
        promise("anybody"),
        promise("unproved", caller="guest7@apolo.local", authenticated=False),
    )
    found = rehearse_all(replace(config(*tests), call_policy=policy))
    assert [one.passed for one in found] == [True] * 4
    assert not rehearse_all(config(*tests))[0].passed


WANTED: tuple[dict[str, object], ...] = (
    {}, {"expected_alias": "a@x"}, {"target": "Paris", "expected_alias": "a@x"}, {"expected": "Not found"},
    {"expected": "Refused"},
)  # fmt: skip


def test_a_test_that_fails_says_what_happens_instead() -> None:
    told = result(promise(target="Paris"))
    assert (told.wanted, told.happens) == ("be found at Paris", "it would be asked for at Other as bob@x.example")
    wanted = {result(promise(**more)).wanted for more in WANTED}  # type: ignore[arg-type]
    assert wanted == {"be found", "be found as a@x", "be found at Paris as a@x", "not be found", "be refused"}
    assert result(promise(source="Gone")).happens == "there is no enabled zone Gone"
    missing = result(promise(alias="bob@x.example"))
    assert missing.happens == "it would be refused with 404: rule LocalZoneMatch: bob@x.example is not registered"


def test_a_change_that_breaks_an_enabled_test_is_refused_with_one_sentence_that_names_it() -> None:
    before = config(promise(target="Other"))
    check(to_document(before))
    changed = replace(before, search_rules=(*Root().search_rules, replace(OUT, target="Paris")))
    with pytest.raises(Refused) as refused:
        check(to_document(changed), before)
    (problem,) = refused.value.problems
    assert problem.field == "dial_plan_tests[outside].state"
    assert problem.sentence == (
        "Dial plan test outside: 9bob@x.example from LocalZone should be found at Other, but it would be asked for at "
        "Paris as bob@x.example; correct the change, or disable the test in the same save."
    )


def test_who_disables_the_test_in_the_same_save_may_break_it() -> None:
    before = config(promise(target="Other"))
    off = promise(target="Other", state="Disabled")
    changed = replace(before, search_rules=Root().search_rules, dial_plan_tests=(off,))
    assert check(to_document(changed), before) == changed


def test_a_new_test_must_pass_too() -> None:
    with pytest.raises(Refused):
        check(to_document(config(promise(target="Paris"))), config())


def test_what_does_not_touch_the_dial_plan_is_not_held_up_by_a_test() -> None:
    broken = config(promise(target="Paris"))
    other = replace(broken, logging=replace(broken.logging, log_level=2))
    assert check(to_document(other), broken) == other
