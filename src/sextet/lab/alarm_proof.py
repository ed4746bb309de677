"""Does every alarm come and go with its cause? Real faults on a running lab, one after the other, as a table."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from sextet.lab.ask import Failed, Unanswered, ask
from sextet.lab.plan import directories
from sextet.lab.rig import START_S
from sextet.model.alarms import TYPES

PEERS_MIN = 3
RAISED_S = 20.0
LOWERED_S = 40.0  # a killed peer is started again and joins
ANSWER_S = 10.0
LOOK_S = 0.1
WIDTH_PIPED = 200
CLOSED_PORT = 9  # discard: nobody listens there on a lab's address


class Bench:
    """The lab that is broken and mended."""

    def __init__(self, run_dir: Path) -> None:
        self._control = run_dir / "lab.sock"
        self._peers: list[dict[str, Any]] = []

    async def open(self) -> None:
        """Find the peers. Raises Unanswered, and Failed for a lab that is too small."""
        self._peers = (await ask(self._control, "describe", {}, ANSWER_S))["peers"]
        if len(self._peers) < PEERS_MIN:
            raise Failed(f"This needs a lab of {PEERS_MIN} peers; start it with `sextet lab up --peers {PEERS_MIN}`.")

    def address(self, number: int) -> str:
        return str(self._peers[number - 1]["address"])

    async def do(self, command: str, **arguments: Any) -> None:
        """Break or mend something."""
        await ask(self._control, command, arguments, START_S + ANSWER_S)

    async def run(self, number: int, command: str, **arguments: Any) -> Any:
        """Run a command on a peer."""
        return await ask(Path(self._peers[number - 1]["socket"]), command, arguments, ANSWER_S)

    async def set(self, number: int, path: str, value: Any) -> None:
        await self.run(number, "config set", path=path, value=value)

    async def cause(self, number: int, alarm: int) -> str | None:
        """Give the cause where a peer raises an alarm itself, else None."""
        name = str(self._peers[number - 1]["name"]).partition(".")[0]
        try:
            for line in await self.run(number, "alarm list"):
                for peer in line["peers"]:
                    if line["number"] == alarm and peer["peer_name"] == name and not peer["stale"]:
                        return str(peer["detail"])
        except Unanswered:
            return None
        return None


Step = Callable[[Bench], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One real fault, where its alarms are seen, and how it is mended."""

    what: str
    alarms: tuple[tuple[int, int], ...]  # (number of the alarm, number of the peer)
    breaks: Step
    mends: Step | None = None  # None: it mends itself
    before: Step | None = None  # what makes the alarms go that stand in a lab that is well
    passing: bool = False  # the alarm may be gone again before it is looked for: the event log tells


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


def _setting(number: int, path: str, broken: Any, mended: Any) -> tuple[Step, Step]:
    return lambda bench: bench.set(number, path, broken), lambda bench: bench.set(number, path, mended)


async def _at_restart(bench: Bench) -> None:
    await bench.set(1, "clustering.changes_take_effect", "At restart")
    await bench.set(1, "clustering.tls_verification_mode", "Enforce")


async def _as_before(bench: Bench) -> None:
    await bench.set(1, "clustering.tls_verification_mode", "Permissive")
    await bench.set(1, "clustering.changes_take_effect", "At once")


async def _add_syslog(bench: Bench) -> None:
    server = {"address": bench.address(2), "port": CLOSED_PORT, "transport": "TCP"}
    await bench.run(2, "config add", path="logging.syslog_servers", value=server)


async def _two_names(bench: Bench) -> None:
    await bench.set(3, "clustering.peer_4_address", bench.address(1))


async def _part_ways(bench: Bench) -> None:
    """Let the primary accept an edit that nobody hears of, while another peer becomes the primary."""
    for other in (2, 3):
        await bench.do("cut", peer=1, other=other)
    await bench.set(1, "protocols.standard_refresh_maximum", 61)
    await bench.run(2, "cluster promote")
    await bench.set(3, "clustering.configuration_primary", 2)
    await bench.do("heal")


async def _settle(bench: Bench) -> None:
    """Deal with the edit, and give the lab back the primary that it had."""
    await bench.set(1, "clustering.configuration_primary", 2)
    for proposal in await bench.run(1, "config set-aside"):
        await bench.run(1, "config dismiss", revision=proposal["revision"]["revision"])
    await bench.run(1, "cluster promote")
    for other in (2, 3):
        await bench.set(other, "clustering.configuration_primary", 1)


_H323 = _setting(1, "protocols.h323_mode", False, True)
_NAME = _setting(3, "clustering.cluster_name", "", "expc-cluster.apolo.local")
_PRIMARY = _setting(3, "clustering.configuration_primary", 2, 1)
_NOBODY = _setting(3, "clustering.peer_4_address", "nobody.apolo.local", "")
_PORT = _setting(1, "protocols.sip_udp_port", 5070, 5060)

FAULTS = (
    Fault(
        what="The network between peer 1 and peer 2 is cut",
        alarms=((20004, 1), (20006, 1), (20016, 2)),
        breaks=lambda bench: bench.do("cut", peer=1, other=2),
        mends=lambda bench: bench.do("heal"),
    ),
    Fault(
        what="sextetd of peer 3 is killed",
        alarms=((20021, 1), (20004, 2)),
        breaks=lambda bench: bench.do("kill", peer=3),
        mends=lambda bench: bench.do("start", peer=3),
    ),
    Fault(
        what="Kamailio of peer 3 is killed; it is started again by itself",
        alarms=((15010, 3),),
        breaks=lambda bench: bench.do("kill", peer=3, part="kamailio"),
        passing=True,
    ),
    Fault(what="H.323 mode is off", alarms=((20018, 1), (20018, 3)), breaks=_H323[0], mends=_H323[1]),
    Fault(
        what="Peer 3 has no cluster name, unlike the primary",
        alarms=((20019, 3), (20012, 3)),
        breaks=_NAME[0],
        mends=_NAME[1],
    ),
    Fault(
        what="Peer 3 names another configuration primary", alarms=((20017, 3),), breaks=_PRIMARY[0], mends=_PRIMARY[1]
    ),
    Fault(what="Peer 3 lists a name that does not resolve", alarms=((20005, 3),), breaks=_NOBODY[0], mends=_NOBODY[1]),
    Fault(
        what="Peer 3 lists the same system twice",
        alarms=((20003, 3),),
        breaks=_two_names,
        mends=lambda bench: bench.set(3, "clustering.peer_4_address", ""),
    ),
    Fault(
        what="TLS verification mode saved, in force at restart",
        alarms=((20007, 1), (20020, 1), (20007, 2), (20020, 2)),
        breaks=_at_restart,
        mends=_as_before,
    ),
    Fault(
        what="An edit of a cut-off primary, while another peer became the primary",
        alarms=((20011, 1),),
        breaks=_part_ways,
        mends=_settle,
    ),
    Fault(what="A SIP port is changed", alarms=((25008, 1), (25008, 2)), breaks=_PORT[0], mends=_PORT[1]),
    Fault(
        what="The default links are removed",
        alarms=((45002, 1), (45006, 1), (45007, 2), (45008, 2)),
        breaks=lambda bench: bench.set(1, "links", []),
        mends=lambda bench: bench.run(2, "xcommand", words="DefaultLinksAdd"),
    ),
    Fault(
        what="Diagnostic logging on all peers",
        alarms=((25019, 1), (25019, 3)),
        breaks=lambda bench: bench.run(1, "diagnostics start", all=True),
        mends=lambda bench: bench.run(1, "diagnostics stop", all=True),
    ),
    Fault(
        what="A remote syslog server that does not listen",
        alarms=((60921, 2),),
        breaks=_add_syslog,
        mends=lambda bench: bench.run(2, "config remove", path=f"logging.syslog_servers[{bench.address(2)}]"),
    ),
    Fault(
        what="TLS verification mode Permissive; Enforce mends it",
        alarms=((40049, 1), (40049, 2)),
        before=lambda bench: bench.set(1, "clustering.tls_verification_mode", "Enforce"),
        breaks=lambda bench: bench.set(1, "clustering.tls_verification_mode", "Permissive"),
        mends=lambda bench: bench.set(1, "clustering.tls_verification_mode", "Enforce"),
    ),
)


def run(directory: Path | None) -> int:
    """Break a running lab in every way of the table and print what was seen; 0 when all is as it should be."""
    _, run_dir = directories(directory and directory.absolute(), os.geteuid(), os.environ)
    try:
        found = asyncio.run(prove(Bench(run_dir), lambda fault: click.echo(f"{fault.what} …", err=True)))
    except Failed as error:
        click.echo(f"failed: {error}", err=True)
        return 1
    except Unanswered:
        click.echo(f"unreachable: no lab runs in {run_dir}; start one with `sextet lab up`.", err=True)
        return 6
    show(found)
    return 0 if all(one.good for one in found) else 1


async def prove(bench: Bench, told: Callable[[Fault], None], faults: tuple[Fault, ...] = FAULTS) -> list[Finding]:
    """Make one fault after the other; the TLS verification mode is Permissive afterwards, as in a new lab."""
    await bench.open()
    await bench.set(1, "clustering.tls_verification_mode", "Permissive")
    found: list[Finding] = []
    try:
        for fault in faults:
            told(fault)
            found += await _prove(bench, fault)
    finally:
        await bench.set(1, "clustering.tls_verification_mode", "Permissive")
    return found


async def _prove(bench: Bench, fault: Fault) -> list[Finding]:
    if fault.before is not None:
        await fault.before(bench)
    standing = {place for place in fault.alarms if not await _lowered(bench, *place)}  # nothing is proved by these
    before = {place: await _events(bench, *place) for place in fault.alarms}
    began = time.monotonic()
    try:
        await fault.breaks(bench)
        raised = [await _raised(bench, *place, before[place] if fault.passing else None) for place in fault.alarms]
    finally:
        mended = time.monotonic()
        if fault.mends is not None:
            await fault.mends(bench)
    times = [moment - began for _, moment in raised]
    lowered = [await _lowered(bench, *place) for place in fault.alarms]
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


async def _raised(bench: Bench, alarm: int, peer: int, events: int | None) -> tuple[str | None, float]:
    deadline = time.monotonic() + RAISED_S
    while time.monotonic() < deadline:
        cause = await bench.cause(peer, alarm)
        if cause is not None:
            return cause, time.monotonic()
        if events is not None and await _events(bench, alarm, peer) > events:
            return "it was gone again before it could be looked at", time.monotonic()
        await asyncio.sleep(LOOK_S)
    return None, time.monotonic()


async def _lowered(bench: Bench, alarm: int, peer: int) -> float:
    """Wait until the alarm is gone on a peer that answers; gives the moment, 0 where it stays."""
    deadline = time.monotonic() + LOWERED_S
    while time.monotonic() < deadline:
        if await bench.cause(peer, alarm) is None:
            return time.monotonic()
        await asyncio.sleep(LOOK_S)
    return 0.0


async def _events(bench: Bench, alarm: int, peer: int) -> int:
    lines = await bench.run(peer, "log search", text=f'Event="Alarm Raised" Id="{alarm}"', lines=1000)
    return len(lines)


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
