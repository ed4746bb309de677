"""What this peer's host is: how many processors, how much memory, and whether its kernel calls the clock right."""

from __future__ import annotations

import ctypes
import functools
import os

SYNCHRONISED, UNSYNCHRONISED, UNKNOWN = "synchronised", "unsynchronised", "unknown"
_STA_UNSYNC = 0x0040  # linux/timex.h
_TIME_ERROR = 5


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
