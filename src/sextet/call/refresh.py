"""How long registrations of one kind last (facts 5.8)."""

from __future__ import annotations

from dataclasses import dataclass

from sextet.model.settings.protocols import Protocols


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """How long registrations of one kind last."""

    strategy: str
    minimum_s: int
    maximum_s: int


def standard(protocols: Protocols) -> Refresh:
    """Say it of devices with one connection, or none that stays."""
    return Refresh(
        strategy=protocols.standard_refresh_strategy,
        minimum_s=protocols.standard_refresh_minimum,
        maximum_s=protocols.standard_refresh_maximum,
    )


def outbound(protocols: Protocols) -> Refresh:
    """Say it of devices that keep their connections up (RFC 5626)."""
    return Refresh(
        strategy=protocols.outbound_refresh_strategy,
        minimum_s=protocols.outbound_refresh_minimum,
        maximum_s=protocols.outbound_refresh_maximum,
    )
