"""How a request is refused: the status that was decided, and the reason in words (RFC 3326)."""

from __future__ import annotations

from typing import Any

_PHRASES = {
    403: "Forbidden",
    404: "Not Found",
    480: "Temporarily Unavailable",
    414: "Request-URI Too Long",
    482: "Loop Detected",
    483: "Too Many Hops",
    503: "Service Unavailable",
}


def answer(ksr: Any, status: int, reason: str) -> None:
    """Answer; the reason is safe inside a quoted header (decision.safe)."""
    ksr.hdr.append_to_reply(f'Reason: SIP;cause={status};text="{reason}"\r\n')
    ksr.sl.send_reply(status, _PHRASES.get(status, "Not Found"))
