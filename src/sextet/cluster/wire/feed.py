"""How this peer publishes the rows that it owns, and answers the questions of other peers.

How it works. The dictionary is the truth; the store on loopback is its published copy. A change goes into the
dictionary first and is written in batches; what was not acknowledged is written again. When the store was lost,
everything is published into the new one, and then the row `_epoch`, which tells mirrors that it is complete. `_beat`
once a second says that this application lives, `_sum` now and then what a mirror must hold. Rows that are only shown to
people are gathered for longer than the others, and what came and went meanwhile is not written at all.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from nats.aio.msg import Msg

from sextet.cluster.wire.mirror import BEAT, EPOCH, ROW_BYTES_MAX, SUM, Checksum
from sextet.cluster.wire.nats_server import MEMORY_MB, Access
from sextet.cluster.wire.session import Gate, Session, SessionLost
from sextet.ending import end
from sextet.engine import Journal

BEAT_S = 1.0  # link.py calls an application silent after 3.5 s
SUM_S = 5.0
TOMBSTONE_S = 600.0  # twice what a mirror may be away and still resume (mirror.py)
PURGE_MOST = 200  # tombstones removed at each beat
BATCHES_PER_S, BATCHES_AT_ONCE = 100, 10  # a busy peer gathers its changes for 10 ms: most of the cost is the sending
SHOWN_PER_S, SHOWN_AT_ONCE = 10, 10  # and for 100 ms what is only shown to people, who do not see that
ROUNDING_S = 1e-6  # shorter than that, clocks round away
WINDOW_ROWS = 2000  # unacknowledged at a time: 42-68k rows a second (measured)
DRAIN_LIMIT_S = 5.0
RETRY_S = 0.2
REFUSED_RETRY_S = 1.0
CALLS_MAX = 64  # questions of other peers that are being answered
_STORE_BYTES_MAX = MEMORY_MB * 1_000_000  # a little less than what the server has

Handler = Callable[[bytes], Awaitable[bytes]]
Login = Callable[[Access, str, Callable[[str], None]], Awaitable[Session]]  # access, own name, who is told of the end


class RowTooLarge(Exception):
    """A row does not fit a message between peers."""


class CallFailed(Exception):
    """A question to another peer was refused or not answered; the text says why. Handlers raise it to refuse."""


async def login(access: Access, name: str, lost: Callable[[str], None]) -> Session:
    """Open this peer's own store. Raises SessionLost and OSError."""
    reader, writer = await asyncio.open_connection("127.0.0.1", access.port, limit=1 << 20)
    return await Session.open(
        reader, writer, user="own", password=access.own_password, name=name, lost=lost, gate=Gate()
    )


class Pace:
    """How often something may be done: at once where it was not for a while."""

    def __init__(self, per_s: int, at_once: int) -> None:
        self._per_s, self._at_once = per_s, at_once
        self._credit, self._credited_at = float(at_once), 0.0

    def due_s(self, now: float) -> float:
        """Say how long it has to wait."""
        wait_s = (1 - self._saved(now)) / self._per_s
        return wait_s if wait_s > ROUNDING_S else 0.0

    def take(self, now: float) -> None:
        """It is done."""
        self._credit, self._credited_at = self._saved(now) - 1, now

    def _saved(self, now: float) -> float:
        return min(self._at_once, self._credit + (now - self._credited_at) * self._per_s)


class OwnRows:
    """The rows of this peer."""

    def __init__(self, *, name: str, journal: Journal, trouble: Callable[[str], None], login: Login = login) -> None:
        self._name, self._journal, self._trouble, self._login = name, journal, trouble, login
        self._rows: dict[str, bytes] = {}
        self._dirty: dict[str, bytes | None] = {}
        self._shown: dict[str, bytes | None] = {}  # dirty ones that are only shown
        self._sent: set[str] = set()  # keys that the store may hold a row of
        self._published: dict[str, bytes] = {}
        self._sum = Checksum()
        self._newest = 0
        self._tombstones: dict[str, tuple[int, float]] = {}
        self._pace = Pace(BATCHES_PER_S, BATCHES_AT_ONCE)
        self._shown_pace = Pace(SHOWN_PER_S, SHOWN_AT_ONCE)
        self._identity = ""
        self._handlers: dict[str, Handler] = {}
        self._calls: set[asyncio.Task[None]] = set()
        self._access: Access | None = None
        self._access_known = asyncio.Event()
        self._wake = asyncio.Event()
        self._pending: dict[str, tuple[str, bytes | None]] = {}
        self._moved = asyncio.Event()  # an acknowledgement came, or the end
        self._refused = ""
        self._lost = ""
        self._complaint = ""
        self._task: asyncio.Task[None] | None = None
        self._silent_since: float | None = None  # a running store has not answered since then
        self.ready = asyncio.Event()  # everything is published

    def silent_s(self) -> float:
        """Say for how long the store runs and does not answer; 0 while it does, or is known to be away."""
        if self._access is None or self._silent_since is None:
            return 0.0
        return asyncio.get_running_loop().time() - self._silent_since

    @property
    def rows(self) -> Mapping[str, bytes]:
        return self._rows

    def put(self, key: str, value: bytes, *, shown: bool = False) -> None:
        """Say how a row is now; every mirror hears of it, later where it is only shown. Raises RowTooLarge."""
        if len(value) > ROW_BYTES_MAX:
            raise RowTooLarge(f"row {key[:60]}: {len(value)} bytes, at most {ROW_BYTES_MAX}")
        self._rows[key] = value
        self._change(key, value, shown)

    def drop(self, key: str, *, shown: bool = False) -> None:
        """Remove a row; it may be gone already."""
        if self._rows.pop(key, None) is not None or key in self._waiting(key):
            self._change(key, None, shown)

    def serve(self, name: str, handler: Handler) -> None:
        """Answer the questions `rpc.<name>` of other peers; at most one handler for each name."""
        self._handlers[name] = handler

    def store(self, access: Access | None) -> None:
        """Where the store listens now; None while it does not run."""
        self._access, self._silent_since = access, None
        self._access_known.set() if access is not None else self._access_known.clear()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="own rows")

    async def stop(self) -> None:
        await end((self._task, *self._calls))

    def _waiting(self, key: str) -> dict[str, bytes | None]:
        return self._shown if key in self._shown else self._dirty

    def _change(self, key: str, value: bytes | None, shown: bool) -> None:
        if value is None and key not in self._sent:
            self._waiting(key).pop(key, None)  # nobody has heard of it
            return
        if not shown:
            self._shown.pop(key, None)
        waiting = self._shown if shown and key not in self._dirty else self._dirty
        if not waiting:
            self._wake.set()
        waiting[key] = value

    async def _run(self) -> None:
        while True:
            await self._access_known.wait()
            session: Session | None = None
            try:
                session = await self._open()
                await self._publish(session)
            except (SessionLost, OSError) as error:
                self._complain(f"own rows are not published: {error}")
                if self._silent_since is None:
                    self._silent_since = asyncio.get_running_loop().time()
            finally:
                self.ready.clear()
                if session is not None:
                    session.abort()
            await asyncio.sleep(RETRY_S)

    def _complain(self, sentence: str) -> None:
        """Tell a trouble once, not at every try."""
        if sentence != self._complaint:
            self._complaint = sentence
            self._journal.module("developer.cluster.store", "WARN", sentence)
            self._trouble(sentence)

    async def _open(self) -> Session:
        access = self._access
        if access is None:
            raise SessionLost("the store is not running")
        self._lost, self._pending = "", {}
        return await self._login(access, self._name, self._end)

    def _end(self, reason: str) -> None:
        self._lost = reason
        self._moved.set()
        self._wake.set()

    async def _publish(self, session: Session) -> None:
        store = await session.make_store(_STORE_BYTES_MAX)
        fresh = store.identity != self._identity
        if fresh:
            self._begin(store.identity)
        inbox = session.new_inbox()
        await session.listen(inbox + ".*", self._acknowledged)
        await session.listen("rpc.>", functools.partial(self._asked, session))
        clock = asyncio.get_running_loop().time
        beat_at = sum_at = clock()
        summed, beats = -1, 0
        while not self._lost:
            self._wake.clear()
            await self._flush(session, inbox)
            if self._refused:
                self._complain(f"the store refuses rows: {self._refused}")
                await asyncio.sleep(REFUSED_RETRY_S)
                continue
            if fresh and not self._dirty:
                await self._write(session, inbox, {EPOCH: store.epoch.encode()})
                fresh = False
            if not fresh and not self._dirty and not self.ready.is_set():
                self._complaint = ""
                self._trouble("")
                self.ready.set()
            now = clock()
            if now >= beat_at:
                beat_at, beats = now + BEAT_S, beats + 1
                await self._write(session, inbox, {BEAT: b"%d" % beats})
                await self._purge(session, now)
            if now >= sum_at and summed != self._newest and not fresh and not self._dirty:
                sum_at, summed = now + SUM_S, self._newest
                await self._write(session, inbox, {SUM: self._sum.row(self._newest)})
            now = clock()
            if not self._dirty:
                shown_s = self._shown_pace.due_s(now) if self._shown else BEAT_S
                await _within(self._wake, min(beat_at - now, shown_s))
            if self._dirty:
                due_s = self._pace.due_s(now := clock())
                self._pace.take(now + due_s)
                if due_s:
                    await asyncio.sleep(due_s)
        raise SessionLost(self._lost)

    def _begin(self, identity: str) -> None:
        """A store that we do not know: publish everything."""
        self._identity = identity
        self._published.clear()
        self._tombstones.clear()
        self._sent.clear()
        self._sum, self._newest = Checksum(), 0
        self._dirty, self._shown = dict(self._rows), {}

    async def _flush(self, session: Session, inbox: str) -> None:
        batch, self._dirty = self._dirty, {}
        now = asyncio.get_running_loop().time()
        if self._shown and not self._shown_pace.due_s(now):
            self._shown_pace.take(now)
            batch, self._shown = batch | self._shown, {}
        if batch:
            await self._write(session, inbox, batch)

    async def _write(self, session: Session, inbox: str, batch: Mapping[str, bytes | None]) -> None:
        """Write rows and wait until they are stored; what is not goes back to the dirty ones: newer values win."""
        self._refused = ""
        self._sent.update(batch)
        left = dict(batch)
        try:
            for number, (key, value) in enumerate(batch.items()):
                while len(self._pending) >= WINDOW_ROWS:
                    await self._progress()
                self._pending[str(number)] = key, value
                del left[key]
                await session.publish(key, value, f"{inbox}.{number}")
            while self._pending:
                await self._progress()
        finally:
            for key, value in (*self._pending.values(), *left.items()):
                if not key.startswith("_"):
                    self._waiting(key).setdefault(key, value)
            self._pending = {}

    async def _progress(self) -> None:
        self._moved.clear()
        if self._lost or not await _within(self._moved, DRAIN_LIMIT_S) or self._lost:
            raise SessionLost(self._lost or "the store does not acknowledge rows")

    async def _acknowledged(self, message: Msg) -> None:
        key, value = self._pending.pop(message.subject.rpartition(".")[2], ("", None))
        if not key:
            return
        self._silent_since = None
        reply: dict[str, Any] = json.loads(message.data) if message.data else {"error": {"description": "no store"}}
        self._moved.set()
        if "error" in reply:
            self._refused = reply["error"].get("description", "an error")
            if not key.startswith("_"):
                self._waiting(key).setdefault(key, value)
            return
        if key.startswith("_"):
            return
        sequence = int(reply["seq"])
        self._newest = max(self._newest, sequence)
        self._sum.change(key, self._published.pop(key, None), value)
        self._tombstones.pop(key, None)
        if value is None:
            self._sent.discard(key)
            self._tombstones[key] = sequence, asyncio.get_running_loop().time() + TOMBSTONE_S
        else:
            self._published[key] = value

    async def _purge(self, session: Session, now: float) -> None:
        for key, (sequence, due) in list(itertools.islice(self._tombstones.items(), PURGE_MOST)):  # the oldest first
            if due > now:
                return
            del self._tombstones[key]
            await session.purge(sequence)

    async def _asked(self, session: Session, message: Msg) -> None:
        if len(self._calls) >= CALLS_MAX:
            await session.say(message.reply, b"-too many questions at once")
            return
        task = asyncio.create_task(self._answer(session, message))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _answer(self, session: Session, message: Msg) -> None:
        name = message.subject.partition(".")[2]
        handler = self._handlers.get(name)
        try:
            if handler is None:
                raise CallFailed(f"this peer does not answer {name[:60]}")
            answer = await handler(message.data)
            if len(answer) > ROW_BYTES_MAX:
                raise CallFailed(f"the answer has {len(answer)} bytes, at most {ROW_BYTES_MAX}")
            reply = b"+" + answer
        except CallFailed as error:
            reply = b"-" + str(error).encode()
        except Exception as error:  # the task ends here: the other peer is told, the error is logged
            asyncio.get_running_loop().call_exception_handler({"message": f"rpc.{name}: our error", "exception": error})
            reply = b"-internal error"
        try:
            await session.say(message.reply, reply)
        except SessionLost:
            return  # nobody is there to hear it


async def _within(event: asyncio.Event, limit_s: float) -> bool:
    try:
        async with asyncio.timeout(max(0.0, limit_s)):
            return await event.wait()
    except TimeoutError:
        return False
