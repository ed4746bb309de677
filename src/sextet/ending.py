"""How is a task ended for sure, although code on its way may swallow a cancellation?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

AGAIN_S = 0.2


async def end(tasks: Iterable[asyncio.Task[Any] | None]) -> None:
    """Cancel until they are done: before Python 3.12 `asyncio.wait_for` loses a cancellation that meets the result."""
    left = {task for task in tasks if task is not None and task is not asyncio.current_task()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN_S)
