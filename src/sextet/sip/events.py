"""What Kamailio's processes report: one line is one event, numbered by its worker.

A number that is missing means that something was lost: then everything is asked for anew (agent_line.picture).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from sextet.model.searches import Answer, Search, search_of
from sextet.model.status import Binding, Call, ZoneAddress
from sextet.sip.zone_book import Report

_DECODER = json.JSONDecoder()  # json.loads guesses the encoding of bytes first
WORKERS_MAX = 256  # processes whose numbers are remembered; one instance has about twenty


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """The alias has these bindings, all of them."""

    alias: str
    bindings: tuple[Binding, ...]
    order: int
    why: str = ""  # others are not there any more


@dataclass(frozen=True, slots=True, kw_only=True)
class CallChanged:
    """A call rings or was answered."""

    call: Call
    order: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded:
    """A call is over."""

    call_id: str
    reason: str
    order: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationRefused:
    """An endpoint was not let in."""

    alias: str
    status: int
    reason: str
    received: str
    user_agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """A search was decided."""

    search: Search


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """Targets of a search answered; see engine.Searches."""

    name: str
    status: int
    answers: tuple[Answer, ...]
    final: bool
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopDetected:
    """A search came back from where it had come before."""

    alias: str
    source: str
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A call waits for what DNS says."""

    transaction: str
    questions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A next hop of a DNS zone showed its certificate; the reason says what is wrong with it."""

    zone: str
    hop: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneChanged:
    """An address of a zone answers, or does not any more."""

    report: Report
    order: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """Of these elements so much bandwidth is used."""

    use: dict[str, int]
    order: int


Event = (
    Used
    | Registered
    | CallChanged
    | CallEnded
    | RegistrationRefused
    | Searched
    | Answered
    | LoopDetected
    | ZoneChanged
    | Asked
    | Named
)


@dataclass(frozen=True, slots=True)
class Numbered:
    """An event with its place among its worker's events."""

    worker: str
    sequence: int
    event: Event


def decoded(data: bytes) -> Numbered:
    """Read one line; raises ValueError for anything else."""
    try:
        text = data.decode()
        values, end = _DECODER.raw_decode(text)  # decode() looks for white space first and last
        if end != len(text):
            raise ValueError("not one event")
        return Numbered(str(values["worker"]), int(values["sequence"]), _event(values))
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not an event: {type(error).__name__}: {error}") from error


def bindings_of(rows: Any) -> tuple[Binding, ...]:
    """Read the bindings of an alias as workers write them; raises ValueError or TypeError."""
    return tuple(
        Binding(
            contact=str(contact),
            device=str(device),
            received=str(received),
            user_agent=str(user_agent),
            granted_s=int(granted_s),
        )
        for contact, device, received, user_agent, granted_s, *_ in rows
    )


def report_of(values: Any) -> Report:
    """Read what is said of a zone's address; raises KeyError, TypeError or ValueError."""
    if values["state"] == "gone":
        gone = ZoneAddress(host="", uri=str(values["uri"]), state="gone", since_s=0.0)
        return Report(str(values["zone"]), gone)
    address = ZoneAddress(
        host=str(values["host"]),
        uri=str(values["uri"]),
        state=str(values["state"]),
        since_s=float(values["since_s"]),
        reason=str(values["reason"]),
        round_trip_ms=float(values["round_trip_ms"]),
        identity=str(values["identity"]),
        free=int(values["free"]),
    )
    return Report(str(values["zone"]), address)


def call_of(values: Any) -> Call:
    """Read a call as workers write it; raises TypeError."""
    return Call(**values)


@dataclass(slots=True)
class Sequences:
    """Notices that messages of a worker are missing."""

    _last: dict[str, int] = field(default_factory=dict)

    def missed(self, numbered: Numbered) -> bool:
        """Note one message; says whether others before it never came."""
        expected = self._last.pop(numbered.worker, 0) + 1
        self._last[numbered.worker] = numbered.sequence
        if len(self._last) > WORKERS_MAX:
            del self._last[next(iter(self._last))]
        return numbered.sequence != expected


def _event(values: dict[str, Any]) -> Event:
    match values["kind"]:
        case "bindings":
            rows = bindings_of(values["bindings"])
            alias, why = str(values["alias"]), str(values.get("why", ""))
            return Registered(alias=alias, bindings=rows, order=int(values["order"]), why=why)
        case "call":
            return CallChanged(call=call_of(values["call"]), order=int(values["order"]))
        case "use":
            use = {str(element): int(kbps) for element, kbps in values["use"].items()}
            return Used(use=use, order=int(values["order"]))
        case "ended":
            call_id, reason = str(values["call_id"]), str(values["reason"])
            return CallEnded(call_id=call_id, reason=reason, order=int(values["order"]))
        case "question":
            return Asked(
                transaction=str(values["transaction"]), questions=tuple(str(one) for one in values["questions"])
            )
        case "named":
            return Named(zone=str(values["zone"]), hop=str(values["hop"]), reason=str(values["reason"]))
        case "zone":
            return ZoneChanged(report=report_of(values["address"]), order=int(values["order"]))
        case "refused":
            return RegistrationRefused(
                alias=str(values["alias"]),
                status=int(values["status"]),
                reason=str(values["reason"]),
                received=str(values["received"]),
                user_agent=str(values["user_agent"]),
            )
        case "search":
            return Searched(search=search_of(values["search"]))
        case "answers":
            answers = tuple(
                Answer(int(target), int(status), int(ms), str(reason))
                for target, status, ms, reason in values["answers"]
            )
            return Answered(
                name=str(values["id"]),
                status=int(values["status"]),
                answers=answers,
                final=bool(values["final"]),
                reason=str(values["reason"]),
            )
        case "loop":
            return LoopDetected(alias=str(values["alias"]), source=str(values["source"]), tag=str(values["tag"]))
        case other:
            raise ValueError(f"{other!r} is not a kind of event")
