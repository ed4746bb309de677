"""Who asks for something, and from where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """An administrator at one door; `ip` and `port` are empty for the local socket."""

    user: str
    may_write: bool
    door: str  # "web", "cli"
    ip: str = ""
    port: int = 0

    @property
    def source(self) -> str:
        """Name the door as the configuration history shows it."""
        return f"{self.door} {self.ip}".strip()

    @property
    def audit(self) -> dict[str, str]:
        """Give the fields that every audit line carries, in the order of the guide's log."""
        where = {"Src-ip": self.ip, "Src-port": str(self.port)} if self.ip else {}
        return {**where, "User": self.user, "Level": "1"}
