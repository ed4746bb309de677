"""How much a cluster may carry: the guide's platforms, what several of them hold together, and who needs which licence.

A cluster holds min(peers, 4) times one unit; the fifth and sixth peer add resilience only, and a Small VM adds nothing
at all (guide, "容量"; facts 8.3). Calls are counted in video calls: an audio call is half of one, on a Small VM a whole
one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

UNLIMITED = "Unlimited"
COUNTING_PEERS_MAX = 4  # guide, "容量"
LICENCES_MAX = 100_000  # no platform carries more; keeps a typing error from looking like a licence
# SIP devices that need a desktop licence; everything else needs a room licence (facts 8.1).
_DESKTOP = re.compile(r"\b(EX60|EX90|DX70|DX80|Movi)\b", re.IGNORECASE)
# What is counted like bandwidth, one of each for the whole cluster, and those ending in "here" for this peer alone.
CALLS_HERE, CALLS, RMS = "count/calls here", "count/calls", "count/rich media sessions"
REGISTRATIONS_HERE, REGISTRATIONS = "count/registrations here", "count/registrations"
ROOMS, DESKTOPS = "count/room systems", "count/desktop systems"
PROXIED_HERE, PROXIED = "count/proxied registrations here", "count/proxied registrations"
HERE = (CALLS_HERE, REGISTRATIONS_HERE, PROXIED_HERE)
AUDIO_SHARE = 2  # audio calls that count as one video call (facts 8.1)
AUDIO_CALL = "units of an audio call"  # stands beside the limits of calls where it is not one: as many as a video call


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What one system of a platform carries by itself; `proxied_max` is what a whole cluster of them carries."""

    registrations: int
    calls: int  # video calls
    rms: int
    proxied: int
    proxied_max: int
    relays: int  # TURN
    audio_share: int = AUDIO_SHARE  # audio calls in the place of one video call
    scales: bool = True


# Facts 8.3, X14.0, whose cluster of four is the guide's table. The proxied column is no multiple of the single value.
PLATFORMS = {
    "CE1200": Unit(registrations=5000, calls=500, rms=500, proxied=7000, proxied_max=20_000, relays=6000),
    "Large VM": Unit(registrations=5000, calls=500, rms=500, proxied=3500, proxied_max=10_000, relays=6000),
    "Medium VM": Unit(registrations=2500, calls=100, rms=100, proxied=3000, proxied_max=10_000, relays=1800),
    "Small VM": Unit(
        registrations=2000, calls=40, rms=75, proxied=200, proxied_max=200, relays=1800, audio_share=1, scales=False
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What may be there at once; None is no limit."""

    registrations: int | None = None
    calls: int | None = None  # video calls
    rms: int | None = None
    proxied: int | None = None
    relays: int | None = None
    audio_share: int = AUDIO_SHARE


@dataclass(frozen=True, slots=True, kw_only=True)
class Licences:
    """Licences of one peer, or of a pool."""

    rooms: int = 0
    desktops: int = 0
    rms: int = 0

    def __add__(self, other: Licences) -> Licences:
        return _added(self, other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What one peer carries at a moment, or all of them together."""

    registrations: int = 0  # aliases with a device, of any kind
    rooms: int = 0
    desktops: int = 0
    proxied: int = 0
    video: int = 0  # calls
    audio: int = 0
    rms_video: int = 0  # those of the calls that need a rich media session
    rms_audio: int = 0

    def __add__(self, other: Use) -> Use:
        return _added(self, other)

    def calls(self, audio_share: int) -> float:
        """In video calls."""
        return self.video + self.audio / audio_share

    @property
    def rms(self) -> int:
        """In rich media sessions: two audio calls share one."""
        return self.rms_video + -(-self.rms_audio // AUDIO_SHARE)


Counts = TypeVar("Counts", Licences, Use)


def alone(platform: str) -> Limits:
    """Give the limits of one system."""
    unit = PLATFORMS.get(platform)
    if unit is None:
        return Limits()
    return Limits(
        registrations=unit.registrations, calls=unit.calls, rms=unit.rms, proxied=unit.proxied, relays=unit.relays,
        audio_share=unit.audio_share,
    )  # fmt: skip


def together(platforms: Sequence[str]) -> Limits:
    """Give the limits of a cluster by the class of each of its peers; the least of them counts for all.

    A cluster wants one class (facts 1.3): while the classes differ, nobody may be promised more than its peer carries.
    """
    units = [PLATFORMS[name] for name in platforms if name in PLATFORMS]
    if not units:
        return Limits()
    counting = min(len(platforms), COUNTING_PEERS_MAX) if all(unit.scales for unit in units) else 1
    return Limits(
        registrations=counting * min(unit.registrations for unit in units),
        calls=counting * min(unit.calls for unit in units),
        rms=counting * min(unit.rms for unit in units),
        proxied=min(counting * min(unit.proxied for unit in units), min(unit.proxied_max for unit in units)),
        relays=counting * min(unit.relays for unit in units),
        audio_share=min(unit.audio_share for unit in units),
    )


def limits_of(unit: Limits, cluster: Limits, pool: Licences | None) -> dict[str, int]:
    """Name what is counted and how much of it may be there; calls and rich media sessions count in halves of one."""
    rms = [most for most in (cluster.rms, pool.rms if pool else None) if most is not None]
    most = {
        CALLS_HERE: None if unit.calls is None else unit.calls * AUDIO_SHARE,
        CALLS: None if cluster.calls is None else cluster.calls * AUDIO_SHARE,
        RMS: min(rms) * AUDIO_SHARE if rms else None,
        REGISTRATIONS_HERE: unit.registrations,
        REGISTRATIONS: cluster.registrations,
        PROXIED_HERE: unit.proxied,
        PROXIED: cluster.proxied,
        ROOMS: pool.rooms if pool else None,
        DESKTOPS: pool.desktops if pool else None,
        AUDIO_CALL: AUDIO_SHARE if min(unit.audio_share, cluster.audio_share) == 1 else None,
    }
    return {name: limit for name, limit in most.items() if limit is not None}


def needs_desktop(user_agent: str, protocol: str = "SIP") -> bool:
    """Say whether a registration needs a desktop licence rather than a room licence; every H.323 one is a room's."""
    return protocol == "SIP" and _DESKTOP.search(user_agent) is not None


def _added(one: Counts, other: Counts) -> Counts:
    return type(one)(**{field.name: getattr(one, field.name) + getattr(other, field.name) for field in fields(one)})
