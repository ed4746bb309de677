"""Each alarm is raised by a real fault, names its cause, is logged, and goes when the fault does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from sextet.lab.plan import CLUSTER_NAME
from sextet.model.alarms import TYPES
from tests.support.real_lab import Lab, eventually

pytestmark = pytest.mark.scenario
ISSUE = {20003, 20004, 20005, 20006, 20007, 20011, 20012, 20015, 20016, 20017, 20018, 20019, 20021, 40049}
ELSEWHERE = {20011: "test_change_of_primary.py", 40049: "test_enforce.py"}  # they need a story of their own
Act = Callable[[Lab], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What raises an alarm on one peer, and what ends it; the cause must name these words."""

    on: int
    words: str
    strike: Act
    mend: Act


def setting(path: str, wrong: str, right: str, words: str, on: int = 3) -> Fault:
    return Fault(
        on=on,
        words=words,
        strike=lambda lab: lab.set(on, path, wrong.format(lab=lab)),
        mend=lambda lab: lab.set(on, path, right.format(lab=lab)),
    )


def cut(words: str) -> Fault:
    return Fault(on=3, words=words, strike=lambda lab: lab.do("cut", peer=1, other=3), mend=lambda lab: lab.do("heal"))


def kill(words: str) -> Fault:
    return Fault(on=1, words=words, strike=lambda lab: lab.do("kill", peer=2), mend=lambda lab: lab.do("start", peer=2))


async def _wait_for_restart(lab: Lab) -> None:
    await lab.set(1, "clustering.changes_take_effect", "At restart")
    await eventually("3 knows", lambda: lab.value(3, "clustering.changes_take_effect"), wanted="At restart")
    await lab.set(3, "clustering.cluster_name", "other.apolo.local")


async def _no_wait(lab: Lab) -> None:
    await lab.set(3, "clustering.cluster_name", CLUSTER_NAME)
    await lab.set(1, "clustering.changes_take_effect", "At once")


FAULTS = {
    20003: setting("clustering.peer_4_address", "{lab.plan.network}.2", "", "are the same system"),
    20004: cut("expc01.apolo.local"),
    20005: setting("clustering.peer_4_address", "nobody.apolo.local", "", "nobody.apolo.local"),
    20006: cut("expc01.apolo.local"),
    20007: Fault(on=3, words="cluster_name", strike=_wait_for_restart, mend=_no_wait),
    20012: setting("clustering.cluster_name", "other.apolo.local", CLUSTER_NAME, "cluster name"),
    20015: setting("clustering.peer_3_address", "expc09.apolo.local", "expc03.apolo.local", "none of these"),
    20016: cut("Peer 1, expc01.apolo.local"),
    20017: setting("clustering.configuration_primary", "2", "1", "peer 1 says 1"),
    20018: setting("protocols.h323_mode", "Off", "On", "H.323 mode is Off", on=1),
    20019: setting("clustering.cluster_name", "", CLUSTER_NAME, "empty"),
    20021: kill("expc02.apolo.local on 4372"),
}


@pytest.mark.parametrize("number", FAULTS)
def test_an_alarm_comes_with_its_fault_and_goes_with_it(lab: Lab, number: int) -> None:
    async def play() -> None:
        fault, alarm = FAULTS[number], TYPES[number]
        assert number not in await lab.raised(fault.on)
        logged = len(lab.lines(fault.on))
        await fault.strike(lab)
        try:
            await lab.alarm(fault.on, number, fault.words)
        finally:
            await fault.mend(lab)
        await lab.alarm(fault.on, number, standing=False)
        new = lab.lines(fault.on)[logged:]
        for event in ("Raised", "Lowered"):
            start = f'Event="Alarm {event}" Id="{number}" UUID="{alarm.uuid}" Severity="{alarm.severity}" Detail="'
            assert any(start + alarm.title in line for line in new), (start, new)

    asyncio.run(play())


def test_every_alarm_of_the_issue_is_struck() -> None:
    assert FAULTS.keys() | ELSEWHERE.keys() == ISSUE
    assert not FAULTS.keys() & ELSEWHERE.keys()
    for number, file in ELSEWHERE.items():
        text = (Path(__file__).parent / file).read_text()
        assert f"{number}" in text and "standing=" in text


def test_an_alarm_that_a_person_saw_stays_until_its_cause_is_gone(lab: Lab) -> None:
    async def play() -> None:
        code, _, errors = await lab.run(2, "alarm", "acknowledge", "40049")
        assert code == 0, errors
        (seen,) = [one for one in await lab.ask(3, "alarm list") if one["number"] == 40049]

        async def acknowledged() -> list[str]:
            (line,) = [one for one in await lab.ask(3, "alarm list") if one["number"] == 40049]
            return [peer["peer_name"] for peer in line["peers"] if peer["acknowledged"]]

        await eventually("peer 3 sees that it was seen on 2", acknowledged, wanted=["expc02"])
        code, out, errors = await lab.run(3, "alarm", "acknowledge", "40049", "--all")
        assert (code, "on 2 peers" in out) == (0, True), (out, errors)
        await eventually("now on all", acknowledged, wanted=["expc01", "expc02", "expc03"])
        assert any('Event="Alarm Acknowledged" Id="40049"' in line and 'User="' in line for line in lab.lines(1))
        assert {peer["peer_name"] for peer in seen["peers"]} == {"expc01", "expc02", "expc03"}

    asyncio.run(play())
