"""What this peer's host is: how many processors, how much memory, and whether its kernel calls the clock right."""

from __future__ import annotations

import ctypes
import functools
import os
from hashlib import sha256
from pathlib import Path

SYNCHRONISED, UNSYNCHRONISED, UNKNOWN = "synchronised", "unsynchronised", "unknown"
_STA_UNSYNC = 0x0040  # linux/timex.h
_TIME_ERROR = 5
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # proc(5): another one after each start


class _Timex(ctypes.Structure):
    """The beginning of struct timex (adjtimex(2)), and room for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


def processors() -> int:
    """Count the processors that this process may use."""
    return len(os.sched_getaffinity(0))


def memory_mb() -> int:
    """Give the host's memory."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20


@functools.cache
def kernel() -> str:
    """Name the running kernel, and so the clock that everybody on this computer shares; "" where it does not say."""
    try:
        return sha256(_BOOT_ID.read_bytes()).hexdigest()[:16]
    except OSError:
        return ""


def clock_state() -> str:
    """Ask the kernel whether somebody keeps its clock right: an NTP client says so through adjtimex(2)."""
    adjtimex = _adjtimex()
    if adjtimex is None:
        return UNKNOWN
    said = _Timex()  # modes 0: only ask
    state = adjtimex(ctypes.byref(said))
    if state < 0:
        return UNKNOWN  # some containers refuse even the question
    return UNSYNCHRONISED if state == _TIME_ERROR or said.status & _STA_UNSYNC else SYNCHRONISED


@functools.cache
def _adjtimex() -> ctypes._NamedFuncPointer | None:
    return getattr(ctypes.CDLL(None), "adjtimex", None)
