"""How zones are, seen from this peer: one row for each, and a cause for each address that is down.

Policy services and the H.350 directory are watched and told as zones are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sextet.cluster.rows.books import DropRow, Effect, PutRow
from sextet.model.status import DIRECTORY_TYPE, POLICY_SERVICE_TYPE, ZoneAddress, ZoneStatus

KIND = "zone"


class ZoneRows:
    """The own rows of zones, by name."""

    def __init__(self) -> None:
        self.own: dict[str, ZoneStatus] = {}

    def seen(self, zones: Mapping[str, ZoneStatus]) -> list[Effect]:
        """Take over how all zones are."""
        gone = [name for name in self.own if name not in zones]
        news = {name: zone for name, zone in zones.items() if self.own.get(name) != zone}
        self.own = dict(zones)
        return [*(DropRow(KIND, name) for name in gone), *(PutRow(KIND, name, zone) for name, zone in news.items())]


def down(zones: Iterable[ZoneStatus]) -> dict[str, str]:
    """Name every address of a zone, and every server of a policy service, that is down, with the measured cause."""
    return {
        f"{zone.name} {address.uri or address.host}": _cause(zone, address)
        for zone in zones
        for address in zone.addresses
        if address.state == "failed" and zone.type != DIRECTORY_TYPE
    }


def directory_down(zones: Iterable[ZoneStatus]) -> str:
    """Say why the H.350 directory cannot be asked; empty while it can, or is off."""
    return " ".join(
        f"{address.host}: {address.reason}."
        for zone in zones
        for address in zone.addresses
        if address.state == "failed" and zone.type == DIRECTORY_TYPE
    )


def _cause(zone: ZoneStatus, address: ZoneAddress) -> str:
    if zone.type == POLICY_SERVICE_TYPE:
        return f"Policy service {zone.name}, {address.host}: {address.reason}."
    return f"Zone {zone.name}, {address.host}: {address.reason}."
