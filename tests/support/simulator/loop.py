"""An event loop in virtual time: the asyncio code of many real peers runs in it, and each can be killed any time."""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

Deed = Callable[[], None]
DISK_S = 0.01  # a thread that waits for the disk
AT_ONCE_MAX = 10_000  # things that happen at one moment; a few hundred do
CLOSINGS_MAX = 20  # of a coroutine that awaits again while it is being closed


class Life:
    """One run of a peer's process: what began in it happens no more when it is over."""

    def __init__(self, synced: Deed) -> None:
        self.alive = True
        self.disk_free_at = 0.0
        self.synced = synced
        self.context = contextvars.Context()
        self.context.run(_LIFE.set, self)

    def enter(self, deed: Deed) -> None:
        """Do something as a part of this life, if it is not over."""
        if self.alive:
            self.context.copy().run(deed)


_LIFE: contextvars.ContextVar[Life] = contextvars.ContextVar("life")


class _Task(asyncio.Task[Any]):
    """A task whose place in a set is the same each time that the day is played."""

    number = 0

    def __hash__(self) -> int:
        return self.number


class Loop(asyncio.AbstractEventLoop):
    """What asyncio needs of a loop; threads are played as work that takes a moment and is on disk when it is done."""

    def __init__(self, dice: random.Random, resolve: Callable[[str], str]) -> None:
        self._resolve = resolve
        self.now = 0.0
        self.done = 0
        self.failure: BaseException | None = None
        self._dice = dice
        self._ready: deque[asyncio.Handle] = deque()
        self._queue: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._order = itertools.count()
        self._tasks: set[asyncio.Task[Any]] = set()

    def run(self, until: float, after_each: Deed) -> None:
        """Do everything that is due until then; raises the first error that nobody caught."""
        asyncio._set_running_loop(self)
        at_once = 0
        try:
            while True:
                while self._ready:
                    self._do(self._ready.popleft())
                after_each()
                while self._queue and self._queue[0][2].cancelled():
                    heapq.heappop(self._queue)
                if not self._queue or self._queue[0][0] > until:
                    break
                before = self.now
                self.now, _, handle = heapq.heappop(self._queue)
                at_once = at_once + 1 if self.now == before else 0
                assert at_once < AT_ONCE_MAX, "something asks to be woken again and again, and time stands still"
                self._ready.append(handle)
            self.now = until
        finally:
            asyncio._set_running_loop(None)

    def _do(self, handle: asyncio.Handle) -> None:
        if handle.cancelled():
            return
        life = handle._context.get(_LIFE)  # type: ignore[attr-defined]
        if life is not None and not life.alive:
            return
        self.done += 1
        handle._run()
        if self.failure is not None:
            raise self.failure

    def close(self) -> None:
        """End what is still under way, in whatever state; what it has to say does not count any more."""
        asyncio._set_running_loop(self)
        try:
            for task in self._tasks:
                if not task.done():
                    _close(task.get_coro())
        finally:
            asyncio._set_running_loop(None)
        self._ready.clear()
        self._queue.clear()

    def later(self, delay_s: float, deed: Deed) -> None:
        """Do something that belongs to no process."""
        self.call_at(self.now + delay_s, deed, context=contextvars.Context())

    def start(self, life: Life, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Begin work as a part of a life."""
        return life.context.copy().run(self.create_task, work)

    # What asyncio asks for

    def time(self) -> float:
        return self.now

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._queue, (max(when, self.now), next(self._order), handle))
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.now + delay, callback, *args, context=context)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Any,
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
    ) -> asyncio.Task[Any]:
        task = _Task(coro, loop=self, name=name, context=context)
        task.number = next(self._order)
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Do it after a moment; it is told, and safe from a crash, a moment later. One at a time for each process."""
        life = contextvars.copy_context()[_LIFE]
        future = self.create_future()
        begin = max(self.now, life.disk_free_at) + DISK_S * self._dice.random()
        life.disk_free_at = end = begin + DISK_S * self._dice.random()
        outcome: list[Any] = []

        def work() -> None:
            try:
                outcome.extend((func(*args), None))
            except Exception as error:  # it belongs to who waits for it
                outcome.extend((None, error))

        def finish() -> None:
            life.synced()
            value, error = outcome
            if future.cancelled():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(value)

        self.call_at(begin, work)
        self.call_at(end, finish)
        return future

    async def getaddrinfo(self, host: Any, port: Any, **_: Any) -> list[Any]:
        """Ask DNS."""
        await asyncio.sleep(DISK_S)
        if not (ip := self._resolve(host)):
            raise OSError(0, "no such name")
        return [(0, 0, 0, "", (ip, 0))]

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """An error that nobody caught: ours, always."""
        if self.failure is None:
            self.failure = context.get("exception") or AssertionError(context.get("message"))

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None: ...


def _close(coroutine: Any) -> None:
    for _ in range(CLOSINGS_MAX):
        try:
            coroutine.close()
            return
        except Exception:  # it awaited again, or failed on its way out: once more
            continue
