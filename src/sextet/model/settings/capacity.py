"""Maintenance > Options: how large this system is, and which licences it brings into the cluster's pool (facts 8)."""

from __future__ import annotations

from dataclasses import dataclass

from sextet.model.capacity import LICENCES_MAX, PLATFORMS, UNLIMITED
from sextet.model.schema import choice, number, switch


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """Maintenance > Options: capacity class, licences, and when to warn."""

    platform: str = choice(UNLIMITED, (UNLIMITED, *PLATFORMS), label="Capacity class", peer=True,
                           help="As which platform of the original this system counts; Unlimited sets no limit but the host's own.")  # fmt: skip
    licences_counted: bool = switch(False, label="Licences are counted", help="Whether room, desktop and rich media session licences limit registrations and calls.")
    room_licences: int = number(0, 0, LICENCES_MAX, label="Room system licences", peer=True, help="Registrations of room systems that this peer adds to the cluster's pool.")
    desktop_licences: int = number(0, 0, LICENCES_MAX, label="Desktop system licences", peer=True, help="Registrations of desktop systems that this peer adds to the cluster's pool.")
    rms_licences: int = number(0, 0, LICENCES_MAX, label="Rich media session licences", peer=True,
                               help="Video calls with other organisations, or pairs of audio calls, that this peer adds to the cluster's pool.")  # fmt: skip
    warning_level: int = number(90, 0, 100, unit="%", label="Warning activation level", path="ResourceUsage Warning Activation Level",
                                help="The share of a limit at which the capacity warnings are raised; 0 never warns.")  # fmt: skip
