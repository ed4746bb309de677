"""What Kamailio's workers counted, said in the network log: at most one line a minute for each kind."""

from __future__ import annotations

from collections.abc import Mapping

from sextet.engine import Journal

NOTE_S = 60.0
COUNTED = {
    "garbage": "messages that cannot be read were refused or dropped",
    "unreadable": "requests that cannot be read were refused with the fault in words (400, 505)",
    "insane": "messages that contradict themselves were refused or dropped",
    "stray": "answers to no request of ours were dropped",
    "wayless": "answers did not have the Via headers of their requests, which were put back",
    "unproven": "requests claimed to come from a peer and were not proved; they were treated as a stranger's",
    "unrouted": "requests within a call came without a Route of ours and were refused",
    "unnamed": "requests were refused for the certificate of their connection",
    "traversal": "traversal clients were refused for their certificate",
    "later": "new registrations were told to come later, more than New registrations per second came at once",
    "misplaced": "calls came from a peer for a subzone or zone that is not configured here (Message Rejected)",
    "unbalanced": "sums of bandwidth were not those of the calls and were put right",
    "faults": "requests failed by an error in the SIP script; see kamailio.log",
}


class Counting:
    """The counters as they were read last, and as they were noted last."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lost = 0
        self._noted: dict[str, int] = {}
        self._noted_at: dict[str, float] = {}

    def note(self, counted: Mapping[str, int], now: float) -> bool:
        """Note what was counted since Kamailio's start, whatever is sent to us; says whether reports were lost."""
        lost, self._lost = counted.get("lost", 0) > self._lost, counted.get("lost", 0)
        for name, meaning in COUNTED.items():
            more = counted.get(name, 0) - self._noted.get(name, 0)
            if more < 0:  # a Kamailio that was started again counts from 0
                self._noted[name] = 0
            elif more and now - self._noted_at.get(name, -NOTE_S) >= NOTE_S:
                self._noted[name], self._noted_at[name] = counted[name], now
                self._journal.module("network.sip", "WARN", f"{more} {meaning}")
        return lost
