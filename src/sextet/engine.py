"""The contract between the peer and what carries the calls: what an engine promises, what its host offers.

`cluster/`, `sip/`, later `h323/` and `media/` are sisters that never import each other; they meet in these types,
and `main.py` introduces them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sextet.model.searches import Answer, Search
from sextet.model.sections import Root
from sextet.model.status import Binding, Call, ZoneStatus

Flows = Mapping[str, Sequence[int]]
"""Of one alias: each device with flows to several peers -> these peers, the device's first choice first (RFC 5626 4.2);
"" -> the peers that have other devices, besides."""


class EngineError(Exception):
    """The engine cannot do what it was told; the text says what was tried, on what, and it keeps its old state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """Another peer of the cluster as an engine needs to know it."""

    number: int  # 1..6, the place in the peer list
    name: str  # as configured
    ip: str  # resolved, "" while it is not
    up: bool  # calls are not sent to a peer that is known to be down; one whose sextetd alone ended is not


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """All that an engine follows: one immutable value; `apply` is idempotent and makes no choice."""

    config: Root
    generation: int  # grows by one with every Wanted of this process
    number: int  # this peer's place in the list, 0 when stand-alone
    address: str  # the IP address every socket binds
    neighbours: tuple[Neighbour, ...] = ()
    secret: bytes = field(
        default=b"", repr=False
    )  # shared by the cluster (derived from the cluster key): digest nonces, requests between peers
    certificate: Path = Path()  # PEM, server certificate of this peer with its chain
    private_key: Path = Path()
    trusted: Path = Path()  # PEM, CA certificates
    crl: Path = Path()  # PEM, revocation lists of all these authorities; Path() = do not check
    material: str = ""  # changes with the content of these files
    limits: Mapping[str, int] = field(default_factory=dict)  # of what is counted, by name (model/capacity.py)
    maintenance: bool = False  # take no new calls and registrations; what runs goes on


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """How far the other peers are with an element whose bandwidth is limited for all together."""

    others_kbps: int  # what they use
    confirmed_kbps: int  # the least of our own use that one of them may still go by
    heard: tuple[tuple[int, int], ...] = ()  # (peer, version) of what this rests on


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Everything an engine carries at one moment; replaces what was known before."""

    registrations: Mapping[str, Sequence[Binding]]  # alias -> bindings
    calls: Sequence[Call]
    use: Mapping[str, int] = field(default_factory=dict)  # element -> kbit/s that these calls use


class Host(Protocol):
    """What the peer offers to its engines; called in the event loop, returns at once, never raises."""

    def registered(self, alias: str, bindings: Sequence[Binding], why: str = "") -> None:
        """The alias now has these bindings here, all of them; none means it is gone. `why` others are not there now."""

    def rejected(self, alias: str, reason: str, received: str, user_agent: str) -> None:
        """A device was turned away: the reason begins with the status, `received` is as that of a binding."""

    def call_changed(self, call: Call) -> None: ...

    def call_ended(self, call_id: str, reason: str) -> None: ...

    def used(self, use: Mapping[str, int], heard: Mapping[str, Shared]) -> None:
        """Of these elements so much is used here; `heard` is what the workers reckoned with when that was so."""

    def picture(self, picture: Picture) -> None:
        """After a start or a gap in the events: what is really there."""

    def carried(self, count: int) -> None:
        """So many registrations of endpoints are carried to other systems."""

    def gone(self, number: int, call_ids: Collection[str]) -> Collection[str]:
        """Which of these calls another peer does not have any more; none while its calls are not known."""

    def zones(self, zones: Mapping[str, ZoneStatus]) -> None:
        """How all zones and policy services are, seen from this peer."""

    def policy_trouble(self, sentence: str) -> None:
        """What policy services answered could not be used, for alarm 45001; empty when it can again."""

    def port_conflict(self, sentence: str) -> None:
        """A port that the engine wants is another's, for alarm 25018; empty when none is."""

    def engine_state(self, engine: str, sentence: str) -> None:
        """An empty sentence means that it runs as it should; else what is wrong, for alarm 15010."""


class Searches(Protocol):
    """Where an engine tells its searches; called in the event loop, returns at once, never raises."""

    def made(self, search: Search) -> None:
        """A search was decided."""

    def answered(self, name: str, status: int, answers: Sequence[Answer], final: bool, reason: str = "") -> None:
        """Targets answered; final ends the search, for this reason where it is no target's."""


class Engine(Protocol):
    """What a peer asks of whatever carries its calls."""

    name: str

    async def start(self, wanted: Wanted) -> None:
        """Start, or adopt one left running by an earlier sextetd; returns when it serves. Raises EngineError."""

    async def apply(self, wanted: Wanted) -> tuple[str, ...]:
        """Follow; returns the paths of the settings that are in force only after a restart of the engine.

        Raises EngineError and keeps its old state.
        """

    def locate(
        self, owners: Mapping[str, Sequence[int]], complete: bool = False, flows: Mapping[str, Flows] | None = None
    ) -> None:
        """Learn which other peers have devices of an alias, none where it is known nowhere else.

        `flows` is about those of these aliases of which a device holds flows to several peers. `complete` replaces all
        that was known.
        """

    def share(self, views: Mapping[str, Shared], sharers: int, complete: bool = False) -> None:
        """Learn what is used elsewhere, and how many peers hand out bandwidth; reported back as used.

        `complete` replaces all that was known.
        """

    def release(self, alias: str, device: str) -> None:
        """Drop the binding of a device that registered with another peer since; reported back like any change."""

    async def unregister(self, alias: str, device: str, reason: str) -> None:
        """Drop the binding of a device that is to register anew; reported like any change, with this reason.

        Raises EngineError, also where there is none.
        """

    async def disconnect(self, call_id: str, reason: str) -> None:
        """End a call for both its ends; reported like any end, with this reason. Raises EngineError."""

    async def test_zone(self, name: str) -> None:
        """Ask all addresses of a zone now; what they answer is told like any change. Raises EngineError."""

    async def stop(self, *, leave_running: bool = False) -> None:
        """Stop, ending its calls; `leave_running` only lets go of it."""


class Journal(Protocol):
    """Where events are written for administrators (event log, guide "日誌詳細資訊")."""

    def event(self, event: str, /, **fields: str) -> None:
        """Write one line: Event="..." and the fields in order."""

    def module(self, module: str, level: str, detail: str, /, **fields: str) -> None:
        """Write one line of the network or developer log: Module="..." Level="..." Detail="..." and the fields."""
