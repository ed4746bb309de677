"""How a request is refused: the status that was decided, and the reason in words (RFC 3326)."""

from __future__ import annotations

from typing import Any

from sextet.call.bandwidth.decision import EXCEEDS, STATUS, UNAVAILABLE, WARNING
from sextet.call.decision import SIPS

_SIPS_STATUS = 480

_PHRASES = {
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    408: "Request Timeout",
    410: "Gone",
    430: "Flow Failed",
    480: "Temporarily Unavailable",
    414: "Request-URI Too Long",
    416: "Unsupported URI Scheme",
    422: "Session Interval Too Small",
    482: "Loop Detected",
    483: "Too Many Hops",
    485: "Ambiguous",
    486: "Busy Here",
    488: "Not Acceptable Here",
    500: "Server Internal Error",
    503: "Service Unavailable",
    504: "Server Time-out",
    600: "Busy Everywhere",
    603: "Decline",
}


def answer(ksr: Any, status: int, reason: str) -> None:
    """Answer; the reason is safe inside a quoted header (decision.safe)."""
    explain(ksr, status, reason)
    ksr.sl.send_reply(status, phrase(status))


def explain(ksr: Any, status: int, reason: str) -> None:
    """Put the reason into the answer that is about to be sent."""
    if status == STATUS and reason.startswith((EXCEEDS, UNAVAILABLE)):
        ksr.hdr.append_to_reply(f'Warning: {WARNING} sextet "Insufficient bandwidth"\r\n')
    if status == _SIPS_STATUS and SIPS in reason:
        ksr.hdr.append_to_reply('Warning: 380 sextet "SIPS Not Allowed"\r\n')  # RFC 5630 5.4
    ksr.hdr.append_to_reply(f'Reason: SIP;cause={status};text="{reason}"\r\n')


def phrase(status: int) -> str:
    """Give the words of a status; those that a script chose and RFC 3261 has other words for are a rejection."""
    return _PHRASES.get(status, "Rejected")
