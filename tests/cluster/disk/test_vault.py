"""A running peer keeps what it must know beside its database, whoever looks at it meanwhile."""

from __future__ import annotations

import asyncio
import itertools
import time
from pathlib import Path

from sextet.cluster.configuration.custody import Custody
from sextet.cluster.configuration.editing import Editor
from sextet.cluster.configuration.revisions import MEMORY_FILE, Store
from sextet.cluster.disk import remembrance
from sextet.cluster.disk.paths import Paths
from sextet.cluster.disk.vault import RunningVault
from sextet.cluster.rows.alarms import Alarms
from sextet.model.status import Alarm
from tests.support.fake_peer import Lines

LOOKS = 10


def test_looks_at_the_same_time_write_one_memory_after_the_other(tmp_path: Path) -> None:
    raised: dict[str, Alarm] = {}
    numbers = itertools.count(1)
    store = Store(tmp_path / "config.db")

    async def nobody(*_: object) -> dict[str, str]:
        return {}

    async def play() -> None:
        lines = Lines()
        custody = Custody(store, lines, time.monotonic)
        vault = RunningVault(
            paths=Paths(state_dir=tmp_path, certificate=tmp_path, private_key=tmp_path, trusted=tmp_path),
            store=store,
            custody=custody,
            editor=Editor(store, custody, lambda question: asyncio.sleep(0, question)),
            where=lambda: {"number": next(numbers)},  # there is something new to write at every look
            others=nobody,
            alarms=Alarms(lines, raised.__setitem__, lambda name: None, time.monotonic, lambda name, past: None),
            journal=lines,
            clock=time.monotonic,
        )
        await asyncio.gather(*(vault.look() for _ in range(LOOKS)))

    asyncio.run(play())
    assert raised == {}
    remembered = remembrance.read(tmp_path / MEMORY_FILE, store.key)
    assert remembered is not None and remembered.number == LOOKS
