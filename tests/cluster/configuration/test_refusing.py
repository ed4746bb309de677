"""Alarm 45001 stands from a script that was refused until the call policy is changed."""

from __future__ import annotations

import pytest

from sextet.cluster.configuration.refusing import SCRIPT, noting_policy
from sextet.cluster.rows.alarms import Alarms
from sextet.model.config import Change
from sextet.model.schema import Problem, Refused
from tests.support.fake_peer import Lines

CHANGE = Change("set", SCRIPT, "<cpl>")


def alarms() -> Alarms:
    return Alarms(Lines(), lambda name, alarm: None, lambda name: None, lambda: 1.0, lambda name, alarm: None)


def refuse(made: Alarms, field: str = SCRIPT, dry_run: bool = False) -> None:
    with pytest.raises(Refused), noting_policy(made, [CHANGE], dry_run):
        raise Refused(Problem(field, "CPL script: it is wrong."))


def test_a_refused_script_raises_it_with_the_cause_and_a_good_one_lowers_it() -> None:
    made = alarms()
    refuse(made)
    assert [(one.number, one.detail) for one in made.raised()] == [(45001, "CPL script: it is wrong.")]
    with noting_policy(made, [Change("set", "zones[a].state", "Disabled")], False):
        pass
    assert made.raised(), "what is no call policy mends none"
    with noting_policy(made, [Change("add", "call_policy.rules", {})], False):
        pass
    assert not made.raised()


def test_a_rehearsal_and_other_refusals_raise_nothing() -> None:
    made = alarms()
    refuse(made, dry_run=True)
    refuse(made, field="zones")
    assert not made.raised()
