"""What Kamailio's workers report is told to the host: of two reports on one thing the newer, all else at once."""

from __future__ import annotations

from collections.abc import Callable

from sextet.engine import Host, Journal, Searches
from sextet.sip.agent_line import use_key
from sextet.sip.events import (
    Answered,
    Asked,
    CallChanged,
    CallEnded,
    Event,
    LoopDetected,
    Named,
    Registered,
    RegistrationRefused,
    Searched,
    Used,
    ZoneChanged,
)
from sextet.sip.kemi.zones.zone_rows import row_name
from sextet.sip.orders import Orders
from sextet.sip.zone_answers import ZoneAnswers
from sextet.sip.zone_watch import ZoneWatch


class Retelling:
    """Hands each report to whom it is for; `reason_of` says why a call ended, given what was reported."""

    def __init__(
        self, host: Host, journal: Journal, searches: Searches | None, orders: Orders, zones: ZoneWatch,
        answers: ZoneAnswers, reason_of: Callable[[str, str], str],
    ) -> None:  # fmt: skip
        self._host, self._journal, self._searches = host, journal, searches
        self._newer = orders.newer
        self._zones, self._answers = zones, answers
        self._reason_of = reason_of

    def tell(self, event: Event) -> None:
        """Tell one report."""
        match event:
            case Registered() if self._newer(event.alias, event.order):
                self._host.registered(event.alias, event.bindings, event.why)
            case CallChanged() if self._newer(event.call.call_id, event.order):
                self._host.call_changed(event.call)
            case Used():
                newer = {one: kbps for one, kbps in event.use.items() if self._newer(use_key(one), event.order)}
                self._host.used(newer, {})
            case CallEnded() if self._newer(event.call_id, event.order):
                self._host.call_ended(event.call_id, self._reason_of(event.call_id, event.reason))
            case Asked() | Named():
                self._answers.take(event)
            case ZoneChanged() if self._newer(row_name(event.report.zone, event.report.address.uri), event.order):
                self._zones.take(event.report)
            case RegistrationRefused():
                reason = f"{event.status} {event.reason}"
                self._host.rejected(event.alias, reason, event.received, event.user_agent)
            case Searched() if self._searches is not None:
                self._searches.made(event.search)
            case Answered() if self._searches is not None:
                self._searches.answered(event.name, event.status, event.answers, event.final, event.reason)
            case LoopDetected():
                details = {"Dst-alias": event.alias, "Src-zone": event.source, "Tag": event.tag, "Level": "2"}
                self._journal.event("Search Loop detected", Service="SIP", **details)
