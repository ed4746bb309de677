"""Does every alarm come and go with its cause? Real faults on a running lab, some at the same time, as a table."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from sextet.lab.ask import Failed, Unanswered
from sextet.lab.bench import LOOK_S, Bench, Fault
from sextet.lab.faults.table import FAULTS, NOT_ON_A_LAB, ROUNDS, Round
from sextet.lab.patience import until
from sextet.lab.plan import directories
from sextet.model.alarms import TYPES

RAISED_S = 60.0  # on a busy machine
LOWERED_S = 60.0  # a killed peer is started again and joins
MODE = "clustering.tls_verification_mode"
WHOLE_S = 900.0  # for the whole table; it needs a minute and a half
WIDTH_PIPED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was seen of one alarm."""

    number: int
    peer: int
    what: str
    cause: str
    raised: bool
    lowered: bool
    raised_s: float = 0.0
    lowered_s: float = 0.0

    @property
    def good(self) -> bool:
        return self.raised and self.lowered


def run(directory: Path | None, numbers: Sequence[int] = ()) -> int:
    """Break a running lab in every way of the table, or for these alarms only, and print what was seen.

    Gives 0 when all is as it should be.
    """
    rounds = _of(numbers) if numbers else ROUNDS
    for number in numbers:
        if not any(number == known for one in FAULTS for known, _ in one.alarms):
            why = NOT_ON_A_LAB.get(number, "there is no such alarm; `docs/manual/reference/alarms.md` has them all")
            click.echo(f"refused: alarm {number} is not raised on a lab: {why}.", err=True)
            return 2
    _, run_dir = directories(directory and directory.absolute(), os.geteuid(), os.environ)
    try:
        proving = prove(Bench(run_dir), lambda fault: click.echo(f"{fault.what} …", err=True), rounds)
        found = asyncio.run(asyncio.wait_for(proving, WHOLE_S))
    except TimeoutError:
        click.echo(f"failed: the table was not done within {WHOLE_S / 60:.0f} minutes.", err=True)
        return 1
    except Failed as error:
        click.echo(f"failed: {error}", err=True)
        return 1
    except Unanswered:
        click.echo(f"unreachable: no lab runs in {run_dir}; start one with `sextet lab up`.", err=True)
        return 6
    show(found)
    if not numbers:
        show_missing()
    return 0 if all(one.good for one in found) else 1


def _of(numbers: Sequence[int]) -> tuple[Round, ...]:
    """Give the faults that raise these alarms, each for itself."""
    return tuple(((one,),) for one in FAULTS if any(number in numbers for number, _ in one.alarms))


async def prove(bench: Bench, told: Callable[[Fault], None], rounds: tuple[Round, ...] = ROUNDS) -> list[Finding]:
    """Make one round of faults after the other.

    The TLS verification mode is Permissive afterwards, as in a new lab.
    """
    await bench.open()
    await bench.set(1, MODE, "Permissive")
    found: list[Finding] = []
    try:
        for lanes in rounds:
            for seen in await asyncio.gather(*(_lane(bench, told, lane) for lane in lanes)):
                found += seen
            await bench.whole()
    finally:
        await bench.set(1, MODE, "Permissive")
    return found


async def _lane(bench: Bench, told: Callable[[Fault], None], faults: tuple[Fault, ...]) -> list[Finding]:
    found: list[Finding] = []
    for fault in faults:
        told(fault)
        found += await _prove(bench, fault)
    return found


async def _prove(bench: Bench, fault: Fault) -> list[Finding]:
    """Make one fault and mend it; what fails meanwhile is a finding, and the next fault is tried all the same."""
    try:
        return await _seen(bench, fault)
    except (Failed, Unanswered) as error:
        first = error.__context__ or error  # what breaks may fail, and then what mends as well
        return [
            Finding(number=number, peer=peer, what=fault.what, cause=f"Not tried: {first}", raised=False, lowered=False)
            for number, peer in fault.alarms
        ]


async def _seen(bench: Bench, fault: Fault) -> list[Finding]:
    if fault.before is not None:
        await fault.before(bench)
    # Nothing is proved by alarms that stand already.
    standing = {place for place in fault.alarms if not await _lowered(bench, *place, fault.words)}
    before = {place: len(await _events(bench, *place)) for place in fault.alarms if fault.passing}
    began = time.monotonic()
    try:
        await fault.breaks(bench)
        raised = [await _raised(bench, *place, before.get(place), fault.words) for place in fault.alarms]
    finally:
        mended = time.monotonic()
        if fault.mends is not None:
            await fault.mends(bench)
    times = [moment - began for _, moment in raised]
    lowered = [await _lowered(bench, *place, fault.words) for place in fault.alarms]
    return [
        Finding(
            number=number,
            peer=peer,
            what=fault.what,
            cause=cause or "",
            raised=cause is not None and (number, peer) not in standing,
            lowered=moment > 0,
            raised_s=raised_s,
            lowered_s=moment - mended if moment else 0.0,
        )
        for (number, peer), (cause, _), raised_s, moment in zip(fault.alarms, raised, times, lowered, strict=True)
    ]


async def _raised(bench: Bench, alarm: int, peer: int, events: int | None, words: str) -> tuple[str | None, float]:
    async def causes() -> list[str]:
        cause = await bench.cause(peer, alarm, words)
        if cause is not None:
            return [cause]
        return (await _events(bench, alarm, peer))[events:] if events is not None else []

    found, _ = await until(causes, RAISED_S, LOOK_S)
    return found[0] if found else None, time.monotonic()


async def _lowered(bench: Bench, alarm: int, peer: int, words: str) -> float:
    """Wait until the alarm is gone on a peer that answers; gives the moment, 0 where it stays."""

    async def gone() -> bool:
        return await bench.cause(peer, alarm, words) is None

    found, _ = await until(gone, LOWERED_S, LOOK_S)
    return time.monotonic() if found else 0.0


async def _events(bench: Bench, alarm: int, peer: int) -> list[str]:
    """Give the causes with which an alarm was raised, by the event log, the oldest first."""
    lines = await bench.run(peer, "log search", text=f'Event="Alarm Raised" Id="{alarm}"', lines=1000)
    return [line.partition(f" {TYPES[alarm].text} - ")[2].partition('" UTCTime=')[0] for line in lines]


def show(found: list[Finding]) -> None:
    """Print the table."""
    table = Table("Alarm", "Title", "Peer", "Fault", "Cause as measured", "Raised", "Lowered", box=None, pad_edge=False)
    for one in found:
        marks = [
            f"✔ {seconds:.1f} s" if seen else "✘"
            for seen, seconds in ((one.raised, one.raised_s), (one.lowered, one.lowered_s))
        ]
        table.add_row(str(one.number), TYPES[one.number].title, str(one.peer), one.what, one.cause, *marks)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_PIPED)
    console.print(table)
    good = sum(one.good for one in found)
    console.print(f"{good} of {len(found)} alarms were raised by their fault and lowered when it was mended.")


def show_missing() -> None:
    """Print which alarms no lab can raise, and why."""
    table = Table("Alarm", "Title", "Not raised on a lab because", box=None, pad_edge=False)
    for number, why in sorted(NOT_ON_A_LAB.items()):
        table.add_row(str(number), TYPES[number].title, why)
    Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_PIPED).print(table)
