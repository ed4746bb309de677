"""Real logs in a folder that goes with its owner, and other peers that answer whatever a test wants."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Awaitable, Callable
from pathlib import Path

from sextet.admin.door import Door
from sextet.admin.logs.records import Records
from sextet.cluster.wire.feed import CallFailed
from sextet.engine import Journal
from sextet.watch.diagnostics import Recorder
from sextet.watch.logs import Logs
from sextet.watch.syslog import Syslog
from tests.support.fake_peer import FakePeer


class FakePeers:
    """The way to other peers: each is given as its own Records, or cannot be reached."""

    def __init__(self) -> None:
        self.others: dict[int, Callable[[bytes], Awaitable[bytes]]] = {}
        self.own: Callable[[bytes], Awaitable[bytes]] | None = None

    async def ask(self, number: int, name: str, question: bytes, limit_s: float) -> bytes:
        if number not in self.others:
            raise CallFailed("the link is DOWN: no answer")
        return await self.others[number](question)

    def answer(self, name: str, handler: Callable[[bytes], Awaitable[bytes]]) -> None:
        self.own = handler


class RecordsDesk:
    """Records of one fake peer; `alarms` is what was said about 25019."""

    def __init__(self, face: FakePeer, journal: Journal | None = None) -> None:
        folder = Path(tempfile.mkdtemp())
        self.folder = folder
        self.alarms: list[tuple[bool, str]] = []
        self.troubles: list[tuple[str, str]] = []
        self.traced: list[bool] = []  # whether SIP messages are to be logged, as it was told
        self.peers = FakePeers()
        self.logs = Logs(folder, f"expc{face.number:02}")
        self.recorder = Recorder(folder / "diagnostics", "127.85.0.9", lambda: face.now)
        self.syslog = Syslog(folder / "ca.pem", lambda server, trouble: self.troubles.append((server, trouble)))
        (folder / "server.pem").write_text(
            "-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n"
            "-----BEGIN CERTIFICATE-----\nopen\n-----END CERTIFICATE-----\n"
        )
        said = journal or self.logs
        self.records = Records(
            face,
            Door(face, said),
            self.peers,
            self.logs,
            said,
            self.recorder,
            self.syslog,
            (folder / "server.pem", folder / "ca.pem"),
            lambda active, cause: self.alarms.append((active, cause)),
            self.traced.append,
        )
        weakref.finalize(self.records, shutil.rmtree, folder, True)
