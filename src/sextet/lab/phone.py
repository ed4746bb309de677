"""Drive a real phone, baresip, through its control port: register, dial, hang up, count and hear what arrives.

Its control protocol is JSON in netstrings: requests with a token, answers with the same, and events in between.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sextet.lab import audio, children
from sextet.lab.children import Child, start
from sextet.lab.documents import secret_file
from sextet.lab.patience import until
from sextet.model.ip import in_uri

BARESIP = "baresip"  # Debian: baresip-core
CONTROL_PORT = 4444  # on the phone's own address
SIP_PORT = 5060
NETSTRING_BYTES_MAX = 1 << 20  # the longest answer seen is about 1 kB
START_S = 20.0  # it listens 0.1 s after its start on an idle machine
ANSWER_S = 10.0
REGISTER_S = 300  # asked for; the registrar grants less
_REGISTRATION = re.compile(r"^> \S+\s+(OK|ERR)\b", re.MULTILINE)
_PACKETS = re.compile(r"rcvd=(\d+)\s+TX: packets=(\d+)")

CONFIG = """\
poll_method epoll
sip_listen {address}:{port}
net_interface {interface}
dns_server {dns}
audio_player aufile,{directory}/player.wav
audio_source ausine,{tone}
audio_alert aufile,/dev/null
audio_level no
ausrc_srate 48000
ausrc_channels 2
auplay_channels 1
statmode_default off
sndfile_path {directory}
module_path {modules}
module g711.so
module aufile.so
module ausine.so
module sndfile.so
module_tmp uuid.so
module_tmp account.so
module_app ctrl_tcp.so
module_app menu.so
ctrl_tcp_listen {address}:{control}
"""
ACCOUNT = (
    "<sip:{user}@{domain};transport={transport}>;auth_pass={password}{outbound};regint={interval};answermode=auto\n"
)


class PhoneError(Exception):
    """The phone did not do what it was told; the text says what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Who a phone is, and where it registers; without a server it only makes and takes direct calls."""

    user: str
    domain: str
    password: str
    address: str  # the phone's own
    server: str = ""  # name or address
    transport: str = "udp"
    tone_hz: int = 440
    authority: Path | None = None  # PEM, whom it should trust; baresip 1.0 takes others too
    dns: str = "127.0.0.53:53"


class Phone:
    """A running baresip."""

    def __init__(self, line: Line, directory: Path, child: Child) -> None:
        self.line = line
        self._directory = directory
        self._child = child
        self._events: list[dict[str, Any]] = []
        self._heard = asyncio.Condition()
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._tokens = itertools.count(1)
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def registered(self, within_s: float) -> None:
        """Wait until the server accepted the registration; raises PhoneError with what it answered."""

        async def known() -> str:  # asked for, since it may have registered before its control port was open
            return registration(str((await self._command("reginfo")).get("data", "")))

        state, _ = await until(known, within_s)
        if state != "OK":
            why = "was refused" if state else f"got no answer within {within_s:g} s"
            raise PhoneError(f"{self.line.user} {why} when registering; the phone said: {self._child.last_words()}")

    async def call(self, uri: str, within_s: float) -> None:
        """Dial, and wait until it is answered; raises PhoneError with the reason when it ends before."""
        since = len(self._events)
        await self._command("dial", uri)
        event = await self._event(("CALL_ESTABLISHED", "CALL_CLOSED"), within_s, f"call {uri}", since)
        if event["type"] != "CALL_ESTABLISHED":
            raise PhoneError(f"{self.line.user} could not call {uri}: {event.get('param', 'no reason')}")

    async def answered(self, within_s: float) -> None:
        """Wait until a call that came in is up."""
        await self._event(("CALL_ESTABLISHED",), within_s, "take a call", since=0)

    async def hang_up(self) -> None:
        """End the call."""
        await self._command("hangup")

    async def over(self, within_s: float) -> None:
        """Wait until the call has ended, whoever ended it."""
        await self._event(("CALL_CLOSED",), within_s, "see the call end", since=0)

    async def packets(self) -> tuple[int, int]:
        """Count the RTP packets sent and received in this call so far."""
        return packets(str((await self._command("audio_debug")).get("data", "")))

    def heard(self, tone_hz: int) -> bool:
        """Tell whether the end of the last call carried a tone to this phone."""
        recordings = sorted(self._directory.glob("*-dec.wav"), key=lambda path: path.stat().st_mtime_ns)
        return bool(recordings) and audio.hears(recordings[-1], tone_hz)

    async def stop(self) -> None:
        """End the phone; it unregisters when it can."""
        if self._writer is not None:
            with contextlib.suppress(PhoneError, TimeoutError):
                await self._command("quit")
                await asyncio.wait_for(self._child.process.wait(), ANSWER_S)
        await self._child.stop()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()

    async def connect(self) -> None:
        """Reach the control port, which opens a moment after the start; raises PhoneError."""
        deadline = time.monotonic() + START_S
        while self._writer is None:
            try:
                reader, self._writer = await asyncio.open_connection(self.line.address, CONTROL_PORT)
            except OSError as error:
                if not self._child.running or time.monotonic() > deadline:
                    raise PhoneError(f"baresip does not start: {self._child.last_words() or error}") from error
                await asyncio.sleep(0.02)
        self._reading = asyncio.create_task(self._read(reader))

    async def _command(self, command: str, parameters: str = "") -> dict[str, Any]:
        assert self._writer is not None, "connect first"
        token = str(next(self._tokens))
        answer = self._answers[token] = asyncio.get_running_loop().create_future()
        request = json.dumps({"command": command, "params": parameters, "token": token}).encode()
        self._writer.write(b"%d:%s," % (len(request), request))
        try:
            await self._writer.drain()
            return await asyncio.wait_for(answer, ANSWER_S)
        except (TimeoutError, OSError):
            raise PhoneError(f"baresip does not answer to {command}: {self._child.last_words()}") from None
        finally:
            self._answers.pop(token, None)

    async def _event(self, kinds: tuple[str, ...], within_s: float, what: str, since: int) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            return next((event for event in self._events[since:] if event.get("type") in kinds), None)

        try:
            async with asyncio.timeout(within_s), self._heard:
                await self._heard.wait_for(found)
        except TimeoutError:
            last = self._events[-1].get("type", "nothing") if self._events else "nothing"
            raise PhoneError(f"{self.line.user} did not {what} within {within_s:g} s; last heard: {last}") from None
        event = found()
        assert event is not None
        return event

    async def _read(self, reader: asyncio.StreamReader) -> None:
        pending = b""
        while data := await reader.read(65536):
            pending += data
            messages, pending = netstrings(pending)
            for message in messages:
                if message.get("response"):
                    answer = self._answers.get(str(message.get("token")))
                    if answer is not None and not answer.done():
                        answer.set_result(message)
                else:
                    async with self._heard:
                        self._events.append(message)
                        self._heard.notify_all()


async def start_phone(line: Line, directory: Path, user: str | None = None) -> Phone:
    """Start a phone in a directory of its own, as an unprivileged user where one is given; raises PhoneError."""
    for name, text in files(line, directory).items():
        secret_file(directory / name, text)
        if user is not None:
            _give(directory / name, user)
    if user is not None:
        _give(directory, user)
    environment = {"HOME": str(directory), "PATH": "/usr/bin:/bin"}
    try:
        child = await start(line.user, [BARESIP, "-f", directory], directory.parent / f"{line.user}.log",
                            environment=environment, directory=directory, user=user)  # fmt: skip
    except FileNotFoundError:
        raise PhoneError(f"{BARESIP} is not installed; install the Debian package baresip-core") from None
    phone = Phone(line, directory, child)
    try:
        await phone.connect()
    except BaseException:  # cancelled as well: nobody else knows this phone yet
        await phone.stop()
        raise
    return phone


def files(line: Line, directory: Path) -> dict[str, str]:
    """Write the phone's own files, by name."""
    modules = next(
        (path for path in _module_paths() if (path / "ctrl_tcp.so").exists()), Path("/usr/lib/baresip/modules")
    )
    config = CONFIG.format(
        address=in_uri(line.address), interface=line.address, port=SIP_PORT, dns=line.dns, directory=directory,
        tone=line.tone_hz, modules=modules, control=CONTROL_PORT,
    )  # fmt: skip
    trust = f"sip_cafile {line.authority}\n" if line.authority else ""
    outbound = f';outbound="sip:{line.server};transport={line.transport}"' if line.server else ""
    account = ACCOUNT.format(
        user=line.user, domain=line.domain, transport=line.transport, password=line.password, outbound=outbound,
        interval=REGISTER_S if line.server else 0,
    )  # fmt: skip
    return {"config": config + trust, "accounts": account, "contacts": ""}


def netstrings(data: bytes) -> tuple[list[dict[str, Any]], bytes]:
    """Split what arrived into messages and an unfinished rest; raises PhoneError for anything else."""
    messages: list[dict[str, Any]] = []
    while (colon := data.find(b":")) >= 0:
        if not data[:colon].isdigit() or (length := int(data[:colon][:9])) > NETSTRING_BYTES_MAX:
            raise PhoneError("baresip's control port speaks another language")
        end = colon + 1 + length
        if len(data) <= end:
            break
        message = json.loads(data[colon + 1 : end].decode(errors="replace"))
        messages += [message] if isinstance(message, dict) else []
        data = data[end + 1 :]
    return messages, data


def registration(text: str) -> str:
    """Read the state of the phone's one registration: OK, ERR, or nothing while it waits."""
    found = _REGISTRATION.search(children.COLOURS.sub("", text))
    return found[1] if found else ""


def packets(debug: str) -> tuple[int, int]:
    """Read (sent, received) from the phone's own account of its RTP session; zeros before there is one."""
    found = _PACKETS.search(debug)
    return (int(found[2]), int(found[1])) if found else (0, 0)


def _module_paths() -> Iterator[Path]:
    yield Path("/usr/lib/baresip/modules")
    yield from Path("/usr/lib").glob("*/baresip/modules")


def _give(path: Path, user: str) -> None:
    """Hand a file over to the user that the phone runs as."""
    shutil.chown(path, user, user)
