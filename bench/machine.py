"""What processes cost: processor time and memory from /proc, and how much else the machine had to do."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def processor_s(pids: Iterable[int]) -> float:
    """Sum the processor time that processes have used, all threads, in seconds.

    From schedstat (nanoseconds), since an engine of many processes loses a clock tick in each of them.
    """
    nanoseconds = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(OSError):
                    nanoseconds += int((task / "schedstat").read_text().split()[0])
    return nanoseconds / 1e9


def memory_mb(pids: Iterable[int]) -> float:
    """Sum the proportional share of memory (PSS): pages that processes share are counted once, divided among them."""
    kilobytes = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    kilobytes += int(line.split()[1])
    return kilobytes / 1024


def busy_s() -> float:
    """Give the processor time that the whole machine has used, without idle and waiting."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    user, nice, system, _, _, interrupts, soft, _ = fields
    return (user + nice + system + interrupts + soft) / TICKS


def own_s() -> float:
    """Give the processor time of the bench itself and of the children that it has waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def load() -> list[float]:
    """Give the load averages of 1, 5 and 15 minutes."""
    return [round(value, 2) for value in os.getloadavg()]
