"""What may answer with other aliases than the one that was dialled, and where it is plugged into the search.

A stage looks at an alias after the transforms. It lets it pass (None), refuses it, or names new aliases: then each of
them is searched from the transforms on, with the hops that are left. A target that answers later with new aliases
(ENUM, a policy service) does the same through `search.again`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sextet.call.decision import Refuse, Request, Then
from sextet.call.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """Search these aliases instead, from the transforms on; without any, go on with the one that was asked about.

    The aliases of a group ring at once, group after group, each where the one before it found nothing.
    """

    groups: tuple[tuple[str, ...], ...]
    reason: str  # who named them, for the trace
    then: Then | None = None
    caller: str = ""  # who is shown as calling from here on; empty: as before

    @property
    def aliases(self) -> tuple[str, ...]:
        return tuple(alias for group in self.groups for alias in group)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """The stage cannot say before a policy service was asked; then the search begins anew."""

    service: str
    kind: str  # see policy/services.py
    alias: str


Stage = Callable[[Table, Request, str], Refuse | Again | Ask | None]
Ending = Callable[[Table, Request, Then, int], Refuse | Again | None]
"""What the one who named aliases says when they ended with this status; None: nothing."""


def passed(table: Table, request: Request, alias: str) -> Refuse | Again | Ask | None:
    """Let every alias pass."""
    return None


def silent(table: Table, request: Request, then: Then, status: int) -> Refuse | Again | None:
    """Say nothing of how it ended."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """The stages between transforms and search rules, in their order (facts 7.1, 3 and 4), and what comes after."""

    policy: Stage = passed
    user_policy: Stage = passed
    ending: Ending = silent


OPEN = Stages()
