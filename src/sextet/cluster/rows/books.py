"""What the books of registrations, calls and bandwidth want done with rows and engines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sextet.engine import Flows, Shared
from sextet.model.status import Call, Registration, Usage, ZoneStatus


@dataclass(frozen=True, slots=True)
class PutRow:
    """Publish an own row."""

    kind: str  # "reg", "call", "usage", "zone"
    name: str
    row: Registration | Call | Usage | ZoneStatus


@dataclass(frozen=True, slots=True)
class DropRow:
    """Withdraw an own row."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Locate:
    """Tell the engines which other peers have devices of these aliases; none means nowhere else.

    `flows` has those of the aliases of which a device holds flows to several peers.
    """

    owners: Mapping[str, tuple[int, ...]]
    flows: Mapping[str, Flows] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Release:
    """Have the engine drop a device that registered with another peer since."""

    alias: str
    device: str


@dataclass(frozen=True, slots=True)
class Share:
    """Tell the engines how far the other peers are with these elements."""

    views: Mapping[str, Shared]
    sharers: int
    complete: bool = False


Effect = PutRow | DropRow | Locate | Release | Share
