"""Taking back one revision: what it changed and nothing else, or a refusal that says what was changed since."""

from __future__ import annotations

from typing import Any

import pytest

from sextet.model import config
from sextet.model.config import Change
from sextet.model.ordering import settled
from sextet.model.schema import Refused
from sextet.model.sections import Root
from sextet.model.undoing import undone
from sextet.model.validate import check

START = config.to_document(Root())


def edited(before: Any, *changes: Change) -> Any:
    after = settled(before, config.changed(before, changes), [change.path for change in changes])
    return config.to_document(check(after))


def back(before: Any, after: Any, now: Any) -> Any:
    return edited(now, *undone(*(config.shared_part(one) for one in (before, after, now))))


def add(path: str, **values: Any) -> Change:
    return Change("add", path, values)


RULES = tuple(add("search_rules", name=name, target="LocalZone") for name in ("a", "b", "c"))
PLAN = edited(START, add("zones", name="London"), *RULES)


@pytest.mark.parametrize(
    "change",
    [
        (add("search_rules", name="d", target="London"),),
        (Change("remove", "search_rules[b]"), Change("remove", "search_rules[c]")),
        (Change("set", "search_rules[b].priority", 7),),
        (Change("set", "zones[London].name", "Paris"),),
        (Change("remove", "zones[London]"),),
        (Change("set", "dial_plan.unknown_ip", "Off"), Change("set", "call_policy.mode", "Local CPL")),
        (add("call_policy.rules", priority=3, destination_pattern="x"),),
        (Change("set", "search_rules", []),),
    ],
)
def test_it_is_as_before_and_what_came_besides_stays(change: tuple[Change, ...]) -> None:
    after = edited(PLAN, *change)
    assert back(PLAN, after, after) == PLAN
    other = (add("search_rules", name="z", target="LocalZone"), Change("set", "dial_plan.fallback_alias", "x@y"))
    assert back(PLAN, after, edited(after, *other)) == edited(PLAN, *other)


def test_what_was_changed_since_is_named_and_nothing_is_undone() -> None:
    after = edited(PLAN, Change("set", "search_rules[b].priority", 7), Change("set", "dial_plan.unknown_ip", "Off"))
    now = edited(after, Change("set", "search_rules[b].priority", 8), Change("set", "dial_plan.unknown_ip", "Direct"))
    with pytest.raises(Refused) as refused:
        back(PLAN, after, now)
    assert {(one.field, one.sentence) for one in refused.value.problems} == {
        ("search_rules[b]", "Search rules: b was changed since; undo that first."),
        ("dial_plan.unknown_ip", "Calls to unknown IP addresses: it was changed since; undo that first."),
    }


def test_the_peer_list_and_administrators_are_left_to_their_own_pages() -> None:
    after = {**PLAN, "administrators": [{"name": "ann", "password_hash": "x"}]}
    with pytest.raises(Refused, match="change it where it is set"):
        back(PLAN, after, after)
    with pytest.raises(Refused, match="nothing that can be undone"):
        back(PLAN, PLAN, PLAN)
