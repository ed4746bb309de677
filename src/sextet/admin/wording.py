"""How durations, numbers and lists are said everywhere: on pages and on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

_STEPS = ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))


def duration(seconds: float) -> str:
    """Say a duration with its two largest units: 14 s, 3 min 20 s, 2 h 5 min, 3 d 4 h."""
    whole = max(0, int(seconds))
    for size, unit, next_size, next_unit in _STEPS:
        if whole >= size:
            rest = whole % size // next_size
            return f"{whole // size} {unit}" + (f" {rest} {next_unit}" if rest else "")
    return f"{whole} s"


def count(number: int, one: str, many: str = "") -> str:
    """Say a number with its noun."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def listed(words: Sequence[str]) -> str:
    """Join words as a sentence does: a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def moment(at: str, *, ms: bool = False) -> str:
    """Say a moment (ISO 8601) of whichever peer in the time zone that `zone` names."""
    try:
        here = datetime.fromisoformat(at).astimezone(_now().tzinfo)
    except ValueError:
        return at[:19].replace("T", " ")
    return here.isoformat(" ", "milliseconds" if ms else "seconds")[: 23 if ms else 19]


def zone() -> str:
    """Name the time zone of moments: this host's, with the offset of today for all of them."""
    now = _now()
    return f"UTC{now.isoformat()[-6:]}" if now.utcoffset() else "UTC"


def _now() -> datetime:
    return datetime.now().astimezone()  # the wall clock, for people; nothing is decided by it
