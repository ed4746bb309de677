"""How every zone is, seen from this peer: what Kamailio found out of its addresses, and what DNS did not say.

Pure: what is configured, what was reported and what was measured come in, rows for administrators come out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sextet.call.zones import NO_NAMES, Names, row_of, service_key
from sextet.model.settings.zones import BY_SERVICE, DNS, ENUM, NEIGHBOR, TRAVERSAL_CLIENT, TRAVERSAL_SERVER, Zone
from sextet.model.status import ZoneAddress, ZoneStatus

Since = Callable[[str, str, str], float]
REFUSED_S = 600.0  # how long an address of a DNS zone is shown that had not the right certificate
REFUSED_MAX = 20  # of one zone; callers choose the domains, so the newest are enough to see what is wrong
REPORTED_MAX = 20_000  # addresses; a thousand zones have six each


@dataclass(frozen=True, slots=True)
class Report:
    """What Kamailio says of one address; a state "gone" means that it is asked no more."""

    zone: str
    address: ZoneAddress


class ZoneBook:
    """Keeps what was reported, and makes the rows."""

    def __init__(self) -> None:
        self._zones: Sequence[Zone] = ()
        self._sip = True
        self._names = NO_NAMES
        self._failures: Mapping[str, str] = {}
        self._reported: dict[tuple[str, str], ZoneAddress] = {}
        self._causes: dict[tuple[str, str], str] = {}
        self._refused: dict[str, dict[tuple[str, str], tuple[float, ZoneAddress]]] = {}  # by DNS zone; the newest last
        self._since: dict[tuple[str, str, str], float] = {}  # zone, address, state -> since when

    def follow(self, zones: Sequence[Zone], sip: bool, names: Names, failures: Mapping[str, str]) -> None:
        """These are the zones, and this is what DNS says of them."""
        self._zones, self._sip, self._names, self._failures = zones, sip, names, failures

    def replace(self, reports: Sequence[Report]) -> None:
        """Forget what was reported before: this is everything."""
        self._reported.clear()
        for report in reports:
            self.take(report)

    def take(self, report: Report) -> None:
        """Note one report."""
        place = report.zone, report.address.uri
        before = self._reported.get(place)
        if report.address.state == "gone":
            self._reported.pop(place, None)
        elif len(self._reported) < REPORTED_MAX or place in self._reported:
            self._reported[place] = report.address
        if report.address.state != "failed" or before is None or before.reason != report.address.reason:
            self._causes.pop(place, None)

    def take_named(self, zone: str, address: str, name: str, reason: str, now_s: float) -> bool:
        """Note what an address of a DNS zone showed instead of the name, "" for nothing; says whether it is news."""
        refused = self._refused.setdefault(zone, {})
        before = refused.pop((name, address), None)
        if reason:
            uri = f"sip:{address};transport=tls"
            since_s = before[1].since_s if before is not None else now_s
            shown = ZoneAddress(host=name, uri=uri, state="refused", since_s=since_s, reason=reason)
            refused[name, address] = now_s, shown
            for oldest in list(refused)[:-REFUSED_MAX]:
                del refused[oldest]
        return bool(reason) or before is not None

    def explain(self, zone: str, uri: str, cause: str) -> None:
        """Say why an address fails, as measured."""
        if (zone, uri) in self._reported:
            self._causes[zone, uri] = cause

    def rows(self, now_s: float) -> dict[str, ZoneStatus]:
        """Give how all zones are."""
        rows, before = {}, self._since
        self._refused = {zone.name: self._refused[zone.name] for zone in self._zones if zone.name in self._refused}
        self._since = {}

        def since(name: str, place: str, state: str) -> float:
            return self._since.setdefault((name, place, state), before.get((name, place, state), now_s))

        for zone in self._zones:
            addresses = tuple(self._addresses(zone, since, now_s))
            state = self._state(zone, addresses)
            rows[zone.name] = ZoneStatus(
                name=zone.name,
                type=zone.type,
                state=state,
                since_s=since(zone.name, "", state),
                addresses=addresses,
            )
        return rows

    def _state(self, zone: Zone, addresses: Sequence[ZoneAddress]) -> str:
        """Facts 7.2; a zone that is not asked is On, since nothing is known of it."""
        if zone.state != "Enabled" or not self._sip:
            return "Off"
        if zone.type in (DNS, ENUM) or (zone.type == NEIGHBOR and not zone.monitor):
            return "On"
        states = {one.state for one in addresses}
        if states & {"active", "maintenance"}:
            return "Active"
        return "Checking" if "checking" in states else "Failed"

    def _addresses(self, zone: Zone, since: Since, now_s: float) -> Iterator[ZoneAddress]:
        if zone.state != "Enabled" or not self._sip or zone.type == ENUM:
            return
        if zone.type == DNS:
            refused = self._refused.get(zone.name, {}) if zone.tls_verify else {}
            yield from (address for last_s, address in refused.values() if now_s - last_s < REFUSED_S)
            return
        if zone.type == TRAVERSAL_SERVER:
            found = [place for place in self._reported if place[0] == zone.name]
            yield from (self._shown(place) for place in sorted(found))
            return
        row = row_of(zone, self._names)
        for place in row.places:
            known = (zone.name, place.uri)
            if known in self._reported:
                yield self._shown(known)
            else:
                state = "checking" if row.monitored else "active"
                since_s = since(zone.name, place.uri, state)
                yield ZoneAddress(host=place.host, uri=place.uri, state=state, since_s=since_s)
        for host in self._nameless(zone):
            reason = self._failures.get(host, "its name has no address")
            since_s = since(zone.name, host, "failed")
            yield ZoneAddress(host=host.rpartition("|")[2], uri="", state="failed", since_s=since_s, reason=reason)

    def _shown(self, place: tuple[str, str]) -> ZoneAddress:
        address = self._reported[place]
        cause = self._causes.get(place)
        return replace(address, reason=f"{address.reason}: {cause}") if cause else address

    def _nameless(self, zone: Zone) -> list[str]:
        """Give what DNS does not know, as it is named in its failures."""
        if zone.type == NEIGHBOR and zone.look_up == BY_SERVICE:
            key = service_key(zone)
            return [] if self._names.services.get(key) else [key]
        if zone.type not in (NEIGHBOR, TRAVERSAL_CLIENT):
            return []
        places = {place.host for place in row_of(zone, self._names).places}
        return [peer.address.lower() for peer in zone.peers if peer.address.lower() not in places]
