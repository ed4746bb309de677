"""Status > Registration history: which devices came to any peer of the cluster, went or were turned away, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sextet.admin.everybody import Peers
from sextet.admin.newest import LIST_MAX, Newest
from sextet.cluster.face import Face
from sextet.model.past_registrations import PastRegistration
from sextet.watch.past_registrations import RegistrationHistory

NAME = "registrations"  # of the call between peers


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRegistrationLine:
    """What one peer saw."""

    registration: PastRegistration
    peer_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRegistrations:
    """What all peers answered, the newest first; `silent` names those that did not."""

    lines: tuple[PastRegistrationLine, ...]
    silent: tuple[str, ...]


class RegistrationDesk:
    """The registrations of the cluster that are over, for administrators."""

    def __init__(self, face: Face, peers: Peers, history: RegistrationHistory) -> None:
        self._newest = Newest(face, peers, NAME, PastRegistration, history.newest)

    async def newest(self, containing: str = "", most: int = LIST_MAX) -> PastRegistrations:
        """Give what all peers kept last."""
        found, silent = await self._newest.ask(containing, most)
        found.sort(key=lambda one: _moment(one[1].at), reverse=True)
        lines = tuple(PastRegistrationLine(registration=row, peer_name=name) for name, row in found[:most])
        return PastRegistrations(lines=lines, silent=silent)


def _moment(at: str) -> float:
    """Peers may be in different time zones."""
    try:
        return datetime.fromisoformat(at).timestamp()
    except ValueError:
        return 0.0
