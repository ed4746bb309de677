"""What administrators do with logs: levels and servers follow the settings; diagnostic logging on one or all peers."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from sextet.admin import listings
from sextet.admin.actor import Actor
from sextet.admin.door import Door
from sextet.admin.peers.mesh import peer_name
from sextet.cluster.face import Face
from sextet.cluster.wire.feed import CallFailed
from sextet.engine import Journal
from sextet.model.schema import Problem, Refused
from sextet.watch.diagnostics import DiagnosticsError, Recorder, Recording
from sextet.watch.line import Entry
from sextet.watch.logs import Logs
from sextet.watch.syslog import Syslog

NAME = "diagnostics"  # of the call between peers
LIMIT_S = 8.0  # tcpdump has a second to start, five to stop
MESSAGES_LEVEL = 4  # SIP messages
VERBOSE_LEVEL = 3  # from here on the level is no normal one (facts 11.6)
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\r?\n?", re.DOTALL)


class Peers(Protocol):
    """The way to the other peers."""

    async def ask(self, number: int, name: str, question: bytes, limit_s: float) -> bytes: ...

    def answer(self, name: str, handler: Callable[[bytes], Awaitable[bytes]]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerRecording:
    """How diagnostic logging is on one peer; `sentence` says what became of what was asked, or why it is not known."""

    peer: int
    peer_name: str
    this_system: bool
    ok: bool
    sentence: str
    state: Recording | None = None


class Records:
    """The logs of this peer and diagnostic logging.

    `alarm` raises or lowers 25019 with its cause, `log_messages` has SIP messages told or not.
    """

    def __init__(
        self,
        face: Face,
        door: Door,
        peers: Peers,
        logs: Logs,
        journal: Journal,
        recorder: Recorder,
        syslog: Syslog,
        certificates: tuple[Path, Path],
        alarm: Callable[[bool, str], None],
        log_messages: Callable[[bool], None],
    ) -> None:
        self._face = face
        self._door = door
        self._peers = peers
        self._logs = logs
        self._journal = journal
        self._recorder = recorder
        self._syslog = syslog
        self._certificates = certificates
        self._alarm, self._log_messages = alarm, log_messages
        logs.listeners += [recorder.hear, syslog.send]
        peers.answer(NAME, self._asked)

    async def follow(self) -> None:
        """Keep level, servers and names as the settings say, until cancelled."""
        self.apply()
        async for topics in self._face.changes():
            if "config" in topics:
                self.apply()

    def apply(self) -> None:
        """Make what is saved true."""
        saved = self._face.saved
        self._logs.level = saved.logging.log_level
        system = saved.system
        host = system.dns_host_name or system.name
        if host:
            self._logs.host = self._recorder.host = host
        if system.dns_host_name and system.dns_domain_name:
            self._logs.node = f"{system.dns_host_name}.{system.dns_domain_name}".lower()
        self._syslog.configure(saved.logging.syslog_servers)
        self._judge()

    async def search(
        self, log: str, containing: str, most: int, *, kind: str = "", within_s: float = 0.0
    ) -> Sequence[Entry]:
        """Give the newest lines of a log that contain a text, are of a kind and not older, the newest last."""
        return await asyncio.to_thread(self._logs.search, containing, most, log, kind=kind, within_s=within_s)

    def servers(self) -> list[dict[str, object]]:
        """Say what became of the lines for each remote syslog server."""
        counts = self._syslog.counts.items()
        return [{"server": name, "sent": count.sent, "dropped": count.dropped} for name, count in counts]

    def state(self) -> Recording:
        """How diagnostic logging is on this peer."""
        return self._recorder.state()

    async def start(self, actor: Actor, *, everywhere: bool, capture: bool) -> list[PeerRecording]:
        """Start here, and on all peers where that is wanted."""
        self._door.demand_write(actor, "start diagnostic logging")
        self._say(actor, "started", everywhere)
        return await self._do({"do": "start", "capture": capture}, everywhere)

    async def stop(self, actor: Actor, *, everywhere: bool) -> list[PeerRecording]:
        """Stop here, and on all peers where that is wanted."""
        self._door.demand_write(actor, "stop diagnostic logging")
        self._say(actor, "stopped", everywhere)
        return await self._do({"do": "stop"}, everywhere)

    async def states(self) -> list[PeerRecording]:
        """How it is on every peer."""
        return await self._do({"do": "state"}, True)

    def mark(self, actor: Actor, text: str) -> None:
        """Write a marker into this peer's diagnostic log. Raises Refused."""
        self._door.demand_write(actor, "write a marker")
        try:
            self._recorder.mark(text)
        except DiagnosticsError as error:
            raise Refused(Problem("text", str(error))) from error

    async def archive(self, actor: Actor) -> Path:
        """Pack this peer's diagnostic log and say where it is. Raises Refused."""
        self._door.demand_write(actor, "download diagnostic logs")
        extra = self._beside()
        try:
            return await asyncio.to_thread(self._recorder.archive, extra)
        except DiagnosticsError as error:
            raise Refused(Problem("", str(error))) from error

    async def end(self) -> None:
        """Stop what runs, since the peer stops."""
        if self._recorder.running:
            await self._recorder.stop()
        await self._syslog.stop()

    async def _do(self, wish: dict[str, Any], everywhere: bool) -> list[PeerRecording]:
        members = self._face.status().members
        others = [one for one in members if everywhere and not one.this_system]
        own = next((one for one in members if one.this_system), None)
        number, name = (own.number, peer_name(own)) if own else (0, self._logs.host)
        here = self._result(number, name, True, json.loads(await self._asked(json.dumps(wish).encode())))
        there = await asyncio.gather(*(self._ask(one.number, peer_name(one), wish) for one in others))
        return sorted([here, *there], key=lambda one: one.peer)

    async def _ask(self, number: int, name: str, wish: dict[str, Any]) -> PeerRecording:
        try:
            answer = json.loads(await self._peers.ask(number, NAME, json.dumps(wish).encode(), LIMIT_S))
            return self._result(number, name, False, answer)
        except CallFailed as error:
            why = f"Cannot be asked: {error}."
        except (ValueError, KeyError, TypeError):
            why = "Answered with something that is no answer; is it of another version?"
        return PeerRecording(peer=number, peer_name=name, this_system=False, ok=False, sentence=why)

    def _result(self, number: int, name: str, own: bool, answer: dict[str, Any]) -> PeerRecording:
        return PeerRecording(
            peer=number,
            peer_name=name,
            this_system=own,
            ok=bool(answer["ok"]),
            sentence=str(answer["sentence"]),
            state=Recording(**answer["state"]),
        )

    async def _asked(self, data: bytes) -> bytes:
        """Do what an administrator asked for here or on another peer."""
        try:
            wish = json.loads(data)
            verb, capture = wish["do"], wish.get("capture") is True
        except (ValueError, KeyError, TypeError, AttributeError):
            verb, capture = "", False
        ok, sentence = True, ""
        try:
            match verb:
                case "start":
                    await self._recorder.start(capture=capture)
                    sentence = "Started."
                case "stop":
                    await self._recorder.stop()
                    sentence = "Stopped."
                case "state":
                    sentence = "Running." if self._recorder.running else "Not running."
                case _:
                    ok, sentence = False, "This peer does not know what was asked."
        except DiagnosticsError as error:
            ok, sentence = False, str(error)
        self._judge()
        return json.dumps({"ok": ok, "sentence": sentence, "state": asdict(self._recorder.state())}).encode()

    def _judge(self) -> None:
        self._log_messages(self._recorder.running or self._logs.level >= MESSAGES_LEVEL)
        causes = ["Diagnostic logging runs"] if self._recorder.running else []
        if self._logs.level >= VERBOSE_LEVEL:
            causes.append(f"the log level is {self._logs.level}")
        text = " and ".join(causes)
        self._alarm(bool(causes), f"{text[:1].upper()}{text[1:]}." if text else "")

    def _say(self, actor: Actor, what: str, everywhere: bool) -> None:
        where = "all peers" if everywhere else "this peer"
        self._journal.event("Diagnostic Logging", Detail=f"{what} on {where}", **actor.audit)

    def _beside(self) -> dict[str, bytes]:
        """What helps to read a log: settings with secrets as dots, status, certificates (facts 11.4)."""
        lines = (f"xConfiguration {one.path}: {json.dumps(one.value)}" for one in listings.configuration(self._face))
        status = {
            "cluster": listings.to_plain(self._face.status()),
            "peers": listings.to_plain(self._face.statuses()),
            "alarms": listings.to_plain(listings.alarms(self._face)),
            "calls": listings.to_plain(listings.calls(self._face)),
            "registrations": listings.to_plain(listings.registrations(self._face)),
        }
        files = {
            "xconf_dump.txt": ("\n".join(lines) + "\n").encode(),
            "xstat_dump.json": json.dumps(status, indent=1, ensure_ascii=False).encode(),
        }
        for name, path in zip(("server.pem", "ca.pem"), self._certificates, strict=True):
            try:
                files[name] = b"".join(_CERTIFICATE.findall(path.read_bytes()))  # never a key, wherever it stands
            except OSError as error:
                files[name] = f"{path.name} cannot be read: {error.strerror}\n".encode()
        return files
