"""What workers report reaches whom it is for, once, and never an older word after a newer one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from sextet.engine import Host
from sextet.model.searches import Answer, Search
from sextet.model.status import Call, ZoneAddress
from sextet.sip.events import (
    Answered,
    Asked,
    CallChanged,
    CallEnded,
    Event,
    LoopDetected,
    Named,
    Registered,
    RegistrationRefused,
    Searched,
    Used,
    ZoneChanged,
)
from sextet.sip.orders import Orders
from sextet.sip.retelling import Retelling
from sextet.sip.zone_answers import ZoneAnswers
from sextet.sip.zone_book import Report
from sextet.sip.zone_watch import ZoneWatch
from tests.support.fake_peer import Lines

BOB = "bob@apolo.local"
CALL = Call(call_id="c", serial="s", tag="t", source="alice@apolo.local", destination=BOB, state="ringing", since_s=1.0)
UP, DOWN = (
    Report("London", ZoneAddress(host="h", uri="sip:192.0.2.1", state=state, since_s=1.0))
    for state in ("active", "failed")
)


class Everybody:
    """Host, searches, zones and answers in one: remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.journal = Lines()

    def registered(self, alias: str, bindings: Sequence[object], why: str = "") -> None:
        self.told.append((alias, bindings, why))

    def rejected(self, *refusal: str) -> None:
        self.told.append(refusal)

    def call_changed(self, call: Call) -> None:
        self.told.append((call,))

    def call_ended(self, call_id: str, reason: str) -> None:
        self.told.append((call_id, reason))

    def used(self, use: dict[str, int], heard: dict[str, object]) -> None:
        self.told.append((use, heard))

    def made(self, search: Search) -> None:
        self.told.append((search,))

    def answered(self, name: str, status: int, answers: Sequence[Answer], final: bool, reason: str = "") -> None:
        self.told.append((name, status, answers, final, reason))

    def take(self, event: object) -> None:
        self.told.append((event,))


@pytest.fixture
def everybody() -> Everybody:
    return Everybody()


def retelling(to: Everybody, searches: bool = True) -> Retelling:
    host, zones, answers = cast(Host, to), cast(ZoneWatch, to), cast(ZoneAnswers, to)
    seen = cast(Any, to) if searches else None
    return Retelling(host, to.journal, seen, Orders(), zones, answers, lambda call_id, said: f"{said} ({call_id})")


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([Registered(alias=BOB, bindings=(), order=2, why="left"), Registered(alias=BOB, bindings=(), order=1)],
         [(BOB, (), "left")]),
        ([CallChanged(call=CALL, order=2), CallChanged(call=CALL, order=1)], [(CALL,)]),
        ([CallChanged(call=CALL, order=2), CallEnded(call_id="c", reason="r", order=1)], [(CALL,)]),
        ([ZoneChanged(report=UP, order=2), ZoneChanged(report=DOWN, order=1)], [(UP,)]),
        ([CallChanged(call=CALL, order=1), CallEnded(call_id="c", reason="BYE", order=2)], [(CALL,), ("c", "BYE (c)")]),
        ([Used(use={"pipe/a": 1, "pipe/b": 2}, order=2), Used(use={"pipe/a": 9, "pipe/c": 3}, order=1)],
         [({"pipe/a": 1, "pipe/b": 2}, {}), ({"pipe/c": 3}, {})]),
    ],
)  # fmt: skip
def test_of_two_reports_on_one_thing_the_older_is_not_told(
    everybody: Everybody, events: list[Event], told: list[object]
) -> None:
    one = retelling(everybody)
    for event in events:
        one.tell(event)
    assert everybody.told == told


def test_a_call_and_an_alias_of_one_name_do_not_hide_a_bandwidth(everybody: Everybody) -> None:
    one = retelling(everybody)
    one.tell(Registered(alias="pipe/a", bindings=(), order=9))
    one.tell(Used(use={"pipe/a": 1}, order=1))
    assert everybody.told[-1] == ({"pipe/a": 1}, {})


def test_who_is_turned_away_is_told_with_status_and_reason(everybody: Everybody) -> None:
    refused = RegistrationRefused(alias=BOB, status=403, reason="No", received="192.0.2.9:1;udp", user_agent="Phone")
    retelling(everybody).tell(refused)
    assert everybody.told == [(BOB, "403 No", "192.0.2.9:1;udp", "Phone")]


@pytest.mark.parametrize(
    "event", [Asked(transaction="1:2", questions=("sip x World",)), Named(zone="World", hop="sip:192.0.2.1")]
)
def test_questions_and_names_go_to_who_answers(everybody: Everybody, event: Event) -> None:
    retelling(everybody).tell(event)
    assert everybody.told == [(event,)]


def test_searches_are_told_where_somebody_keeps_them(everybody: Everybody) -> None:
    answered = Answered(name="n", status=200, answers=(), final=True, reason="r")
    made = Searched(search=cast(Search, "a search"))
    for event in (made, answered):
        retelling(everybody, searches=False).tell(event)
    assert everybody.told == []
    for event in (made, answered):
        retelling(everybody).tell(event)
    assert everybody.told == [("a search",), ("n", 200, (), True, "r")]


def test_a_loop_is_an_event_of_level_2(everybody: Everybody) -> None:
    retelling(everybody).tell(LoopDetected(alias=BOB, source="London", tag="t"))
    assert everybody.journal.lines == [
        ("Search Loop detected", {"Service": "SIP", "Dst-alias": BOB, "Src-zone": "London", "Tag": "t", "Level": "2"})
    ]
