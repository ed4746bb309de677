"""Stored data that can be damaged, recovered, backed up and restored without a disk behind it, for the pages."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from sextet.admin.disk.safekeeping import Safekeeping
from sextet.admin.disk.snapshot import Snapshots
from sextet.cluster.disk.backup import Contents
from sextet.cluster.disk.paths import Paths
from sextet.engine import Journal
from sextet.model.config import Document, to_document
from sextet.model.schema import Problem, Refused
from sextet.watch.event_log import wall_clock
from tests.support.fake_peer import FakePeer


class FakeVault:
    """A Vault whose database is what the test says."""

    degraded = False
    serial = "0123456789abcdef"

    def __init__(self, face: FakePeer, paths: Paths) -> None:
        self.paths, self.damage, self.key_trouble = paths, "", ""
        self.restored: list[Document] = []
        self.renewed = 0
        self._face = face

    def why_no_restore(self) -> str:
        return "Remove this peer from the cluster first." if self._face.status().members else ""

    def document(self) -> Document:
        whole: Document = to_document(self._face.saved)
        return whole

    async def check(self) -> str:
        return self.damage

    async def demand_recoverable(self) -> None:
        if not self.damage:
            raise Refused(Problem("", "The database is sound; there is nothing to recover."))

    async def recover(self) -> str:
        await self.demand_recoverable()
        self.damage = ""
        return "The database was made anew."

    async def renew_key(self) -> str:
        self.renewed += 1
        return "This peer has a new system key."

    async def restore(self, contents: Contents, *, user: str, source: str) -> None:
        if why := self.why_no_restore():
            raise Refused(Problem("", why))
        self.restored.append(contents.document)

    async def purge(self) -> Path:
        return self.paths.state_dir


class KeepingDesk:
    """Safekeeping and snapshots of a fake peer; `restarts` counts."""

    def __init__(self, face: FakePeer, folder: Path, journal: Journal) -> None:
        trusted = folder / "trusted-of-vault.pem"
        trusted.write_text("")
        certificate, key = folder / "certificate.pem", folder / "key.pem"
        paths = Paths(state_dir=folder, certificate=certificate, private_key=key, trusted=trusted)
        self.vault = FakeVault(face, paths)
        self.restarts = 0
        self.failures: list[str] = []

        async def look() -> Mapping[str, object]:
            await asyncio.sleep(0)
            return {"status": "well"}

        self.keeping = Safekeeping(
            self.vault,
            journal,
            "1.0",
            lambda: "expc01",
            lambda: (1, 2),
            self._restart,
            self.failures.append,
            wall_clock,
        )
        self.snapshots = Snapshots(self.vault, journal, lambda: "expc01", look, wall_clock)

    def _restart(self) -> None:
        self.restarts += 1
