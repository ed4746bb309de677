"""In which state is the link to another peer, why, and what next: the whole automaton, without sockets or clock.

How it works. The driver (peer_link.py) hands in what happened and carries out what comes back. Every dial has a
number; what an older dial still has to say is ignored. A link is DOWN with a reason until a dial has reached the peer
and proved the key (CONNECTING), has fetched the peer's rows (SYNCHRONISING), and then is LIVE while the peer's
heartbeats come. A change of the target (address, mode, key, certificate) ends the dial in progress and starts another
one at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

DIAL_LIMIT_S = (
    2.0  # TCP, TLS and proof take three round trips: 0.25 s at the longest distance that is supported (80 ms)
)
ATTACH_LIMIT_S = 3.0  # until the peer's store sends its first row or heartbeat
SYNCHRONISE_LIMIT_S = (
    30.0  # 200,000 rows take 2.5 s (measured); the rest is for slow lines and for owners that are still publishing
)
HEARTBEAT_LIMIT_S = 1.3  # the store says something every 0.5 s; a cut must be noticed within 1.5 s
BEAT_LIMIT_S = 3.5  # the owner's application writes a row every second
STALL_S = 0.3  # when our own timer comes later than this, we were asleep ourselves and the peer gets the grace
GRACE_S = 0.5  # time to read what has arrived meanwhile
RETRY_FIRST_S = 0.2
RETRY_LAST_S = 1.0  # one to two times this, by the dice


class State(StrEnum):
    DISABLED = "DISABLED"
    DOWN = "DOWN"
    CONNECTING = "CONNECTING"
    SYNCHRONISING = "SYNCHRONISING"
    LIVE = "LIVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Whom to dial, and how; any difference means: dial again."""

    name: str  # as configured
    ip: str
    verify: bool  # Enforce: the peer's certificate must be right
    credentials: str = ""  # changes when the cluster key or a certificate changes; not a secret
    obstacle: str = ""  # why it is of no use to dial: the link is DOWN for this reason until the target changes


@dataclass(frozen=True, slots=True)
class Configured:
    target: Target | None  # None: not wanted


@dataclass(frozen=True, slots=True)
class Progressed:
    attempt: int
    stage: str  # what is being done now: "TLS", "proof of the cluster key"


@dataclass(frozen=True, slots=True)
class Connected:
    attempt: int


@dataclass(frozen=True, slots=True)
class Synchronised:
    attempt: int


@dataclass(frozen=True, slots=True)
class Beaten:
    """The owner's application has written a row just now."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Lost:
    attempt: int
    reason: str
    enforced: bool = False  # the peer refused because it enforces verification and we had not verified it


Event = Configured | Progressed | Connected | Synchronised | Beaten | Lost


@dataclass(frozen=True, slots=True)
class Dial:
    attempt: int
    target: Target
    verify: bool


@dataclass(frozen=True, slots=True)
class Attach:
    attempt: int


@dataclass(frozen=True, slots=True)
class Abort:
    """Drop everything that belongs to this dial, without waiting for anybody."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Report:
    state: State
    reason: str


Effect = Dial | Attach | Abort | Report


class Link:
    """The automaton; `dice` gives numbers from 0 up to 1."""

    def __init__(self, dice: Callable[[], float], now: float) -> None:
        self.state = State.DISABLED
        self.reason = ""
        self.since = now
        self.tried = False  # a dial has ended, well or not, since this peer was configured
        self.target: Target | None = None
        self._dice = dice
        self._attempt = 0
        self._stage = ""
        self._began = now  # of the present state's work
        self._heard: float | None = None
        self._beat = now
        self._retry = RETRY_FIRST_S
        self._retry_at = now
        self._stricter = False  # the peer enforces: dial verified although we are Permissive
        self._strict_reason = ""  # why that failed
        self._silent = False  # its application said nothing: not LIVE again before it speaks

    def receive(self, event: Event, now: float) -> list[Effect]:
        match event:
            case Configured(target):
                return self._configured(target, now)
            case Lost(attempt, reason, enforced) if self._is_current(attempt):
                return self._lost(reason, enforced, now)
            case Progressed(attempt, stage) if self._is_current(attempt):
                self._stage = stage
            case Connected(attempt) if self._is_current(attempt) and self.state is State.CONNECTING:
                self._heard, self.tried = None, True
                return [*self._enter(State.SYNCHRONISING, "", now), Attach(attempt)]
            case Synchronised(attempt) if (
                self._is_current(attempt) and self.state is State.SYNCHRONISING and not self._silent
            ):
                self._retry, self._beat, self._strict_reason = RETRY_FIRST_S, now, ""
                return self._enter(State.LIVE, "", now)
            case Beaten(attempt) if self._is_current(attempt):
                self._beat, self._silent = now, False
        return []

    def heard(self, now: float) -> None:
        """Something came from the peer's store."""
        self._heard = now

    def tick(self, now: float) -> list[Effect]:
        due = self.next_timer()
        if due is None or now < due:
            return []
        if now > due + STALL_S and self._heard is not None and self.state is not State.DOWN:
            self._heard = max(self._heard, now - HEARTBEAT_LIMIT_S + GRACE_S)
            self._beat = max(self._beat, now - BEAT_LIMIT_S + GRACE_S)
        match self.state:
            case State.DOWN:
                return self._dial(now)
            case State.CONNECTING if now >= self._began + DIAL_LIMIT_S:
                return self._down(f"timed out: {self._stage} took longer than {DIAL_LIMIT_S:g} s", now)
            case State.SYNCHRONISING if self._heard is None and now >= self._began + ATTACH_LIMIT_S:
                return self._down(f"timed out: the peer's store did not answer within {ATTACH_LIMIT_S:g} s", now)
            case State.SYNCHRONISING if now >= self._began + SYNCHRONISE_LIMIT_S:
                why = "its application says nothing" if self._silent else "its rows are not complete"
                return self._down(f"timed out: synchronising took longer than {SYNCHRONISE_LIMIT_S:g} s, {why}", now)
            case State.LIVE if now >= self._beat + BEAT_LIMIT_S:
                self._silent = True
                return self._down(f"the peer's application said nothing for {now - self._beat:.1f} s", now)
        if self._heard is not None and now >= self._heard + HEARTBEAT_LIMIT_S:
            return self._down(f"no heartbeat for {now - self._heard:.1f} s", now, at_once=True)
        return []

    def next_timer(self) -> float | None:
        match self.state:
            case State.DISABLED:
                return None
            case State.DOWN:
                return None if self.target is None or self.target.obstacle else self._retry_at
            case State.CONNECTING:
                return self._began + DIAL_LIMIT_S
            case State.SYNCHRONISING if self._heard is None:
                return self._began + ATTACH_LIMIT_S
        assert self._heard is not None
        last = self._beat + BEAT_LIMIT_S if self.state is State.LIVE else self._began + SYNCHRONISE_LIMIT_S
        return min(self._heard + HEARTBEAT_LIMIT_S, last)

    def _configured(self, target: Target | None, now: float) -> list[Effect]:
        if target == self.target:
            return []
        effects: list[Effect] = [Abort(self._attempt)] if self._busy() else []
        self._attempt += 1
        if self.target is None or target is None or self.target.name != target.name:
            self.tried = False
        self.target, self._stricter, self._strict_reason = target, False, ""
        self._silent, self._retry = False, RETRY_FIRST_S
        if target is None:
            return [*effects, *self._enter(State.DISABLED, "", now)]
        if target.obstacle:
            return [*effects, *self._enter(State.DOWN, target.obstacle, now)]
        if self.state is not State.DOWN:  # so that a link never goes from LIVE to CONNECTING without a word
            effects += self._enter(
                State.DOWN,
                "dialling for the first time" if self.state is State.DISABLED else "cluster settings changed",
                now,
            )
        return [*effects, *self._dial(now)]

    def _dial(self, now: float) -> list[Effect]:
        assert self.target is not None
        self._attempt += 1
        self._stage = f"TCP to {self.target.ip}"
        self._heard = None
        verify = self.target.verify or self._stricter
        return [*self._enter(State.CONNECTING, self.reason, now), Dial(self._attempt, self.target, verify)]

    def _lost(self, reason: str, enforced: bool, now: float) -> list[Effect]:
        if enforced:  # verified, at once; where that failed before, its reason says more
            self._stricter = True
            return self._down(self._strict_reason or reason, now, at_once=True)
        if self._stricter and self.state is State.CONNECTING:
            self._stricter, self._strict_reason = False, reason  # the peer may be Permissive by the next dial
        return self._down(reason, now)

    def _down(self, reason: str, now: float, *, at_once: bool = False) -> list[Effect]:
        self.tried = True
        effects: list[Effect] = [Abort(self._attempt)] if self._busy() else []
        self._attempt += 1
        self._retry_at = now if at_once else now + self._retry * (1 + self._dice())
        self._retry = min(2 * self._retry, RETRY_LAST_S)
        return [*effects, *self._enter(State.DOWN, reason, now)]

    def _enter(self, state: State, reason: str, now: float) -> list[Effect]:
        self._began = now
        if (state, reason) == (self.state, self.reason):
            return []
        if state is not self.state:
            self.since = now
        self.state, self.reason = state, reason
        return [Report(state, reason)]

    def _busy(self) -> bool:
        return self.state in (State.CONNECTING, State.SYNCHRONISING, State.LIVE)

    def _is_current(self, attempt: int) -> bool:
        return attempt == self._attempt and self._busy()
