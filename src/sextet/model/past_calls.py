"""One call that is over, as one peer that it passed has kept it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PastCall:
    """A call, or the part of it that passed one peer; parts on several peers share the tag."""

    tag: str
    serial: str
    call_id: str
    source: str
    destination: str
    protocol: str
    route: str
    rule: str
    nodes: str  # the way through subzones and zones
    kbps: int  # at the most, where this peer was charged
    at: str  # when it began, with its zone, for people
    rang_s: float
    lasted_s: float  # since it was answered; 0 where it never was
    reason: str  # why it ended

    @property
    def connected(self) -> bool:
        return self.lasted_s > 0


def row_of(call: PastCall) -> dict[str, Any]:
    """Write it down."""
    return dataclasses.asdict(call)


def call_of(row: Mapping[str, Any]) -> PastCall:
    """Read it; raises ValueError, KeyError or TypeError for anything else."""
    values = {field.name: row[field.name] for field in dataclasses.fields(PastCall)}
    for name, value in values.items():
        wanted: tuple[type, ...] = (int, float) if name in ("kbps", "rang_s", "lasted_s") else (str,)
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise ValueError(f"{name} of a call is {value!r}")
    return PastCall(**values)
