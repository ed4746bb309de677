"""What a search is asked and what it answers, for every protocol alike: requests, targets, rounds, reasons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from sextet.call.source import Source

HOPS_WITHOUT_HEADER = 70  # RFC 3261 16.6 step 3
PATH = "Path"  # in the place of a search rule: the Route that a call to a carried registration comes with
REASON_CHARACTERS_MAX = 250  # a Reason header is one line that people read

Here = Callable[[str], bool | None]  # None: its devices here are not over TLS, which the request asks for
Elsewhere = Callable[[str], Sequence[int]]
UNSAFE = -1  # in the place of a peer's number: what Here says None of
SIPS = "which a sips: URI asks for"  # in the reason of what is refused for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What has to be routed, as plain values."""

    protocol: str  # "SIP" or "H323"
    alias: str  # see alias.of_uri
    source: Source
    authenticated: bool = False
    hops: int = HOPS_WITHOUT_HEADER  # Max-Forwards as received
    tag: str = ""  # of the call
    caller: str = ""  # the alias that calls
    user: str = ""  # whose credentials came with the request
    device: str | None = None  # the one that is called, see gruu.device_of
    secure: bool = False  # a sips: URI: TLS on every hop, to the device (RFC 3261 26.2.2, RFC 5630 5.4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One place to ask: all devices of an alias, a policy service, or a zone or IP address with its URIs in turn.

    `alias` names who is asked for: in the Local Zone it is the registrar's key. `hops` is the Max-Forwards to send.
    `trail` holds the aliases that led here: what a target answers with a new alias goes on from it (search.again).
    """

    kind: Literal["local", "zone", "direct", "service"]
    alias: str
    hops: int
    rule: str
    here: bool = False
    peers: tuple[int, ...] = ()
    zone: str = ""  # or policy service
    uris: tuple[str, ...] = ()
    trail: tuple[str, ...] = ()
    caller: str = ""  # who is shown as calling; empty: who calls


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """All targets of one priority: asked at once, the first success wins and the others are cancelled."""

    priority: int
    targets: tuple[Target, ...]
    protocol: str = ""  # by which they are asked; empty is the caller's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Then:
    """Whom to ask what comes after, when all rounds are over without success: a script, and the place in it."""

    script: str  # by its name in the table
    node: int  # of the script's proxies; -1 where it has nothing more to say
    alias: str  # about which it was asked
    reason: str  # who it is, for the trace
    timeout_s: int = 0  # how long the rounds may ring; 0: as long as any call may
    stop_on_busy: bool = True  # whether a busy device ends the search
    document: str = ""  # the script itself, where it is not in the table: a policy service's
    caller: str = ""  # who is shown as calling when it was asked


@dataclass(frozen=True, slots=True)
class Try:
    """Ask round after round, each only where nothing was found in the one before it; then ask the scripts, in order."""

    rounds: tuple[Round, ...]
    then: tuple[Then, ...] = ()


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with this status; the reason names the rule that decided, and is safe inside a quoted header."""

    status: int
    reason: str


Decision = Try | Refuse
NoteKind = Literal["alias", "transform", "policy", "rule", "protocol", "peer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What one transform, policy or rule did with the alias, for administrators."""

    kind: NoteKind
    name: str
    matched: bool
    before: str
    after: str
    finding: str  # why it did not match, or what was found
    priority: int = 0
    target: str = ""


@dataclass(frozen=True, slots=True)
class Searched:
    """A decision and how it came about."""

    decision: Decision
    notes: tuple[Note, ...]
    open: tuple[tuple[str, str, str], ...] = ()  # (service, kind, alias) to be asked first; then search anew


def found_at(owners: Callable[[str], Sequence[int]]) -> tuple[Here, Elsewhere]:
    """Make the look-ups of what is known already: peers that have devices of an alias, 0 for this one, and UNSAFE."""

    def here(alias: str) -> bool | None:
        numbers = owners(alias)
        return True if 0 in numbers else None if UNSAFE in numbers else False

    return here, lambda alias: [number for number in owners(alias) if number > 0]


def safe(text: str) -> str:
    """Aliases come from strangers: keep what may stand in a quoted string (RFC 3261 25.1), cut what is too long."""
    plain = "".join(character if character.isprintable() and character not in '"\\' else "?" for character in text)
    return plain if len(plain) <= REASON_CHARACTERS_MAX else plain[: REASON_CHARACTERS_MAX - 1] + "…"
