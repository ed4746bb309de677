"""Rules and transforms that can never do anything are named, and no others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from sextet.call.shadows import warnings
from sextet.model.settings.dialplan import SearchRule, Transform
from sextet.model.settings.policy_services import PolicyServer, PolicyService
from tests.support.tables import LONDON, PARIS, root, rule, table


def told(rules: Sequence[SearchRule] = (), **sections: object) -> dict[str, str]:
    return {one.name: one.sentence for one in warnings(root(rules, **sections), table(rules, **sections))}


STOP = rule("stop", "bob", priority=60, on_match="Stop")
ANY_STOP = rule("stop", on_match="Stop", priority=60)
FROM_DEFAULT = rule("r", "bob", source="Named", source_name="DefaultZone", target="Paris")
FROM_SUBZONE = replace(FROM_DEFAULT, source_name="DefaultSubZone")


@pytest.mark.parametrize(
    ("first", "second", "shadowed"),
    [
        (STOP, rule("r", "bob"), True),
        (STOP, rule("r", "bobby"), True),
        (STOP, rule("r", "bobby", "Exact"), True),
        (STOP, rule("r", "BOB@x", "Exact"), True),
        (STOP, rule("r", "bo", target="Paris"), False),
        (STOP, rule("r", "bob", "Suffix", target="Paris"), False),
        (STOP, rule("r", "bob", priority=60, target="Paris"), False),  # the rules of a priority all run
        (replace(STOP, on_match="Continue"), rule("r", "bob", target="Paris"), False),
        (replace(STOP, authenticated=True), rule("r", "bob", target="Paris"), False),
        (replace(STOP, authenticated=True), rule("r", "bob", authenticated=True, target="Paris"), True),
        (replace(STOP, source="Local Zone"), rule("r", "bob", target="Paris"), False),
        (replace(STOP, source="Local Zone"), rule("r", "bob", source="Local Zone", target="Paris"), True),
        (replace(STOP, source="Local Zone"), FROM_SUBZONE, True),
        (replace(STOP, source="Local Zone"), replace(FROM_DEFAULT, source_name="London"), False),
        (
            replace(STOP, source="Named", source_name="LocalZone"),
            FROM_SUBZONE,
            True,
        ),
        (replace(STOP, source="Named", source_name="DefaultSubZone"), rule("r", "bob", source="Local Zone"), False),
        (replace(STOP, source="All zones"), FROM_DEFAULT, False),
        (replace(STOP, source="All zones"), rule("r", "bob", source="Local Zone", target="Paris"), True),
        (replace(STOP, protocol="SIP"), rule("r", "bob", target="Paris"), False),
        (replace(STOP, state="Disabled"), rule("r", "bob", target="Paris"), False),
        (rule("stop", ".*", "Regex", on_match="Stop", priority=60), rule("r", "x", "Suffix", target="Paris"), True),
        (rule("stop", on_match="Stop", priority=60), rule("r", target="Paris"), True),
        (rule("stop", mode="Any IP address", on_match="Stop", priority=60), rule("r", target="Paris"), False),
        (ANY_STOP, rule("r", "@paris.test", "Suffix", target="Paris"), True),
        (ANY_STOP, rule("r", r"(\d+)@paris\.test", "Regex", target="Paris"), True),
        (ANY_STOP, rule("r", "2001", target="Paris"), False),  # an IP address, which Any alias is not about
        (ANY_STOP, rule("r", r"\d+", "Regex", target="Paris"), False),
        (rule("stop", ".*", "Regex", on_match="Stop", priority=60), rule("r", target="Paris"), True),
        (rule("stop", ".*@x", "Regex", on_match="Stop", priority=60), rule("r", target="Paris"), False),
    ],
)
def test_a_rule_behind_a_stop_that_matches_all_of_it_is_shadowed(
    first: SearchRule, second: SearchRule, shadowed: bool
) -> None:
    found = told((first, second))
    assert ("r" in found) == shadowed
    if shadowed:
        assert "shadowed by rule stop" in found["r"]


def test_a_rule_that_asks_the_same_again_is_shadowed() -> None:
    assert "asks London for the same aliases" in told((rule("a", "bo"), rule("b", "bob")))["b"]
    assert "b" not in told((rule("a", "bo"), rule("b", "bob", behavior="Strip")))


def test_rules_that_never_match_are_named() -> None:
    named = rule("n", source="Named", source_name="London", target="Paris")
    found = told((rule("h", protocol="H323"), named), zones=(replace(LONDON, state="Disabled"), PARIS))
    assert found["h"] == "It never matches: there is no H.323 here yet."
    assert found["n"] == "It never matches: its source, zone London, is disabled."
    assert "nothing fits its pattern" in told((rule("d", r".*@%localdomains%", "Regex"),), domains=())["d"]


def test_a_variable_that_there_is_not_is_named_once_for_each_rule_and_transform() -> None:
    lost = "%{}% is no variable here; it is taken as it is written."
    rules = (
        rule("p", "@%localdomian%", "Suffix"),
        rule("r", r"(\d+)", "Regex", behavior="Replace", replace=r"\1@%localdomain7%"),
        rule("fine", r"(.*)@%LocalDomains%", "Regex", behavior="Replace", replace=r"\1@%localdomain1%"),
        rule("left", r"(.*)x", "Regex", behavior="Leave", replace="%nothing%"),
        rule("off", "%nothing%", state="Disabled"),
    )
    transforms = (Transform(priority=3, pattern="9", behavior="Add Suffix", replace="@%localdomain7%"),)
    assert told(rules, transforms=transforms) == {
        "p": f"Pattern string: {lost.format('localdomian')}",
        "r": f"Replace string: {lost.format('localdomain7')}",
        "transform 3": f"Replace string: {lost.format('localdomain7')}",
    }


def test_a_rule_without_a_target_is_named() -> None:
    assert told((rule("a"),), zones=(replace(LONDON, state="Disabled"), PARIS)) == {
        "a": "Its target, zone London, is disabled."
    }
    assert told((rule("a"),), zones=(PARIS,)) == {"a": "Its target, zone London, is not there."}
    service = PolicyService(name="Judge", servers=(PolicyServer(address="judge.example"),))
    assert told((rule("a", target="Judge"),), policy_services=(service,)) == {}


def test_a_transform_behind_one_that_matches_all_of_it_is_named() -> None:
    rows = (
        Transform(priority=1, pattern="90", behavior="Strip"),
        Transform(priority=2, pattern="9", behavior="Strip"),
        Transform(priority=3, pattern="91", behavior="Strip"),
    )
    assert told(transforms=rows) == {
        "transform 3": "It is never reached: transform 2 matches everything that it matches."
    }


def test_a_plan_without_faults_has_no_warnings() -> None:
    assert told((rule("a", "@london.example", "Suffix"), rule("b", "9", behavior="Strip", target="Paris"))) == {}
