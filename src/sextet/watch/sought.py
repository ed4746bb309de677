"""Which lines of a log does somebody look for? Those with a text, of one kind, from a moment on: all that is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sextet.watch.line import Entry, entry_of

BAD = ("Rejected", "Failure", "Failed", "Error", "Incomplete")  # in the names of events
DAY_S = 86_400.0


def _begins(*names: str) -> Callable[[Entry], bool]:
    return lambda entry: entry.get("Event").startswith(names)


def _is_problem(entry: Entry) -> bool:
    event = entry.get("Event")
    return entry.get("Level") in ("ERROR", "WARN") or any(word in event for word in BAD)


KINDS: dict[str, Callable[[Entry], bool]] = {
    "problems": _is_problem,
    "alarms": _begins("Alarm "),
    "calls": _begins("Call ", "Search "),
    "registrations": _begins("Registration "),
    "changes": _begins("System Configuration Changed"),
    "administrators": lambda entry: bool(entry.get("User")),
    "messages": _begins("Message "),
    "synchronisation": lambda entry: entry.get("Module").startswith("developer."),
}
PERIODS = {"hour": 3600.0, "day": DAY_S, "week": 7 * DAY_S}  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What is looked for; what is empty is not asked."""

    text: str = ""  # in any letters
    kind: str = ""  # a name of KINDS
    since: datetime | None = None

    def found(self, line: str) -> Entry | None:
        """Take the line apart where it is one of those."""
        if self.text.lower() not in line.lower():
            return None
        entry = entry_of(line)
        return entry if not self.kind or KINDS[self.kind](entry) else None

    def is_over(self, line: str) -> bool:
        """Say that this line, and so every older one, is from before; one without a moment is not."""
        if self.since is None:
            return False
        try:
            return datetime.fromisoformat(line.partition(" ")[0]) < self.since
        except (ValueError, TypeError):  # a torn line, or a moment without its zone
            return False
