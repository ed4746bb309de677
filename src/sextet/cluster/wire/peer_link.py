"""How one remote peer's rows are followed: carries out what link.py decides, and fills a mirror."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass

from sextet.cluster.wire import mirror
from sextet.cluster.wire.dial import Credentials, DialFailed, Observer
from sextet.cluster.wire.enrolment import Enrolment
from sextet.cluster.wire.feed import CallFailed
from sextet.cluster.wire.link import (
    Abort,
    Attach,
    Beaten,
    Configured,
    Connected,
    Dial,
    Effect,
    Event,
    Link,
    Lost,
    Progressed,
    Report,
    State,
    Synchronised,
    Target,
)
from sextet.cluster.wire.mirror import Mirror
from sextet.cluster.wire.session import Gate, Session, SessionLost
from sextet.ending import end

ROUND_TRIP_EVERY_S = 2.0
ROUND_TRIPS = 5  # the shortest of these counts: a way that became longer is seen after 10 s
CALL_LIMIT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks:
    """Who hears of a link; called in the event loop, returns at once, never raises."""

    row: Callable[[int, str, bytes | None], None]  # number, key, value or None when it is gone
    state: Callable[[int, State, str], None]  # number, state, reason
    differs: Callable[[int, str], None]  # number, sentence: the copy was wrong and is fetched again


Dialling = Callable[[int, Target, bool, Credentials, Enrolment, Gate, Observer], Awaitable[Session]]  # dial.dial


class PeerLink:
    """The link to the peer with this number, and the mirror of its rows."""

    def __init__(
        self,
        number: int,
        *,
        enrolment: Enrolment,
        gate: Gate,
        callbacks: Callbacks,
        dice: Callable[[], float],
        dial: Dialling,
    ) -> None:
        self.number, self.gate = number, gate
        self._reach = dial
        self.round_trip_ms = 0.0
        self.chain: tuple[bytes, ...] = ()  # the peer's certificates as last seen, DER
        self.line = ""  # the certificate line when the handshake ended before they could be seen
        self._loop = asyncio.get_running_loop()
        self._enrolment, self._callbacks = enrolment, callbacks
        self._link = Link(dice, self._loop.time())
        self._mirror = Mirror()
        self._own: Credentials | None = None
        self._session: Session | None = None
        self._attempt = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def state(self) -> State:
        return self._link.state

    @property
    def reason(self) -> str:
        return self._link.reason

    @property
    def tried(self) -> bool:
        """Whether a dial has ended since this peer was configured, well or not."""
        return self._link.tried

    @property
    def since(self) -> float:
        return self._link.since

    @property
    def stale(self) -> bool:
        """Whether the rows may be out of date."""
        return self._link.state is not State.LIVE

    @property
    def rows(self) -> Mapping[str, bytes]:
        return self._mirror.rows

    def configure(self, target: Target | None, own: Credentials | None) -> None:
        """Follow this peer from now on, or (None) nobody; rows of another peer that was here before are dropped."""
        old, self._own = self._link.target, own
        if target is None or own is None or (old is not None and old.name != target.name):
            self.chain, self.line, self.round_trip_ms = (), "", 0.0
            self._do(self._link.receive(Configured(None), self._loop.time()))
            self._tell(self._mirror.clear(), self._attempt)
        if own is not None:
            self._feed(Configured(target))

    def forget(self, keep: Collection[str]) -> None:
        """Drop the rows of a peer that is away for too long."""
        self._tell(self._mirror.forget(self._loop.time(), keep), self._attempt)

    async def request(self, subject: str, data: bytes, timeout: float = CALL_LIMIT_S) -> bytes:
        """Ask the peer `rpc.<subject>`. Raises CallFailed."""
        session = self._session
        if session is None or not session.usable:
            raise CallFailed(f"the link is {self.state}: {self.reason}")
        try:
            reply = await session.request(f"rpc.{subject}", data, timeout)
        except SessionLost as error:
            raise CallFailed(f"no answer: {error}") from error
        if reply[:1] != b"+":
            raise CallFailed(reply[1:].decode(errors="replace"))
        return reply[1:]

    async def stop(self) -> None:
        self.configure(None, None)
        if self._timer is not None:
            self._timer.cancel()
        await end(self._tasks)

    def _feed(self, event: Event) -> None:
        self._do(self._link.receive(event, self._loop.time()))

    def _tick(self) -> None:
        self._timer = None
        self._do(self._link.tick(self._loop.time()))

    def _do(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Dial(attempt, target, verify):
                    self._attempt = attempt
                    self._spawn(self._dial(attempt, target, verify))
                case Attach(attempt):
                    self._spawn(self._attach(attempt))
                case Abort():
                    self._abort()
                case Report(state, reason):
                    self._callbacks.state(self.number, state, reason)
        if self._timer is not None:
            self._timer.cancel()
        due = self._link.next_timer()
        self._timer = self._loop.call_at(due, self._tick) if due is not None else None

    def _abort(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        if self._session is not None:
            self._session.abort()
            self._session = None
        self._mirror.detach(self._loop.time())

    async def _dial(self, attempt: int, target: Target, verify: bool) -> None:
        assert self._own is not None
        observer = Observer(
            stage=lambda stage: self._feed(Progressed(attempt, stage)),
            chain=self._saw,
            line=self._saw_not,
            lost=lambda reason: self._feed(Lost(attempt, reason)),
        )
        try:
            session = await self._reach(self.number, target, verify, self._own, self._enrolment, self.gate, observer)
        except DialFailed as error:
            self._feed(Lost(attempt, str(error), error.enforced))
            return
        if attempt != self._attempt or self._link.state is not State.CONNECTING:
            session.abort()
            return
        self._session = session
        self._feed(Connected(attempt))

    def _saw(self, chain: list[bytes]) -> None:
        self.chain, self.line = tuple(chain), ""

    def _saw_not(self, line: str) -> None:
        self.chain, self.line = (), line

    async def _attach(self, attempt: int) -> None:
        session = self._session
        assert session is not None

        def current() -> bool:
            return self._session is session

        def deliver(delivery: mirror.Delivery) -> None:
            if current():
                self._tell(self._mirror.deliver(delivery), attempt)

        def heartbeat(last: int) -> None:
            if current():
                self._tell(self._mirror.heartbeat(last), attempt)

        def heard() -> None:
            if current():
                self._link.heard(self._loop.time())

        try:
            store = await session.store()
            start = self._mirror.attach(store, self._loop.time())
            expected = await session.follow(start, deliver, heartbeat, heard)
            heard()
            self._tell(self._mirror.expect(expected), attempt)
            # The way's own time: what is above the shortest was waited for at one of the two ends.
            recent: deque[float] = deque(maxlen=ROUND_TRIPS)
            while current():
                recent.append(1000 * await session.round_trip_s())
                self.round_trip_ms = min(recent)
                await asyncio.sleep(ROUND_TRIP_EVERY_S)
        except SessionLost as error:
            self._feed(Lost(attempt, str(error)))

    def _tell(self, effects: list[mirror.Effect], attempt: int) -> None:
        for effect in effects:
            match effect:
                case mirror.Changed(key, value):
                    self._callbacks.row(self.number, key, value)
                case mirror.Broken(reason, differs):
                    if differs:
                        self._callbacks.differs(self.number, reason)
                    self._feed(Lost(attempt, reason))
                case mirror.Beaten():
                    self._feed(Beaten(attempt))
                    if self._mirror.synchronised and self._link.state is State.SYNCHRONISING:
                        self._feed(Synchronised(attempt))
                case mirror.Synchronised():
                    self._feed(Synchronised(attempt))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work, name=f"link {self.number}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._loop.call_exception_handler({"message": f"link {self.number}: our error", "exception": error})
            self._feed(Lost(self._attempt, f"internal error: {type(error).__name__}"))
