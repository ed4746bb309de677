"""A peer that stops lets nothing go on behind its back."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, cast

from sextet.cluster.configuration.identity import Identity
from sextet.cluster.outside import Outside
from sextet.cluster.peer import ROW, Peer
from sextet.cluster.wire.links import Links
from tests.support.link_lab import Lines


def test_what_other_peers_show_while_it_stops_is_not_stored_any_more(tmp_path: Path) -> None:
    class Late(Links):
        async def stop(self) -> None:
            self._callbacks.row(2, ROW, b"a version")
            await super().stop()

    async def play() -> None:
        identity = Identity(
            address="127.63.9.21", state_dir=tmp_path, run_dir=tmp_path, certificate=tmp_path / "server.pem",
            private_key=tmp_path / "server.key", trusted=tmp_path / "trusted.pem", cluster_port=4372,
            engine_user="", version="1",
        )  # fmt: skip
        peer = Peer(identity, cast(Any, Lines()), time.monotonic, lambda: None, Outside(links=Late))
        await peer.stop()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(play())
