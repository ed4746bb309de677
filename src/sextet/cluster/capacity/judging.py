"""Which capacity and licence alarms stand (facts 4.3, 30xxx), each with the measured use and the limit.

Pure. Physical limits are a unit's own, the cluster's come from its peers together, licences from the pool. Where the
original counts traversal and non-traversal calls, sextet has calls and, of these, rich media sessions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import add

from sextet.cluster.capacity.pool import DAY_S, HOUR_S, KEPT_S, Share
from sextet.model import alarms as types
from sextet.model.alarms import AlarmType
from sextet.model.capacity import Licences, Limits, Use


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Use and limits at one moment."""

    own: Use = Use()
    uses: Mapping[str, Use] = field(default_factory=dict)  # of every peer that can be heard, this one among them
    unit: Limits = Limits()
    cluster: Limits = Limits()
    smaller: Limits = Limits()  # of the cluster with one peer less
    licences: Licences | None = None  # of the pool; None where they are not counted
    warning_level: int = 90  # percent; 0 never warns
    missed: Mapping[str, Share] = field(default_factory=dict)

    @property
    def total(self) -> Use:
        return reduce(add, self.uses.values(), Use())


def alarms_of(load: Load) -> dict[AlarmType, str]:
    """Name every alarm that stands, with its cause as a sentence."""
    found = (*_registrations(load), *_calls(load), *_licences(load), *_missed(load))
    return {alarm: cause for alarm, cause in found if cause}


Found = Iterator[tuple[AlarmType, str]]


def _registrations(load: Load) -> Found:
    """Registrations here and those that are carried to other systems: the original has no alarm of their own for these.

    An alarm that stands for both has a sentence for each.
    """
    total, most, unit = load.total, load.cluster, load.unit
    near = (
        _near(load, "registrations in the cluster", total.registrations, most.registrations),
        _near(load, "proxied registrations in the cluster", total.proxied, most.proxied),
    )
    yield types.REGISTRATIONS_NEAR, _both(near)
    full = (
        _full("registrations on this peer", load.own.registrations, unit.registrations)
        or _full("registrations in the cluster", total.registrations, most.registrations),
        _full("proxied registrations on this peer", load.own.proxied, unit.proxied)
        or _full("proxied registrations in the cluster", total.proxied, most.proxied),
    )
    yield types.UNIT_REGISTRATIONS_FULL, _both(full)
    peers = (
        _peers("registrations", {name: use.registrations for name, use in load.uses.items()}, unit.registrations),
        _peers("proxied registrations", {name: use.proxied for name, use in load.uses.items()}, unit.proxied),
    )
    yield types.PEERS_REGISTRATIONS_FULL, _both(peers)


def _calls(load: Load) -> Found:
    own, total = load.own.calls(load.unit.audio_share), load.total.calls(load.cluster.audio_share)
    yield types.CALLS_NEAR_PHYSICAL, _near(load, "calls on this peer", own, load.unit.calls)
    here = _full("calls on this peer", own, load.unit.calls)
    yield types.CALLS_FULL, here or _full("calls in the cluster", total, load.cluster.calls)
    yield types.CALLS_NEAR_CLUSTER, _near(load, "calls in the cluster", total, load.cluster.calls)


def _licences(load: Load) -> Found:
    pool, total = load.licences, load.total
    if pool is None:
        return
    rooms, desktops, rich = "room system registrations", "desktop system registrations", "rich media sessions"
    yield types.ROOMS_NEAR, _near(load, rooms, total.rooms, pool.rooms)
    yield types.ROOMS_FULL, _full(rooms, total.rooms, pool.rooms)
    yield types.DESKTOPS_NEAR, _near(load, desktops, total.desktops, pool.desktops)
    yield types.DESKTOPS_FULL, _full(desktops, total.desktops, pool.desktops)
    yield types.RMS_NEAR, _near(load, rich, total.rms, pool.rms)
    yield types.RMS_FULL, _full(rich, total.rms, pool.rms)


def _missed(load: Load) -> Found:
    """Facts 8.2: told in hours on the first day, in days until the licences leave the pool, and after that."""
    parts: dict[int, list[str]] = {0: [], 1: [], 2: []}
    for name, share in load.missed.items():
        if not share.counts:
            parts[2].append(f"{name} ({_brought(share.licences)})")
            continue
        days = share.lost_s >= DAY_S
        lost = _many(share.lost_s // DAY_S, "day") if days else _many(share.lost_s // HOUR_S, "hour")
        left_s = KEPT_S - share.lost_s
        left = _many(left_s / DAY_S, "day") if left_s >= DAY_S else _many(left_s / HOUR_S, "hour")
        words = f"{name} not heard for more than {lost}, {_brought(share.licences)} leave the pool in {left}"
        parts[int(days)].append(words)
    for place, (one, several) in enumerate(
        (
            (types.LICENCES_LOST_HOURS, types.LICENCES_LOST_HOURS_MANY),
            (types.LICENCES_LOST_DAYS, types.LICENCES_LOST_DAYS_MANY),
            (types.LICENCES_GONE, types.LICENCES_GONE_MANY),
        )
    ):
        words = "; ".join(parts[place])
        sentence = f"{words}." if words else ""
        yield (several if len(parts[place]) > 1 else one), sentence


def _many(count: float, unit: str) -> str:
    return f"{count:.0f} {unit}{'' if round(count) == 1 else 's'}"


def _near(load: Load, what: str, used: float, most: int | None) -> str:
    """Warn from the level that is set on; at the limit itself its own alarm stands beside."""
    if not most or not load.warning_level or not most * load.warning_level / 100 <= used:
        return ""
    return f"{used:g} of {most} {what} ({used / most:.0%}); the warning level is {load.warning_level} %."


def _peers(what: str, uses: Mapping[str, int], most: int | None) -> str:
    full = [f"{name} {used}" for name, used in uses.items() if most and used >= most]
    return f"At the limit of {most} {what}: {', '.join(full)}." if full else ""


def _both(sentences: Iterable[str]) -> str:
    return " ".join(filter(None, sentences))


def _full(what: str, used: float, most: int | None) -> str:
    return f"{used:g} of {most} {what}." if most is not None and used and used >= most else ""


def _brought(licences: Licences) -> str:
    named = (("room", licences.rooms), ("desktop", licences.desktops), ("rich media session", licences.rms))
    return ", ".join(f"{count} {kind} licence{'' if count == 1 else 's'}" for kind, count in named if count)
