"""Who comes in the moment of the end is let go with it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import Any, cast

import pytest

from sextet.cluster.wire.front import Front, Rules
from sextet.cluster.wire.session import Gate

ADDRESS, CALLER, PORT = "127.63.9.11", "127.63.9.12", 4372


class Silent:
    """A journal that nobody reads."""

    def module(self, *what: str, **more: str) -> None: ...


@pytest.mark.parametrize("cable", ["whole", "cut"])
@pytest.mark.parametrize("turns", range(6))
def test_a_caller_that_comes_in_the_moment_of_the_end_is_let_go(turns: int, cable: str) -> None:
    gate = Gate()
    if cable == "cut":
        gate.close()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    rules = Rules(
        name="one", members={2: ("two", CALLER)}, enforce=False, context=context, fingerprint="", key=b"of the cluster"
    )

    async def play() -> None:
        front = Front(
            address=ADDRESS, port=PORT, journal=cast(Any, Silent()), enrolment=cast(Any, None), gate=lambda _: gate
        )
        await front.start()
        front.follow(rules)
        with socket.create_connection((ADDRESS, PORT), timeout=5, source_address=(CALLER, 0)) as caller:
            for _ in range(turns):
                await asyncio.sleep(0)
            await front.stop()
            await asyncio.sleep(0)  # in which transports close their sockets
            with contextlib.suppress(ConnectionResetError):  # nobody had accepted it
                assert caller.recv(1) == b""

    asyncio.run(play())
