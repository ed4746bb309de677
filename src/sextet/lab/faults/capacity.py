"""What a crowd of phones does to a lab, and what lost peers take away: the alarms of capacity and licences."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sextet.lab.bench import Bench, Fault, Step
from sextet.lab.crowd import Crowd
from sextet.model.capacity import PLATFORMS

HOST = "127.0.0.1"  # of the phones
SMALL = "Small VM"  # the only class that does not grow with the peers
CALLS, REGISTRATIONS = PLATFORMS[SMALL].calls, PLATFORMS[SMALL].registrations
COUNTED = "capacity.licences_counted"
LEVEL = "capacity.warning_level"
LEVEL_PERCENT = 1  # so that few phones are close to a limit
DAY_H = 24
KEPT_DAYS = 14
DESKTOP = "Cisco/EX60"  # a user agent that needs a desktop licence (facts 8.1)
LICENCES = tuple(f"capacity.{kind}_licences" for kind in ("room", "desktop", "rms"))
Act = Callable[[Crowd, Crowd], Awaitable[None]]
Values = Mapping[str, Any]


def _crowd(act: Act, values: Values, peers: tuple[int, ...] = (1,)) -> tuple[Step, Step]:
    """Let phones at peer 1, and a stranger's, do something under these settings of peers."""
    phones: list[Crowd] = []
    before: dict[tuple[int, str], Any] = {}
    open_doors = {"registration.new_per_second": 0, "authentication.local_zone": "Treat as authenticated"}

    async def breaks(bench: Bench) -> None:
        wanted = {(number, path): value for path, value in values.items() for number in peers}
        for (number, path), value in {**wanted, **{(1, path): value for path, value in open_doors.items()}}.items():
            before[number, path] = await bench.saved(number, path)
            await bench.set(number, path, value)
        for _ in range(2):
            phones.append(await Crowd(HOST, bench.address(1)).open())
        await act(phones[0], phones[1])

    async def mends(bench: Bench) -> None:
        try:
            while phones:
                crowd = phones.pop()
                try:
                    await crowd.leave()
                finally:
                    crowd.close()
        finally:
            while before:
                (number, path), value = before.popitem()
                await bench.set(number, path, value)

    return breaks, mends


def _users(count: int) -> list[str]:
    return [f"crowd{number}" for number in range(count)]


def _carried(registrations: int, calls: int) -> Act:
    async def act(phones: Crowd, _: Crowd) -> None:
        users = _users(registrations)
        await phones.register(users)
        await phones.call([(user, users[-1]) for user in users[:calls]])

    return act


async def _one_of_each(phones: Crowd, stranger: Crowd) -> None:
    await phones.register(["room"])
    await phones.register(["desktop"], agent=DESKTOP)
    await stranger.call([("stranger", "room")])


def _licensed(count: int) -> dict[str, Any]:
    return {COUNTED: True, LEVEL: 50, **dict.fromkeys(LICENCES, count)}


async def _lost(bench: Bench) -> None:
    """Let peers 2 and 3 be lost with their licences for longer and longer, then peer 3 anew."""

    async def passes(hours: int, alarm: int) -> None:
        await bench.run(1, "lab pass-time", hours=hours)
        await bench.until(f"{alarm} is raised", lambda: bench.cause(1, alarm))

    await bench.set(1, COUNTED, True)
    for number in (2, 3):
        await bench.set(number, LICENCES[0], 5)
    await bench.until("peer 1 counts them", lambda: _rooms(bench, 10))
    for number in (2, 3):
        await bench.do("kill", peer=number)
    await bench.until("peer 1 hears neither", lambda: bench.cause(1, 20004, bench.name(2)))
    await bench.until("peer 1 hears neither", lambda: bench.cause(1, 20004, bench.name(3)))
    await passes(2, 30013)
    await passes(DAY_H, 30015)
    await passes(KEPT_DAYS * DAY_H, 30017)
    await bench.do("start", peer=3)
    await bench.until("peer 3 brings its licences again", lambda: bench.cause(1, 30016))
    await bench.do("kill", peer=3)
    await bench.until("peer 1 does not hear it", lambda: bench.cause(1, 20004, bench.name(3)))
    await passes(2, 30012)
    await passes(DAY_H, 30014)


async def _rooms(bench: Bench, count: int) -> bool:
    lines = (await bench.run(1, "resource-usage"))["lines"]
    return any(line["label"] == "Room system licences" and line["limit"] == count for line in lines)


async def _found(bench: Bench) -> None:
    for number in (2, 3):
        await bench.do("start", peer=number)
    for number in (2, 3):
        await bench.set(number, LICENCES[0], 0)
    await bench.set(1, COUNTED, False)


_SMALL = {"capacity.platform": SMALL}  # the least of the classes counts for the cluster
_NEAR = _crowd(_carried(REGISTRATIONS * LEVEL_PERCENT // 100, 1), {**_SMALL, LEVEL: LEVEL_PERCENT})
_FULL = _crowd(_carried(REGISTRATIONS, CALLS), _SMALL, peers=(1, 2))
_HALF_LICENSED = _crowd(_one_of_each, _licensed(2))
_ALL_LICENSED = _crowd(_one_of_each, _licensed(1))

NEAR_CAPACITY = Fault(
    what=f"Peer 1, a {SMALL}, carries {LEVEL_PERCENT} % of what it may, which is where it warns",
    alarms=((30003, 1), (30004, 1), (30004, 2), (30010, 1), (30010, 2)),
    breaks=_NEAR[0],
    mends=_NEAR[1],
)
FULL_CAPACITY = Fault(
    what=f"{REGISTRATIONS} registrations and {CALLS} video calls on peer 1, a {SMALL}",
    alarms=((30022, 1), (30022, 2), (30030, 1), (30030, 2), (30027, 1), (30027, 2)),
    breaks=_FULL[0],
    mends=_FULL[1],
)
NEAR_LICENCES = Fault(
    what="A room, a desktop and a call with another organisation use half of the licences; 50 % is where it warns",
    alarms=((30001, 1), (30026, 1), (30029, 1), (30001, 2), (30026, 2), (30029, 2)),
    breaks=_HALF_LICENSED[0],
    mends=_HALF_LICENSED[1],
)
NO_LICENCES_LEFT = Fault(
    what="A room, a desktop and a call with another organisation use all of the licences",
    alarms=((30020, 1), (30028, 1), (30031, 1), (30020, 2), (30028, 2), (30031, 2)),
    breaks=_ALL_LICENSED[0],
    mends=_ALL_LICENSED[1],
)
LOST_LICENCES = Fault(
    what="Peers with licences are lost; peer 1 is told that hours and days pass",
    alarms=tuple((number, 1) for number in (30012, 30013, 30014, 30015, 30016, 30017)),
    breaks=_lost,
    mends=_found,
    passing=True,
)
