"""The table of faults: what counts as raised and lowered, and that a fault is mended whatever happens."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sextet.lab import alarm_proof
from sextet.lab import bench as benches
from sextet.lab.alarm_proof import prove
from sextet.lab.ask import Failed
from sextet.lab.bench import Bench, Fault
from sextet.lab.faults.table import FAULTS, NOT_ON_A_LAB, ROUNDS
from sextet.model.alarms import TYPES

ALARM = TYPES[20018]


class PlayedBench(Bench):
    """A lab whose one alarm is what the test says."""

    def __init__(self, *, deaf: bool = False, stuck: bool = False, peers: int = 3) -> None:
        super().__init__(Path("/nowhere"))
        self.raised: set[tuple[int, int]] = {(20018, 1)} if stuck else set()
        self.done: list[str] = []
        self._deaf, self._stuck, self._count = deaf, stuck, peers

    async def open(self) -> None:
        if self._count < benches.PEERS_MIN:
            raise Failed("too small")

    async def set(self, number: int, path: str, value: Any) -> None:
        self.done.append(f"{path}={value}")

    async def run(self, number: int, command: str, **arguments: Any) -> Any:
        return []

    async def whole(self) -> None:
        self.done.append("whole")

    async def cause(self, number: int, alarm: int, words: str = "") -> str | None:
        return "measured" if (alarm, number) in self.raised else None

    async def breaks(self) -> None:
        if not self._deaf:
            self.raised.add((20018, 1))

    async def mends(self) -> None:
        self.done.append("mended")
        if not self._stuck:
            self.raised.discard((20018, 1))


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarm_proof, "RAISED_S", 0.02)
    monkeypatch.setattr(alarm_proof, "LOWERED_S", 0.02)
    monkeypatch.setattr(alarm_proof, "LOOK_S", 0.001)


def played(bench: PlayedBench) -> tuple[bool, bool]:
    fault = Fault(what="x", alarms=((20018, 1),), breaks=lambda _: bench.breaks(), mends=lambda _: bench.mends())
    (found,) = asyncio.run(prove(bench, lambda _: None, (((fault,),),)))
    return found.raised, found.lowered


def test_an_alarm_that_comes_and_goes_with_its_fault_is_proved() -> None:
    assert played(PlayedBench()) == (True, True)


def test_an_alarm_that_does_not_come_or_stood_before_or_stays_is_not() -> None:
    assert played(PlayedBench(deaf=True)) == (False, True)
    assert played(PlayedBench(stuck=True)) == (False, False)


def test_what_fails_is_mended_all_the_same_and_the_lab_is_left_permissive() -> None:
    bench = PlayedBench()

    async def fails() -> None:
        raise Failed("it cannot")

    fault = Fault(what="x", alarms=((20018, 1),), breaks=lambda _: fails(), mends=lambda _: bench.mends())
    good = Fault(what="y", alarms=((20018, 1),), breaks=lambda _: bench.breaks(), mends=lambda _: bench.mends())
    failed, proved = asyncio.run(prove(bench, lambda _: None, (((fault, good),),)))
    assert failed.cause == "Not tried: it cannot" and not failed.good and proved.good
    assert bench.done[-3:] == ["mended", "whole", "clustering.tls_verification_mode=Permissive"]


def test_lanes_go_side_by_side_and_the_next_round_waits_until_the_lab_is_whole() -> None:
    bench = PlayedBench()
    met = asyncio.Barrier(2)

    async def meets() -> None:
        async with asyncio.timeout(5):
            await met.wait()

    async def later() -> None:
        bench.done.append("later")

    def fault(breaks: Callable[[], Awaitable[None]]) -> Fault:
        return Fault(what="x", alarms=(), breaks=lambda _: breaks())

    rounds = (((fault(meets),), (fault(meets),)), ((fault(later),),))
    assert asyncio.run(prove(bench, lambda _: None, rounds)) == []
    assert bench.done[1:-1] == ["whole", "later", "whole"]


def test_of_an_alarm_that_is_gone_again_the_event_log_tells_the_cause() -> None:
    class Logged(PlayedBench):
        async def run(self, number: int, command: str, **arguments: Any) -> Any:
            line = f'Event="Alarm Raised" Id="20018" Detail="{ALARM.title}: {ALARM.text} - {{}}" UTCTime="now"'
            return [line.format("an earlier one"), *([line.format("this one")] if "broken" in self.done else [])]

    bench = Logged()

    async def breaks() -> None:
        bench.done.append("broken")

    fault = Fault(what="x", alarms=((20018, 1),), breaks=lambda _: breaks(), passing=True)
    (found,) = asyncio.run(prove(bench, lambda _: None, (((fault,),),)))
    assert (found.good, found.cause) == (True, "this one")


def test_no_fault_is_made_twice() -> None:
    assert len(FAULTS) == len({fault.what for fault in FAULTS}) == sum(len(lane) for one in ROUNDS for lane in one)


def test_a_lab_that_is_too_small_is_refused() -> None:
    with pytest.raises(Failed):
        asyncio.run(prove(PlayedBench(peers=2), lambda _: None, ()))


def test_every_declared_alarm_is_raised_by_a_fault_or_says_why_no_lab_can() -> None:
    raised = {number for fault in FAULTS for number, _ in fault.alarms}
    assert raised | NOT_ON_A_LAB.keys() == TYPES.keys()
    assert not raised & NOT_ON_A_LAB.keys()


def test_the_tests_that_stand_for_a_lab_are_there() -> None:
    for number, why in NOT_ON_A_LAB.items():
        file = re.search(r"tests/\S+\.py", why)
        assert file and Path(file[0]).exists(), why
        assert str(number) in Path(file[0]).read_text(), why


def test_an_alarm_that_no_lab_raises_is_refused_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert alarm_proof.run(Path("/nowhere"), [15023]) == 2
    assert "no backup is restored on a member" in capsys.readouterr().err
    assert alarm_proof.run(Path("/nowhere"), [12345]) == 2
