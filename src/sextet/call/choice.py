"""In which order are the addresses of a zone tried: those that answer, the one with most free capacity first?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

HEADER = "X-Sextet-Sessions"  # in our answers to OPTIONS of zones
_LOAD = re.compile(r"max=(\d{1,7});current=(\d{1,7})(;maintenance)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of one address of a zone."""

    usable: bool = True  # answers, and is not in maintenance mode; also while nothing is known
    free: int | None = None  # media sessions it can still take, where it says so


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a sextet peer says of itself in HEADER."""

    free: int
    maintenance: bool


def load_of(header: str) -> Load | None:
    """Read the header; None where it is missing or not ours."""
    found = _LOAD.fullmatch(header.strip())
    return Load(free=max(0, int(found[1]) - int(found[2])), maintenance=bool(found[3])) if found else None


def written(maximum: int, maintenance: bool) -> tuple[str, str]:
    """Write the header around the number of sessions, which Kamailio knows: what stands before it and after it."""
    return f"max={maximum};current=", ";maintenance" if maintenance else ""


def in_order(uris: Sequence[str], seen: Mapping[str, Seen], turn: int) -> list[str]:
    """Order the addresses that can be used (facts 6.8).

    Those that say how much they can take come first, the freest of them before the others; those that do not say are
    taken in turn, each call beginning with another one.
    """
    usable = [uri for uri in uris if seen.get(uri, _UNKNOWN).usable]
    told = {uri: free for uri in usable if (free := seen.get(uri, _UNKNOWN).free) is not None}
    others = [uri for uri in usable if uri not in told]
    start = turn % len(others) if others else 0
    return [*sorted(told, key=lambda uri: -told[uri]), *others[start:], *others[:start]]


_UNKNOWN = Seen()
