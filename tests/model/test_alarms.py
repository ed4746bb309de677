"""The catalogue of alarms."""

from __future__ import annotations

import uuid

import pytest

from sextet.model import alarms
from sextet.model.absent_alarms import ABSENT, numbers
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


ORIGINAL = {  # facts 4.3, the families that a cluster needs
    *range(15004, 15020), *range(15021, 15033),
    *range(20003, 20010), 20011, 20012, *range(20014, 20022), 20024, 20025, 20026,
    *range(25001, 25005), *range(25006, 25012), *range(25013, 25025), *range(25026, 25032),
    *range(40001, 40010), *range(40011, 40023), *range(40024, 40035), *range(40036, 40047), *range(40048, 40057),
    *range(40061, 40065), 40066, 40068, 40069, 40075, 40076, 40078, 40079, 40100, 40101,
}  # fmt: skip


def test_every_alarm_of_the_original_is_declared_or_has_a_reason_why_it_never_stands() -> None:
    absent = [number for spans in ABSENT for number in numbers(spans)]
    assert len(absent) == len(set(absent))
    assert not set(absent) & TYPES.keys()
    missing = ORIGINAL - set(absent) - TYPES.keys()
    assert missing == set(), sorted(missing)
