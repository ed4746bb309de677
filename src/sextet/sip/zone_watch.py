"""Tells the host how zones are: gathers what Kamailio reports, finds causes, says a few times a second what is new."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from sextet.call.zones import Names
from sextet.engine import Host, Wanted
from sextet.model.status import ZoneStatus
from sextet.sip.diagnosis import cause_of
from sextet.sip.events import Named
from sextet.sip.name_checks import address_of, named_by
from sextet.sip.zone_book import REFUSED_S, Report, ZoneBook

TELL_S = 0.2  # between two publications; what comes in between goes together
SILENCE = ("no answer", "the connection was closed")  # reasons that name no cause themselves (kemi/zones/pinging.py)
CAUSES_MAX = 20  # looked for at once


class ZoneWatch:
    """The part of the engine that is about zones; lives in the event loop."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._book = ZoneBook()
        self._wanted: Wanted | None = None
        self._services: Mapping[str, ZoneStatus] = {}
        self._directory: Mapping[str, ZoneStatus] = {}
        self._telling: asyncio.TimerHandle | None = None
        self._forgetting: asyncio.TimerHandle | None = None
        self._looking: dict[tuple[str, str], asyncio.Task[None]] = {}

    def follow(self, wanted: Wanted, names: Names, failures: Mapping[str, str]) -> None:
        """These are the zones now."""
        self._wanted = wanted
        protocols = wanted.config.protocols
        self._book.follow(wanted.config.zones, protocols.sip_mode, names, dict(failures))
        self._soon()

    def replace(self, reports: Sequence[Report]) -> None:
        """Take over everything that Kamailio knows."""
        self._book.replace(reports)
        for report in reports:
            self._find_cause(report)
        self._soon()

    def take(self, report: Report) -> None:
        """Take over one report."""
        self._book.take(report)
        self._find_cause(report)
        self._soon()

    def take_named(self, named: Named) -> None:
        """Take over what an address of a DNS zone showed; what is wrong with it is shown for a while."""
        now_s = time.monotonic()
        if self._book.take_named(named.zone, address_of(named.hop), named_by(named.hop), named.reason, now_s):
            self._soon()
            if named.reason:
                self._later(REFUSED_S + 1)

    def take_services(self, services: Mapping[str, ZoneStatus]) -> None:
        """Take over how all policy services are; none of them has the name of a zone."""
        self._services = services
        self._soon()

    def take_directory(self, directory: Mapping[str, ZoneStatus]) -> None:
        """Take over how the H.350 directory is, where there is one; nothing else has its name."""
        self._directory = directory
        self._soon()

    def stop(self) -> None:
        """Look for no more causes, tell nothing more."""
        for timer in (self._telling, self._forgetting):
            if timer is not None:
                timer.cancel()
        for task in self._looking.values():
            task.cancel()

    def _soon(self) -> None:
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(TELL_S, self._tell)

    def _later(self, seconds: float) -> None:
        """Tell again when the newest refusal is old, at the latest."""
        if self._forgetting is not None:
            self._forgetting.cancel()
        self._forgetting = asyncio.get_running_loop().call_later(seconds, self._soon)

    def _tell(self) -> None:
        self._telling = None
        self._host.zones({**self._services, **self._directory, **self._book.rows(time.monotonic())})

    def _find_cause(self, report: Report) -> None:
        place, zones = (report.zone, report.address.uri), self._wanted.config.zones if self._wanted else ()
        zone = next((one for one in zones if one.name == report.zone), None)
        if report.address.state != "failed" or zone is None or place in self._looking or not zone.peers:
            return
        if len(self._looking) >= CAUSES_MAX or not report.address.reason.startswith(SILENCE):
            return
        assert self._wanted is not None
        trusted = self._wanted.trusted if zone.tls_verify else None
        look = self._look(place, self._wanted.address, trusted, report.address.host)
        task = self._looking[place] = asyncio.create_task(look, name=f"why {report.address.uri} fails")
        task.add_done_callback(lambda _: self._looking.pop(place, None))

    async def _look(self, place: tuple[str, str], address: str, trusted: Path | None, name: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            cause = await cause_of(place[1], address, trusted, name)
            if cause:
                self._book.explain(*place, cause)
                self._soon()
