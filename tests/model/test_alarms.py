"""The catalogue of alarms."""

from __future__ import annotations

import uuid

import pytest

from sextet.model import alarms
from sextet.model.alarms import TYPES, AlarmType

NEEDED = (20003, 20004, 20005, 20006, 20007, 20011, 20012, 20015, 20016, 20017, 20018, 20019, 20021, 40049)


def test_no_two_alarms_share_a_number_or_a_uuid() -> None:
    declared = [value for value in vars(alarms).values() if isinstance(value, AlarmType)]
    assert len(declared) == len(TYPES)
    assert len({one.uuid for one in declared}) == len(declared)


@pytest.mark.parametrize("number", NEEDED)
def test_the_alarms_of_a_cluster_are_there(number: int) -> None:
    assert TYPES[number].number == number


@pytest.mark.parametrize("one", TYPES.values(), ids=lambda one: str(one.number))
def test_every_alarm_says_what_is_wrong_and_what_to_do(one: AlarmType) -> None:
    assert one.title
    assert one.text
    assert not one.text.endswith(".")
    assert one.action.endswith(".")
    assert str(uuid.UUID(one.uuid)) == one.uuid


def test_the_three_alarms_of_the_guide_have_its_uuids() -> None:
    assert TYPES[20006].uuid == "0f96695e-d954-4f6f-85c1-2ef1eae6f764"
    assert TYPES[20004].uuid == "3bca6888-f622-11df-93be-07cc953d7b99"
    assert TYPES[20007].uuid == "e2b8e3d1-b731-4d7d-b606-4682a8f0c2e6"
