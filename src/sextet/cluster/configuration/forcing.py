"""ForceConfigUpdate: the shared configuration of a subordinate is replaced by the primary's, whatever it holds.

What was held before stays in the history. The primary is asked for what it has at this moment: nothing is taken from a
peer that does not say of itself that it is the primary.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from sextet.cluster.configuration.history import Version, from_row
from sextet.cluster.configuration.revisions import StoreLost
from sextet.cluster.face import Moved, NoPrimary
from sextet.cluster.wire.feed import CallFailed
from sextet.engine import Journal
from sextet.model.schema import Problem, Refused
from sextet.model.status import Stamp

NAME = "whole-configuration"  # of the question between peers
LIMIT_S = 10.0  # a whole version has at most 900 kB
REPLICATION = "developer.replication"
_WHY_NOT = b"!"  # begins an answer that is a sentence; a version is compressed and begins with x

Ask = Callable[[int, str, bytes, float], Awaitable[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forced:
    """What became of it."""

    before: Stamp
    now: Stamp
    dismissed: tuple[Stamp, ...]  # edits that were set aside, and are listed as a conflict no more


class Custody(Protocol):
    """Whose configuration it is (custody.Custody)."""

    software: str  # the version of sextet that runs here

    @property
    def head(self) -> Version: ...

    @property
    def is_primary(self) -> bool: ...

    def row_of(self, version: Version) -> bytes: ...

    def demand_forceable(self, version: Version) -> None: ...

    async def force(self, version: Version) -> tuple[Stamp, ...]: ...


class Forcing:
    """Both sides of it; `primary` gives the number and the name of the configuration primary, 0 for this peer."""

    def __init__(self, custody: Custody, primary: Callable[[], tuple[int, str]], ask: Ask, journal: Journal) -> None:
        self._custody, self._primary, self._ask, self._journal = custody, primary, ask, journal

    async def answer(self, question: bytes) -> bytes:
        """Give the whole shared configuration of the primary to a peer that asks for it."""
        if not self._custody.is_primary:
            return _WHY_NOT + b"it does not say of itself that it is the configuration primary"
        return self._custody.row_of(self._custody.head)

    async def demand_possible(self) -> None:
        """Ask the primary for its configuration, and change nothing. Raises Refused as an update would."""
        _, _, version = await self._theirs()
        self._custody.demand_forceable(version)

    async def update(self) -> Forced:
        """Take the primary's configuration over. Raises Refused, and nothing was changed then."""
        before = self._custody.head.stamp
        number, name, version = await self._theirs()
        try:
            dismissed = await self._custody.force(version)
        except (StoreLost, Moved, NoPrimary) as error:
            raise Refused(Problem("", f"Nothing was changed: {error}")) from error
        detail = f"ForceConfigUpdate: {before} was replaced by {version.stamp} of peer {number} {name}"
        self._journal.module(REPLICATION, "WARN", detail)
        return Forced(before=before, now=version.stamp, dismissed=dismissed)

    async def _theirs(self) -> tuple[int, str, Version]:
        """Have the primary give its configuration; gives also who that is. Raises Refused."""
        number, name = self._primary()
        if not number:
            sentence = (
                "This peer names itself as the configuration primary: the cluster's configuration would be lost. "
                "Run ForceConfigUpdate on the subordinate that shows the alarm; if another peer is the primary, "
                "choose that one here first."
            )
            raise Refused(Problem("", f"Nothing was changed. {sentence}"))
        try:
            row = await self._ask(number, NAME, b"", LIMIT_S)
            if row.startswith(_WHY_NOT):
                raise ValueError(row[1:].decode(errors="replace"))
            version = from_row(row)
        except (CallFailed, ValueError) as error:
            sentence = f"the configuration of the primary, peer {number} {name}, cannot be had: {error}"
            raise Refused(Problem("", f"Nothing was changed: {sentence}. Repair that first.")) from error
        if version.software != self._custody.software:
            sentence = _apart(number, name, version, self._custody.software)
            raise Refused(Problem("", f"Nothing was changed. {sentence}"))
        return number, name, version


def _apart(number: int, name: str, version: Version, software: str) -> str:
    return (
        f"The primary, peer {number} {name}, runs version {version.software or 'unknown'} and this system {software}: "
        "no configuration is taken over between different versions. Upgrade the primary first, again with the same "
        "package where that is what it had, then this system."
    )
