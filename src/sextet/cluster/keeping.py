"""How does work that must never end go on after our own error? It is told once with its stack, and begun again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

AGAIN_S = 1.0  # as often as a peer looks at itself anyway


async def keep(work: Callable[[], Awaitable[None]]) -> None:
    """Do work again and again; the same error in a row is told the first time only."""
    told = ""
    while True:
        try:
            await work()
            told = ""
        except Exception as error:  # the task ends here: without it the peer would be half dead and nobody would know
            if repr(error) != told:
                told = repr(error)
                asyncio.get_running_loop().call_exception_handler({"message": "peer: our error", "exception": error})
            await asyncio.sleep(AGAIN_S)
