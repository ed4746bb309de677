"""Does the file that this peer was started with still say what runs? What it says now counts at the next start."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from sextet import bootstrap
from sextet.bootstrap import Bootstrap
from sextet.model import alarms as types
from sextet.model.alarms import AlarmType
from sextet.model.schema import Refused

LOOK_S = 2.0  # a stat; somebody has just edited it
ABOUT = "bootstrap file"
CHANGES: dict[str, AlarmType] = {
    "address": types.NETWORK_CHANGED,
    "cluster_port": types.PORTS_CHANGED,
    "recovery_port": types.PORTS_CHANGED,
    "https_port": types.WEB_PORT_CHANGED,
}  # every other setting: START_FILE_DIFFERS


def differences(path: Path, running: Bootstrap) -> dict[AlarmType, str]:
    """Name every alarm that stands, with what the file says and what runs."""
    try:
        said = bootstrap.read(path)
    except Refused as refused:
        return {types.START_FILE_DIFFERS: f"{path} would not start this peer: {refused}"}
    found: dict[AlarmType, list[str]] = {}
    for name in (field.name for field in fields(Bootstrap)):
        now, then = getattr(said, name), getattr(running, name)
        if now != then and name != "initial":  # which is read only while the database is empty
            found.setdefault(CHANGES.get(name, types.START_FILE_DIFFERS), []).append(f"{name} is {now}, running {then}")
    return {alarm: f"In {path.name}: {', '.join(words)}." for alarm, words in found.items()}


async def follow(path: Path, running: Bootstrap, tell: Callable[[AlarmType, str, bool, str], None]) -> None:
    """Raise and lower the alarms as the file changes, until cancelled."""
    looked: object = None
    while True:
        stamp = _stamp(path)
        if stamp != looked:
            looked = stamp
            standing = differences(path, running)
            for alarm in {*CHANGES.values(), types.START_FILE_DIFFERS}:
                tell(alarm, ABOUT, alarm in standing, standing.get(alarm, ""))
        await asyncio.sleep(LOOK_S)


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0
    return found.st_mtime_ns, found.st_ino, found.st_size
