"""How much of each history is on this peer's disk? As much as the setting says, from the moment that it does."""

from __future__ import annotations

from typing import Protocol

from sextet.cluster.face import Face


class Limited(Protocol):
    """A history that is kept by size."""

    def limit(self, size_bytes: int) -> None: ...


class Kept:
    """All histories of this peer."""

    def __init__(self, face: Face, *histories: Limited) -> None:
        self._face, self._histories = face, histories

    async def follow(self) -> None:
        """Follow the setting until cancelled."""
        self.apply()
        async for topics in self._face.changes():
            if "config" in topics:
                self.apply()

    def apply(self) -> None:
        """Make what is saved true."""
        for history in self._histories:
            history.limit(self._face.saved.dial_plan.history_size << 20)
