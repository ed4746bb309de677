"""Copies of lines to remote servers: real sockets on loopback, servers that are away, slow, or come back."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sextet.lab.authority import issue, new_authority
from sextet.model.settings.system import SyslogServer
from sextet.streams import StreamServer
from sextet.watch import syslog
from sextet.watch.logs import ADMINISTRATOR, Said
from sextet.watch.syslog import Syslog, message

ADDRESS = "127.85.0.9"
MOMENT = datetime(2020, 8, 12, 19, 57, 43, 524000, tzinfo=UTC)
TEXT = '2020-08-12T19:57:43.524+00:00 expc01 alarm: Level="WARN" Event="Alarm Raised" Id="20006"'
SAID = Said(MOMENT, "expc01", "Alarm Raised", TEXT, 4, ADMINISTRATOR, True)


class Desk:
    """Remembers what was told about servers."""

    def __init__(self, **more: int) -> None:
        self.troubles: list[tuple[str, str]] = []
        self.log = Syslog(Path("/nowhere"), lambda server, trouble: self.troubles.append((server, trouble)), **more)


async def until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while True:
            if look():
                return
            await asyncio.sleep(0.005)


def run(play: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(20):
            await play()

    asyncio.run(limited())


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syslog, "RETRY_S", 0.01)


class Server:
    """A syslog server over TCP that keeps what it reads."""

    def __init__(self) -> None:
        self.data = b""
        self.port = 0
        self._server = StreamServer(self._serve)

    async def start(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self._server.listen(ADDRESS, port, tls)
        _, self.port = self._server.address

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            self.data += data

    async def stop(self) -> None:
        await self._server.stop()

    @property
    def messages(self) -> list[bytes]:
        """Take the frames apart as RFC 6587 3.4.1 says."""
        found, rest = [], self.data
        while match := re.match(rb"(\d+) ", rest):
            end = match.end() + int(match[1])
            found.append(rest[match.end() : end])
            rest = rest[end:]
        assert not rest
        return found


def test_a_line_reads_as_rfc_5424_wants_it() -> None:
    assert message(SAID) == (
        b"<132>1 2020-08-12T19:57:43.524+00:00 expc01 alarm - AlarmRaised - "
        b'Level="WARN" Event="Alarm Raised" Id="20006"'
    )
    chinese = message(replace(SAID, text=TEXT + ' Detail="會議室"'))
    assert b" - \xef\xbb\xbfLevel=" in chinese and chinese.decode().endswith('"會議室"')
    nameless = message(replace(SAID, host="", text='x y UTCTime="1"'))
    assert nameless == b'<132>1 2020-08-12T19:57:43.524+00:00 TANDBERG sextet - AlarmRaised - UTCTime="1"'


def test_tcp_gets_each_line_with_its_length_and_only_what_is_severe_enough() -> None:
    async def play() -> None:
        server, desk = Server(), Desk()
        await server.start()
        desk.log.configure([SyslogServer(address=ADDRESS, port=server.port, transport="TCP", level="warning")])
        for severity in (3, 6, 4):
            desk.log.send(replace(SAID, severity=severity))
        desk.log.send(replace(SAID, severity=1, wanted=False))
        await until(lambda: server.data.count(b"AlarmRaised") == 2)
        assert [data[:5] for data in server.messages] == [b"<131>", b"<132>"]
        await desk.log.stop()
        await server.stop()

    run(play)


def test_udp_gets_one_datagram_for_each_line() -> None:
    async def play() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind((ADDRESS, 0))
            udp.setblocking(False)
            desk = Desk()
            desk.log.configure([SyslogServer(address=ADDRESS, port=udp.getsockname()[1])])
            desk.log.send(SAID)
            desk.log.send(replace(SAID, text=TEXT + "x" * 5000))
            loop = asyncio.get_running_loop()
            assert await loop.sock_recv(udp, 9000) == message(SAID)
            assert len(await loop.sock_recv(udp, 9000)) == syslog.DATAGRAM_BYTES_MAX
            await desk.log.stop()

    run(play)


def test_a_server_that_is_away_stops_nothing_is_told_once_it_is_and_gets_all_that_fits_when_it_returns() -> None:
    async def play() -> None:
        server, desk = Server(), Desk(queue_max=3)
        await server.start()
        await server.stop()
        port = server.port
        desk.log.configure([SyslogServer(address=ADDRESS, port=port, transport="TCP")])
        for number in range(5):
            desk.log.send(replace(SAID, name=f"N{number}"))
        name = f"{ADDRESS} port {port} TCP"
        await until(lambda: bool(desk.troubles))
        assert desk.troubles[0][0] == name and "refused" in desk.troubles[0][1].lower()
        assert desk.log.counts[name].dropped == 2
        await server.start(port)
        await until(lambda: b"N2" in server.data)
        assert b"2 lines were not sent" in server.messages[0]
        assert [data.split()[5] for data in server.messages[1:]] == [b"N0", b"N1", b"N2"]
        assert desk.troubles[-1] == (name, "")
        await desk.log.stop()
        await server.stop()

    run(play)


def test_a_sender_that_is_stopped_while_it_has_nothing_to_send_leaves_no_task_behind() -> None:
    async def play() -> None:
        desk, server = Desk(), Server()
        await server.start()
        desk.log.configure((SyslogServer(address=ADDRESS, port=server.port, transport="TCP"),))
        desk.log.send(SAID)
        await until(lambda: len(server.messages) == 1)
        await desk.log.stop()
        left = [repr(task) for task in asyncio.all_tasks() if "_Sender" in repr(task)]
        await server.stop()
        assert left == []

    run(play)


def test_a_server_that_goes_away_between_lines_is_noticed() -> None:
    async def play() -> None:
        server, desk = Server(), Desk()
        await server.start()
        desk.log.configure([SyslogServer(address=ADDRESS, port=server.port, transport="TCP")])
        desk.log.send(SAID)
        await until(lambda: bool(server.data))
        await server.stop()
        await until(lambda: bool(desk.troubles) and bool(desk.troubles[-1][1]))
        await desk.log.stop()

    run(play)


@pytest.mark.parametrize(
    ("names", "trouble"), [([ADDRESS], ""), (["127.85.0.10"], "IP address mismatch"), (None, "self-signed certificate")]
)
def test_tls_sends_to_a_server_whose_certificate_is_trusted_and_has_its_name_and_to_no_other(
    tmp_path: Path, names: list[str] | None, trouble: str
) -> None:
    now = datetime.now(UTC)  # certificates speak of moments
    authority = new_authority("syslog", now)
    (tmp_path / "trusted.pem").write_bytes(authority.pem)
    issued = issue(authority if names else None, names or [ADDRESS], now, common_name="syslog")
    issued.write(tmp_path / "server.pem", tmp_path / "key.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "key.pem")

    async def play() -> None:
        server, told = Server(), []
        await server.start(tls=context)
        log = Syslog(tmp_path / "trusted.pem", lambda name, words: told.append(words))
        log.configure([SyslogServer(address=ADDRESS, port=server.port, transport="TLS")])
        log.send(SAID)
        if trouble:
            await until(lambda: bool(told) and trouble in told[0])
            assert not server.data
        else:
            await until(lambda: bool(server.data))
            assert server.messages == [message(SAID)] and told[0] == ""
        await log.stop()
        await server.stop()

    run(play)


def test_tls_to_a_server_without_a_trusted_certificate_sends_nothing(tmp_path: Path) -> None:
    async def play() -> None:
        server, desk = Server(), Desk()
        await server.start()  # it speaks no TLS at all
        (tmp_path / "ca.pem").write_text("")
        desk.log.configure([SyslogServer(address=ADDRESS, port=server.port, transport="TLS")])
        desk.log.send(SAID)
        await until(lambda: bool(desk.troubles))
        assert b"Alarm" not in server.data
        await desk.log.stop()
        await server.stop()

    run(play)


def test_a_server_that_is_removed_is_no_trouble_any_more() -> None:
    async def play() -> None:
        desk = Desk()
        desk.log.configure([SyslogServer(address=ADDRESS, port=1, transport="TCP")])
        await until(lambda: bool(desk.troubles))
        desk.log.configure([])
        assert desk.troubles[-1][1] == "" and desk.log.counts == {}
        await desk.log.stop()

    run(play)
