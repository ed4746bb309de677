"""Wait for what others do: look again and again until it is so, or until the time is over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
EVERY_S = 0.02  # a look costs a peer well under a millisecond


async def until(look: Callable[[], Awaitable[T]], within_s: float, every_s: float = EVERY_S) -> tuple[T, float]:
    """Look until there is something true, or the time is over; return what was seen last, and the seconds it took."""
    started = time.monotonic()
    while True:
        seen = await look()
        took = time.monotonic() - started
        if seen or took >= within_s:
            return seen, took
        await asyncio.sleep(every_s)
