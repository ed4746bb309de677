"""Alarms by level: raised once, lowered once, acknowledged between."""

from __future__ import annotations

import pytest

from sextet.cluster.rows.alarms import KEYS_MAX, PAST_MAX, Alarms
from sextet.model.alarms import COMMUNICATION_FAILURE, DATABASE_COMMUNICATION_FAILURE, TYPES, AlarmType
from sextet.model.status import Alarm, PastAlarm


class Desk:
    """What a peer gives its alarms: a journal, rows, a clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lines: list[tuple[str, dict[str, str]]] = []
        self.rows: dict[str, Alarm] = {}
        self.past: dict[str, PastAlarm] = {}
        put, drop = self.rows.__setitem__, self.rows.__delitem__
        self.alarms = Alarms(self, put, drop, lambda: self.now, self.past.__setitem__)

    def event(self, event: str, /, **fields: str) -> None:
        self.lines.append((event, fields))

    def module(self, module: str, level: str, detail: str, /, **fields: str) -> None:
        assert (module, level, detail) == ("developer.diagnostics.alarmanager", "INFO", "Raising alarm")

    @property
    def said(self) -> list[str]:
        return [event for event, _ in self.lines]


@pytest.mark.parametrize("alarm", TYPES.values(), ids=str)
def test_every_alarm_is_raised_and_lowered(alarm: AlarmType) -> None:
    desk = Desk()
    desk.alarms.set(alarm, "", True, "measured")
    assert desk.rows == desk.alarms.rows() and [row.number for row in desk.rows.values()] == [alarm.number]
    desk.alarms.set(alarm, "", False)
    assert desk.rows == {} and desk.said == ["Alarm Raised", "Alarm Lowered"]


def test_the_line_is_the_guides() -> None:
    desk = Desk()
    desk.alarms.set(DATABASE_COMMUNICATION_FAILURE, "", True)
    detail = "The database is unable to replicate with one or more of the cluster peers"
    assert desk.lines == [
        (
            "Alarm Raised",
            {
                "Id": "20006",
                "UUID": "0f96695e-d954-4f6f-85c1-2ef1eae6f764",
                "Severity": "warning",
                "Detail": f"Cluster database communication failure: {detail}",
            },
        )
    ]


def test_a_level_that_stays_says_nothing_more() -> None:
    desk = Desk()
    for desk.now in (0.0, 1.0, 2.0):
        desk.alarms.set(COMMUNICATION_FAILURE, "", True, "no route")
    assert desk.said == ["Alarm Raised"] and desk.rows["20004."].last_s == 0.0
    desk.alarms.set(COMMUNICATION_FAILURE, "", True, "refused")
    assert desk.said == ["Alarm Raised"] and desk.rows["20004."].detail == "refused"
    desk.alarms.set(COMMUNICATION_FAILURE, "other", False)
    assert desk.said == ["Alarm Raised"]


def test_an_acknowledged_alarm_stays_until_its_cause_is_gone_and_comes_back_as_new() -> None:
    desk = Desk()
    desk.alarms.set(COMMUNICATION_FAILURE, "", True, "x")
    for user in ("ann", "bob"):
        assert desk.alarms.acknowledge(COMMUNICATION_FAILURE, "", {"User": user})
    desk.alarms.set(COMMUNICATION_FAILURE, "", True, "y")
    assert desk.rows["20004."].acknowledged and desk.rows["20004."].acknowledged_by == "ann"
    desk.now = 7.0
    desk.alarms.set(COMMUNICATION_FAILURE, "", False)
    desk.alarms.set(COMMUNICATION_FAILURE, "", True, "x")
    assert desk.rows["20004."] == Alarm(number=20004, key="", detail="x", since_s=0.0, last_s=7.0, count=2)
    assert desk.said == ["Alarm Raised", "Alarm Acknowledged", "Alarm Lowered", "Alarm Raised"]


def test_what_is_not_raised_cannot_be_acknowledged() -> None:
    assert not Desk().alarms.acknowledge(COMMUNICATION_FAILURE, "", {"User": "ann"})


def test_what_was_lowered_is_listed_with_its_times_and_only_the_newest() -> None:
    desk = Desk()
    for desk.now in range(PAST_MAX + 1):
        desk.alarms.set(COMMUNICATION_FAILURE, "", True, f"number {desk.now}")
        desk.alarms.acknowledge(COMMUNICATION_FAILURE, "", {"User": "ann"})
        desk.alarms.set(COMMUNICATION_FAILURE, "", False)
    assert len(desk.past) == PAST_MAX
    newest = max(desk.past.values(), key=lambda past: past.lowered_s)
    assert (newest.detail, newest.since_s, newest.acknowledged_by) == (f"number {PAST_MAX}", PAST_MAX, "ann")
    assert min(past.lowered_s for past in desk.past.values()) == 1


def test_a_set_of_causes_raises_the_named_and_lowers_the_others() -> None:
    desk = Desk()
    desk.alarms.set(DATABASE_COMMUNICATION_FAILURE, "2", True)
    desk.alarms.set_all(COMMUNICATION_FAILURE, {"2": "a", "3": "b"})
    desk.alarms.set_all(COMMUNICATION_FAILURE, {"3": "c", "4": "d"})
    assert sorted(desk.rows) == ["20004.3", "20004.4", "20006.2"]
    assert [alarm.detail for alarm in desk.alarms.raised()] == ["", "c", "d"]


def test_the_number_of_alarms_is_bounded() -> None:
    desk = Desk()
    for turn in (True, False, True):
        desk.alarms.set_all(COMMUNICATION_FAILURE, {str(n): "" for n in range(KEYS_MAX + 5)} if turn else {})
    assert len(desk.rows) == KEYS_MAX
