"""The engine's own end; what it does with a real Kamailio is in the scenarios."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

from sextet.sip.engine import SipEngine
from tests.support.link_lab import Lines
from tests.support.sip_peers import Watch


def test_a_keeper_that_loses_its_cancellation_does_not_hold_the_end(tmp_path: Path) -> None:
    async def keeper() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:  # before Python 3.12 `asyncio.wait_for` may lose it to what it waited for
            await asyncio.Event().wait()

    async def play() -> None:
        engine = SipEngine(tmp_path, cast(Any, Watch()), cast(Any, Lines()))
        engine._keepers = (asyncio.create_task(keeper()),)
        await asyncio.sleep(0)
        stopped, _ = await asyncio.wait({asyncio.create_task(engine.stop())}, timeout=5)
        assert stopped
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(play())
