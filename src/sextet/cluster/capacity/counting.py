"""What does this peer carry now? Counted from the rows it owns, so that it cannot drift from what is there."""

from __future__ import annotations

from collections.abc import Iterable

from sextet.model.capacity import Use, needs_desktop
from sextet.model.status import Call, Registration


def use_of(registrations: Iterable[Registration], calls: Iterable[Call], proxied: int = 0) -> Use:
    """Count registrations per alias (facts 8.1), and calls where they are charged: those over two peers are one.

    A call counts as video until its media are known.
    """
    total = desktops = 0
    for row in registrations:
        total += 1
        desktops += all(needs_desktop(binding.user_agent) for binding in row.bindings)
    kinds = [(call.audio_only, call.rich) for call in calls if call.kbps]
    return Use(
        registrations=total,
        proxied=proxied,
        rooms=total - desktops,
        desktops=desktops,
        video=kinds.count((False, False)) + kinds.count((False, True)),
        audio=kinds.count((True, False)) + kinds.count((True, True)),
        rms_video=kinds.count((False, True)),
        rms_audio=kinds.count((True, True)),
    )
