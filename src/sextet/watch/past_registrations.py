"""Which devices came to this peer, went or were turned away? Kept on its disk by size; refreshes are not told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sextet.model.past_registrations import REGISTERED, REJECTED, REMOVED, PastRegistration
from sextet.model.status import Binding
from sextet.watch.event_log import wall_clock
from sextet.watch.history import History

FILE = "registrations.log"
PRESENT_MAX = 100_000  # devices of one peer whose beginning is known; the oldest are forgotten


class RegistrationHistory(History[PastRegistration]):
    """Remembers when devices came until they go; `clock` is monotonic."""

    def __init__(self, directory: Path, clock: Callable[[], float], wall: Callable[[], datetime] = wall_clock) -> None:
        super().__init__(directory / FILE, PastRegistration, wall)
        self._clock, self._wall = clock, wall
        self._since_s: dict[tuple[str, str], float] = {}  # of (alias, device)

    def present(self, alias: str, binding: Binding) -> None:
        """Take note of a device that was there before."""
        self._since_s.setdefault((alias, binding.device), self._clock())
        if len(self._since_s) > PRESENT_MAX:
            del self._since_s[next(iter(self._since_s))]

    def came(self, alias: str, binding: Binding) -> None:
        """Write that a device registered."""
        self.present(alias, binding)
        self._note(REGISTERED, alias, binding.received, binding.user_agent, binding.contact)

    def went(self, alias: str, binding: Binding, reason: str) -> None:
        """Write that a registration is over."""
        now = self._clock()
        lasted_s = round(now - self._since_s.pop((alias, binding.device), now), 3)
        self._note(REMOVED, alias, binding.received, binding.user_agent, binding.contact, lasted_s, reason)

    def rejected(self, alias: str, received: str, user_agent: str, reason: str) -> None:
        """Write that a device was turned away."""
        self._note(REJECTED, alias, received, user_agent, reason=reason)

    def _note(
        self, event: str, alias: str, received: str, user_agent: str, contact: str = "", lasted_s: float = 0.0,
        reason: str = "",
    ) -> None:  # fmt: skip
        at = self._wall().isoformat(timespec="milliseconds")
        self._keep(
            PastRegistration(
                event=event, alias=alias, contact=contact, received=received, user_agent=user_agent, at=at,
                lasted_s=lasted_s, reason=reason,
            )
        )  # fmt: skip
