"""A peer with real versions in a folder, whose releases are small and run by nobody: for pages and commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sextet import __version__
from sextet.admin.disk.upgrade import Upgrades
from sextet.admin.door import Door
from sextet.cluster.configuration.revisions import Store
from sextet.cluster.disk.versions import Versions
from sextet.model.alarms import AlarmType


class UpgradeDesk:
    """Its desk. `restarted` is what a restart of the peer does to it."""

    def __init__(self, face: Any, door: Door, folder: Path, journal: Any) -> None:
        self._made = {"state_dir": folder, "peer": face, "journal": journal, "demand": door.demand_write}
        self.folder = folder
        self.raised: dict[int, str] = {}
        self.told: tuple[str, str] = "", ""
        folder.mkdir()
        Store(folder / "config.db").close()
        self.versions = Versions(folder, __version__, 1)
        self.place = 0
        self.upgrades = self._desk()

    async def restarted(self) -> None:
        self.place = self.versions.begin()
        self.versions.confirm(self.place)
        self.upgrades = self._desk()
        await self.upgrades.begin()

    def _desk(self) -> Upgrades:
        def set_alarm(alarm: AlarmType, key: str, active: bool, detail: str) -> None:
            self.raised.pop(alarm.number, None)
            if active:
                self.raised[alarm.number] = detail

        def tell(next: str, before: str) -> None:
            self.told = next, before

        return Upgrades(
            versions=self.versions,
            place=self.place,
            set_alarm=set_alarm,
            raised=lambda: (),
            trouble=lambda: "",
            backups=lambda: 1,
            not_understood=lambda: 0,
            tell=tell,
            trial=lambda tree, version: "",
            **self._made,
        )
