"""A peer whose database cannot be used: says so everywhere, changes nothing by itself, and offers the ways back.

Kamailio is left alone: it goes on with the configuration and the locations it was given. Nobody can log in to the
pages, since the accounts are lost too; the page tells what to do on the command line of this host.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Mapping
from typing import Any, Protocol

from sextet import __version__, journal
from sextet.admin import catalogue
from sextet.admin.actor import Actor
from sextet.admin.commands import Log, Registry
from sextet.admin.disk import vault_commands
from sextet.admin.disk.safekeeping import Safekeeping
from sextet.admin.disk.snapshot import Snapshots
from sextet.admin.listings import AlarmLine, AlarmOfPeer
from sextet.bootstrap import Bootstrap
from sextet.cluster.configuration.revisions import StoreDamaged
from sextet.cluster.configuration.system_key import KeyLost
from sextet.cluster.disk.factory_reset import Arming
from sextet.cluster.disk.lost_vault import LostVault
from sextet.cluster.disk.paths import Paths
from sextet.cluster.disk.recovery import Caller
from sextet.console.server import ConsoleServer
from sextet.ending import end
from sextet.engine import Journal
from sextet.model import alarms as types
from sextet.model.alarms import AlarmType
from sextet.watch.event_log import wall_clock
from sextet.web.app import WebError
from sextet.web.notice import NoticeServer

LOOK_S = 5.0  # for an order to renew the system keys
ANSWER_S = 0.5  # an answer has left by then
STOP, RESTART = "stop", "restart"


class Lines(Journal, Log, Protocol):
    """The log of this peer, written and read."""

    def close(self) -> None: ...


class Degraded:
    """What runs in place of the peer."""

    def __init__(self, start: Bootstrap, error: StoreDamaged | KeyLost, log: Lines, socket: str) -> None:
        self._journal = log
        self._arming = Arming(start.state_dir)
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()
        self._ending: asyncio.Future[str] = self._loop.create_future()
        damage, trouble = ("", str(error)) if isinstance(error, KeyLost) else (str(error), "")
        self._alarm: AlarmType = types.SYSTEM_KEY_FAILED if trouble else types.DATABASE_LOAD_FAILED
        self._cause = damage or trouble
        paths = Paths(
            state_dir=start.state_dir,
            certificate=start.certificate,
            private_key=start.private_key,
            trusted=start.trusted,
        )
        caller = Caller(
            address=start.address,
            certificate=start.certificate,
            private_key=start.private_key,
            trusted=start.trusted,
            port=start.recovery_port,
            software=__version__,
        )
        self._vault = LostVault(paths, caller, damage=damage, key_trouble=trouble)
        self.keeping = Safekeeping(
            self._vault,
            log,
            __version__,
            self._vault.host,
            lambda: (0, 0),
            self._restart,
            lambda sentence: None,
            wall_clock,
        )
        snapshots = Snapshots(self._vault, log, self._vault.host, self._seen, wall_clock)
        self._console = ConsoleServer(start.run_dir / socket, self._registry(snapshots))
        self._web = NoticeServer(self._answer, start.address, start.https_port, start.certificate, start.private_key)

    async def run(self) -> str:
        """Serve until told to end, or until a way back was taken; returns how. Raises ConsoleError."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._end, STOP)
        await self._console.start()
        try:
            await self._web.start()
        except WebError as error:  # the command line is what counts here
            self._journal.module("developer.web", "ERROR", str(error))
        self._journal.event("Application Warning", Detail=f"sextet {__version__} without configuration: {self._cause}")
        journal.alarm_raised(self._journal, self._alarm, self._cause)
        looking = asyncio.create_task(self._look_for_orders(), name="orders")
        try:
            return await self._ending
        finally:
            await end((looking,))
            if self._ending.result() == RESTART:
                journal.alarm_lowered(self._journal, self._alarm, self._cause)
            await self._web.stop()
            await self._console.stop()

    def _end(self, how: str) -> None:
        if not self._ending.done():
            self._ending.set_result(how)

    def _restart(self) -> None:
        with contextlib.suppress(OSError):
            self._arming.disarm()  # what was restored or recovered stays
        self._loop.call_later(ANSWER_S, self._end, RESTART)

    async def _look_for_orders(self) -> None:
        while self._vault.key_trouble:
            await asyncio.sleep(LOOK_S)
            if await self._vault.ordered():
                done = await self._vault.recover()
                self._journal.event("System Key Updated", Detail=f"ordered on another peer: {done}")
                self._end(RESTART)
                return

    def _registry(self, snapshots: Snapshots) -> Registry:
        registry = Registry(lambda actor, what: None)  # whoever opens the local socket may do everything
        vault_commands.add_to(registry, self.keeping, snapshots)

        async def status(actor: Actor, given: Mapping[str, Any]) -> object:
            return await self._seen()

        async def alarms(actor: Actor, given: Mapping[str, Any]) -> object:
            return [self._alarm_line()]

        async def tail(actor: Actor, given: Mapping[str, Any]) -> object:
            name = str(given.get("log") or "event")
            return [entry.text for entry in self._journal.tail(int(given.get("lines", 40)), name)]

        async def restart(actor: Actor, given: Mapping[str, Any]) -> object:
            self._restart()
            return {"sentence": "This peer restarts now."}

        registry.add(catalogue.STATUS, status)
        registry.add(catalogue.ALARM_LIST, alarms)
        registry.add(catalogue.LOG_TAIL, tail)
        registry.add(catalogue.PEER_RESTART, restart)
        return registry

    async def _seen(self) -> dict[str, object]:
        return {
            "ready": False,
            "reasons": [self._cause],
            "state": "Failed",
            "sentence": self.keeping.health().sentence,
            "findings": [f"{self._alarm.number} {self._alarm.title}: {self._cause}", *self._ways()],
            "role": "Without configuration",
            "revision": "",
            "registrations": 0,
            "calls": 0,
            "alarms": 1,
        }

    def _ways(self) -> list[str]:
        ways = ["Calls and registrations go on with what Kamailio was given last, as long as it runs."]
        if self._vault.others:
            ways.append("`sextet database recover` fetches the configuration from the primary over TCP 4371.")
        elif self._vault.key_trouble:
            ways.append("`sextet cluster force-system-key-update` makes a new key; lost passwords are set again then.")
        ways.append("`sextet backup restore FILE` restores a backup; the system stands alone afterwards.")
        ways.append("Last resort: `sextet clusterdb-destroy-and-purge-data`, as dangerous as it sounds.")
        return ways

    def _alarm_line(self) -> AlarmLine:
        age_s = self._loop.time() - self._began_s
        here = AlarmOfPeer(
            peer=0,
            peer_name=self._vault.host(),
            detail=self._cause,
            age_s=age_s,
            last_age_s=age_s,
            count=1,
            acknowledged=False,
            stale=False,
        )
        alarm = self._alarm
        return AlarmLine(
            number=alarm.number,
            key="",
            title=alarm.title,
            text=alarm.text,
            action=alarm.action,
            severity=alarm.severity,
            uuid=alarm.uuid,
            peers=(here,),
            acknowledged=False,
            age_s=age_s,
        )

    def _answer(self, path: str) -> tuple[int, str, str]:
        if path == "/livez":
            return 200, "text/plain", "alive\n"
        if path == "/readyz":
            return 503, "text/plain", "not ready: cluster database\n"
        return 503, "text/html", _page(self._vault.host(), self._cause, self._ways(), self._alarm)


def _page(host: str, cause: str, ways: list[str], alarm: AlarmType) -> str:
    def safe(text: str) -> str:
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    items = "".join(f"<li>{safe(way)}</li>" for way in ways)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{safe(host)}: without configuration</title>'
        f"<h1>{safe(host)} runs without its configuration</h1><p>Alarm {alarm.number}, {safe(alarm.title)}: "
        f"{safe(cause)}</p><p>Nobody can log in here, since the accounts are in the same database. On the command line "
        f"of this system:</p><ul>{items}</ul></html>\n"
    )
