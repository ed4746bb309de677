"""What a call carries through other systems: the header that names it and the searches it has passed (facts 7.3).

    X-Sextet-Call: tag=6fa1...;seen=9c0e....17ab...

The tag is believed from a neighbour zone only: whoever else sends one gets a new call. A mark proves itself, since only
this cluster can make it (call/loop.py), so marks are believed from everybody: they can end the sender's own request.
Marks stand in our Via too, for systems that drop the header.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sextet.call.decision import HOPS_WITHOUT_HEADER
from sextet.call.source import Source, SourceKind

HEADER = "X-Sextet-Call"
MARKS_MAX = 20  # the newest of them: more systems than these no call passes on purpose
_FORM = re.compile(r"tag=([0-9a-f]{32});seen=([0-9a-f]{16}(?:\.[0-9a-f]{16})*)")


@dataclass(frozen=True, slots=True)
class Carried:
    """What was read of a request."""

    tag: str = ""
    marks: tuple[str, ...] = ()


def read(value: str, source: Source) -> Carried:
    """Read the header's value; what is not of this form carries nothing."""
    form = _FORM.fullmatch(value[: 64 + 17 * 2 * MARKS_MAX])
    if form is None:
        return Carried()
    return Carried(form[1] if source.kind is SourceKind.ZONE else "", tuple(form[2].split("."))[-MARKS_MAX:])


def written(tag: str, marks: Sequence[str]) -> str:
    """Write the header's value for what leaves to another system."""
    return f"tag={tag};seen={'.'.join(marks[-MARKS_MAX:])}"


def hops_of(header: str) -> int:
    """Read Max-Forwards as it was received: the native route has counted this hop ($mf gives 0 in 5.6)."""
    return int(header) + 1 if header.isascii() and header.isdigit() and len(header) < 4 else HOPS_WITHOUT_HEADER
