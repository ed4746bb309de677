"""What breaks in one peer of a lab: its processes, its disk, its certificate and the other files that it lives by."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path

from sextet.lab.authority import issue
from sextet.lab.bench import Bench, Fault, Step
from sextet.lab.plan import CLUSTER_NAME

EXPIRES_DAYS = 5  # of a certificate that is about to expire
AT_RESTART = "clustering.changes_take_effect"
REFRESH = "protocols.standard_refresh_maximum"
FIRST_REFRESH = 60


class _Kept:
    """Files of a peer as they were before a fault."""

    def __init__(self) -> None:
        self._files: dict[Path, bytes] = {}

    def change(self, path: Path, change: Callable[[bytes], bytes]) -> None:
        before = self._files.setdefault(path, path.read_bytes())
        path.write_bytes(change(before))  # in place: owner and mode stay

    def put_back(self) -> None:
        while self._files:
            path, data = self._files.popitem()
            path.write_bytes(data)


def _bootstrap(*edits: tuple[str, str]) -> tuple[Step, Step]:
    """Edit peer 3's bootstrap file while it runs."""
    kept = _Kept()

    def edited(text: bytes) -> bytes:
        return reduce(lambda text, edit: text.replace(edit[0].encode(), edit[1].encode()), edits, text)

    async def breaks(bench: Bench) -> None:
        kept.change(bench.file(3, "bootstrap.toml"), edited)

    async def mends(bench: Bench) -> None:
        kept.put_back()

    return breaks, mends


def _recovery_port() -> tuple[Step, Step]:
    """Let nobody listen on peer 3's port 4371, as with a firewall that is closed there."""
    breaks, mends = _bootstrap(("recovery_port = 4371", "recovery_port = 14371"))

    async def restarted(bench: Bench, edit: Step) -> None:
        await edit(bench)
        await bench.do("restart", peer=3)
        await bench.whole()
        await bench.check(1)

    return lambda bench: restarted(bench, breaks), lambda bench: restarted(bench, mends)


def _certificate(days: float, common_name: str) -> tuple[Step, Step]:
    """Exchange peer 2's certificate and key for others."""
    kept = _Kept()

    async def breaks(bench: Bench) -> None:
        now = datetime.now(UTC)  # the wall clock, since certificates speak of moments
        made = issue(None, [bench.name(2), CLUSTER_NAME], now, days=days, common_name=common_name)
        kept.change(bench.file(2, "private_key.pem"), lambda _: made.key_pem)
        kept.change(bench.file(2, "certificate.pem"), lambda _: made.pem)

    async def mends(bench: Bench) -> None:
        kept.put_back()

    return breaks, mends


async def _upload_at_restart(bench: Bench) -> None:
    await bench.set(1, AT_RESTART, "At restart")
    await _knows(bench, AT_RESTART, "At restart")
    certificate, key = (bench.file(3, name).read_text() for name in ("certificate.pem", "private_key.pem"))
    await bench.run(3, "cert upload", certificate=certificate, private_key=key)


async def _restart_and_at_once(bench: Bench) -> None:
    await bench.do("restart", peer=3)
    await bench.set(1, AT_RESTART, "At once")


async def _full_disk(bench: Bench) -> None:
    """Let peer 3's sextetd write to no file any more, while the primary takes a change."""
    await bench.set(1, REFRESH, FIRST_REFRESH)
    await _knows(bench, REFRESH, FIRST_REFRESH)
    pid = await bench.process(3, "sextetd")
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]))
    await bench.set(1, REFRESH, FIRST_REFRESH + 1)


async def _room_again(bench: Bench) -> None:
    pid = await bench.process(3, "sextetd")
    most = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))
    await bench.set(1, REFRESH, FIRST_REFRESH)


async def _lose_database(bench: Bench) -> None:
    bench.file(2, "config.db").unlink()


def _damaged_at_start() -> tuple[Step, Step]:
    """Start peer 3 on a damaged database; its start ends when it was recovered."""
    starting: list[asyncio.Task[None]] = []

    async def breaks(bench: Bench) -> None:
        await bench.do("kill", peer=3)
        database = bench.file(3, "config.db")
        with database.open("r+b") as file:
            file.truncate(database.stat().st_size // 3)
        starting.append(asyncio.create_task(bench.do("start", peer=3)))

    async def mends(bench: Bench) -> None:
        await bench.run(3, "database recover")
        await starting.pop()

    return breaks, mends


async def _lose_key(bench: Bench) -> None:
    bench.file(2, "system.key").unlink()


async def _freeze(bench: Bench) -> None:
    os.kill(await bench.process(2, "nats"), signal.SIGSTOP)


async def _knows(bench: Bench, path: str, wanted: object) -> None:
    async def known() -> bool:
        return str(await bench.saved(3, path)) == str(wanted)  # it gives what a person would read

    await bench.until(f"peer 3 has {path} {wanted}", known)


_EDITED = _bootstrap(("https_port = 8443", "https_port = 9443"), ('address = "127', 'address = "127.9.9.9" #'))
_UNREADABLE = _bootstrap(("address", "adress"))
_CLOSED = _recovery_port()
_DAMAGED = _damaged_at_start()
_NAMELESS = _certificate(EXPIRES_DAYS, "")
_EXPIRED = _certificate(-1, CLUSTER_NAME)

KILLED = Fault(
    what="sextetd of peer 2 is killed",
    alarms=((20021, 1), (20004, 1)),
    words="expc02",
    breaks=lambda bench: bench.do("kill", peer=2),
    mends=lambda bench: bench.do("start", peer=2),
)
ENGINE_KILLED = Fault(
    what="Kamailio of peer 2 is killed; it is started again by itself",
    alarms=((15010, 2),),
    breaks=lambda bench: bench.do("kill", peer=2, part="kamailio"),
    passing=True,
)
OWN_ERROR = Fault(
    what="An error of sextetd's own on peer 2",
    alarms=((15019, 2),),
    breaks=lambda bench: bench.run(2, "lab fail"),
    mends=lambda bench: bench.do("restart", peer=2),
)
FROZEN = Fault(what="The nats-server of peer 2 is frozen", alarms=((20026, 2),), breaks=_freeze)
EDITED = Fault(
    what="Another address and web port in peer 3's bootstrap file",
    alarms=((25010, 3), (25026, 3)),
    breaks=_EDITED[0],
    mends=_EDITED[1],
)
UNREADABLE = Fault(
    what="A bootstrap file of peer 3 that cannot be used",
    alarms=((60903, 3),),
    breaks=_UNREADABLE[0],
    mends=_UNREADABLE[1],
)
CLOSED = Fault(
    what="Nobody listens on peer 3's port 4371",
    alarms=((20021, 1),),
    words="expc03.apolo.local on 4371",
    breaks=_CLOSED[0],
    mends=_CLOSED[1],
)
NAMELESS = Fault(
    what=f"The certificate of peer 2 has no common name and expires in {EXPIRES_DAYS} days",
    alarms=((40052, 2), (40069, 2)),
    breaks=_NAMELESS[0],
    mends=_NAMELESS[1],
)
EXPIRED = Fault(
    what="The certificate of peer 2 has expired", alarms=((40068, 2),), breaks=_EXPIRED[0], mends=_EXPIRED[1]
)
UPLOADED = Fault(
    what="A certificate is uploaded while changes wait for the restart",
    alarms=((15028, 3),),
    breaks=_upload_at_restart,
    mends=_restart_and_at_once,
)
DISK_FULL = Fault(
    what="Peer 3 can write no file, and the primary takes a change",
    alarms=((60901, 3), (20009, 3), (20025, 1), (20025, 3)),
    breaks=_full_disk,
    mends=_room_again,
)
DATABASE_DELETED = Fault(
    what="The database of peer 2 is deleted while it runs",
    alarms=((15005, 2), (20014, 2)),
    breaks=_lose_database,
    mends=lambda bench: bench.run(2, "database recover"),
)
DATABASE_DAMAGED = Fault(
    what="Peer 3 is started on a damaged database", alarms=((15008, 3),), breaks=_DAMAGED[0], mends=_DAMAGED[1]
)
KEY_LOST = Fault(
    what="The system key file of peer 2 is deleted",
    alarms=((40055, 2),),
    breaks=_lose_key,
    mends=lambda bench: bench.run(1, "cluster force-system-key-update"),
)
