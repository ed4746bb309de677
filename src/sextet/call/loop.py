"""Has this very search passed here before: the same call, asking for the same alias, from the same place (facts 7.3)?

A system leaves a mark in what it forwards (a parameter of its own Via, or a header) and looks for its own marks in what
it receives. Nothing has to be remembered, and a caller who asks again with credentials is not mistaken for a loop.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from sextet.call.alias import key
from sextet.call.decision import Request

MARK_CHARACTERS = 16  # 64 bits: no two searches of one call share a mark by chance, and a Via stays short


def mark(request: Request, secret: bytes) -> str:
    """Give the mark of a search: letters and digits only, the same on all peers that share the secret.

    The secret keeps two clusters apart that see the same call from their Default Zones, and strangers from making
    our marks.
    """
    parts = [request.tag, key(request.alias), request.protocol, request.source.kind, request.source.name]
    parts += [request.device] if request.device else []  # a device that its alias was forwarded to is asked anew
    text = "\n".join(parts).encode(errors="surrogateescape")
    return hmac.digest(secret or b"sextet", text, "sha256").hex()[:MARK_CHARACTERS]


def looped(own: str, marks: Iterable[str]) -> bool:
    """Say whether the request carries the mark of this search: answer it with 482 (RFC 3261 16.3 step 4)."""
    return own in marks
