"""Is the password that was made for the first log-in still in use? It was printed, and may stand in a log (40005)."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from pathlib import Path

from sextet.model.settings.users import Administrator

FILE = "first-password"  # in the state directory: the summary of a stored hash, which is worth nothing


class FirstPassword:
    """Remembers, over restarts, which stored hash was made at the first start."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / FILE

    def remember(self, password_hash: str) -> None:
        """Note the hash that was just stored; where the disk does not take it, nothing is warned of later."""
        with contextlib.suppress(OSError):
            self._path.write_text(_summary(password_hash))

    def in_use(self, accounts: Sequence[Administrator]) -> str:
        """Name the enabled account that still has it; forgets it once no account has."""
        try:
            wanted = self._path.read_text()
        except (OSError, ValueError):
            return ""
        with_it = [one for one in accounts if _summary(one.password_hash) == wanted]
        if not with_it:
            with contextlib.suppress(OSError):
                self._path.unlink()
        return next((f"Account {one.name} has it." for one in with_it if one.state == "Enabled"), "")


def _summary(password_hash: str) -> str:
    return hashlib.sha256(password_hash.encode()).hexdigest()
