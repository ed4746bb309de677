"""What is counted besides bandwidth, calls and registrations: within the capacity class and the pool of licences.

It is counted in the ledger as bandwidth is, and so shared by the peers in the same way: an audio call is one (where the
capacity class has none that are half of a video call, two), a video call two, a registered alias one. A call counts as
video until its answer says otherwise (facts 8.1).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from sextet.call.admission import Refuse
from sextet.call.bandwidth.decision import Refused
from sextet.call.table import Table
from sextet.model import capacity
from sextet.model.settings.zones import DEFAULT_ZONE, DNS, ENUM
from sextet.sip.kemi.limits import ledger
from sextet.sip.kemi.reporting import Reporter

VIDEO, AUDIO = capacity.AUDIO_SHARE, 1
FULL, NO_LICENCE = 503, 480  # another peer may have room (RFC 3263 4.3); no peer has a licence
COUNTED = "counted"  # in the htable `ctl`
EMERGENCY = ("911", "933", "988")  # facts 8.1: calls to these need no licence
RETRY_S = 60  # our choice: about when a call or a registration has ended somewhere
_WORDS = {
    capacity.CALLS_HERE: (FULL, "Call capacity limit reached"),
    capacity.CALLS: (FULL, "Call capacity limit reached"),
    capacity.RMS: (NO_LICENCE, "Call license limit reached"),
    capacity.REGISTRATIONS_HERE: (FULL, "Registration capacity limit reached"),
    capacity.REGISTRATIONS: (FULL, "Registration capacity limit reached"),
    capacity.PROXIED_HERE: (FULL, "Proxied registration capacity limit reached"),
    capacity.PROXIED: (FULL, "Proxied registration capacity limit reached"),
    capacity.ROOMS: (403, "Room system registrations limit reached"),
    capacity.DESKTOPS: (403, "Desktop system license limit reached"),
}  # the titles of 30022, 30020, 30028 and 30031, where there is one


def is_rich(table: Table, *ends: str) -> bool:
    """Say whether a call is with another organisation: to or from the Default Zone, a DNS or an ENUM zone."""
    kinds = {DNS, ENUM}
    return any(end == DEFAULT_ZONE or (end in table.zones and table.zones[end].type in kinds) for end in ends)


def is_emergency(alias: str) -> bool:
    """Say whether an alias is a number that may be called whatever licences are left."""
    return alias.partition("@")[0] in EMERGENCY


def units(table: Table, rich: bool, audio_only: bool = False) -> dict[str, int]:
    """Say what a call counts for, of what has a limit."""
    call = table.limits.get(capacity.AUDIO_CALL, AUDIO) if audio_only else VIDEO
    found = {capacity.CALLS_HERE: call, capacity.CALLS: call}
    found |= {capacity.RMS: AUDIO if audio_only else VIDEO} if rich else {}
    return {name: number for name, number in found.items() if name in table.limits}


def counted(table: Table, entry: ledger.Entry, audio_only: bool) -> ledger.Entry:
    """Count a call by its media, now that they are known."""
    routes = {
        end: {**route, "units": units(table, route["rich"], audio_only)} for end, route in entry["routes"].items()
    }
    return entry | {"routes": routes, "audio_only": audio_only}


def lacking(ksr: Any, table: Table, rich: bool, charged: Counter[str]) -> Refused | None:
    """Say why a call may not be made; call this locked. `charged` is what it counts for already."""
    for name, needed in units(table, rich).items():
        limit = table.limits[name]
        left = _left(ksr, table, name, charged[name])
        if left < needed:
            status, words = _WORDS[name]
            what = name.removeprefix("count/")
            cause = f"{max(0, left) / VIDEO:g} of {limit // VIDEO} {what} are left, in video calls"
            return Refused(words, cause, status)
    return None


def obstacle(ksr: Any, table: Table, user_agent: str) -> Refuse | None:
    """Say why an alias that is not registered here may not register."""
    return _refusal(ksr, table, _elements([user_agent]))


def cannot_carry(ksr: Any, table: Table) -> Refuse | None:
    """Say why no further registration may be carried to another system; call this locked."""
    return _refusal(ksr, table, (capacity.PROXIED_HERE, capacity.PROXIED))


def registered(ksr: Any, reporter: Reporter, before: Sequence[str], after: Sequence[str]) -> None:
    """Count an alias by the user agents of its devices, before and after a change; where something has a limit only.

    Every count is told to all peers, which a cluster without limits has no use for.
    """
    if not ksr.htable.sht_get("ctl", COUNTED):
        return
    moved = Counter(_elements(after))
    moved.subtract(_elements(before))
    if any(moved.values()):
        with ledger.locked(ksr):
            ledger.move(ksr, reporter, moved)


def follow(ksr: Any, table: Table) -> None:
    """Say whether registrations are counted: what is there already is counted with the next reconciliation."""
    counted = {capacity.REGISTRATIONS_HERE, capacity.REGISTRATIONS, capacity.ROOMS, capacity.DESKTOPS}
    ksr.htable.sht_seti("ctl", COUNTED, 1 if counted & table.limits.keys() else 0)


def registrations(ksr: Any, aliases: Iterable[Sequence[str]]) -> Counter[str]:
    """Count all aliases that are registered here anew."""
    if not ksr.htable.sht_get("ctl", COUNTED):
        return Counter()
    return Counter(element for agents in aliases for element in _elements(agents))


def _elements(agents: Sequence[str]) -> tuple[str, ...]:
    """Facts 8.1: an alias whose devices are all desktops needs a desktop licence, every other one a room's."""
    if not agents:
        return ()
    licence = capacity.DESKTOPS if all(capacity.needs_desktop(agent) for agent in agents) else capacity.ROOMS
    return (capacity.REGISTRATIONS_HERE, capacity.REGISTRATIONS, licence)


def _refusal(ksr: Any, table: Table, names: Iterable[str]) -> Refuse | None:
    for name in names:
        if name in table.limits and _left(ksr, table, name, 0) < 1:
            status, words = _WORDS[name]
            return Refuse(status, words, retry_after_s=RETRY_S if status == FULL else 0)
    return None


def _left(ksr: Any, table: Table, name: str, less: int) -> int:
    limit = table.limits[name]
    if name in capacity.HERE:
        return ledger.left_here(ksr, name, limit, less)
    return ledger.left(ksr, name, limit, less, len(table.peers) + 1)
