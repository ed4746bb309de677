"""The SIP engine's life with a real Kamailio: adopted, killed, changed, flooded, refused."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sextet.engine import EngineError
from sextet.model.settings.protocols import Domain
from sextet.sip import agent_line, engine, process
from sextet.sip.kemi.script import EVENTS_SOCKET
from sextet.sip.rpc import command
from tests.support.real_lab import eventually
from tests.support.sip_client import Phone
from tests.support.sip_peers import WAIT_S, answered, certificate, peers, phone

pytestmark = pytest.mark.scenario
ALICE, BOB = "alice@apolo.local", "bob@apolo.local"


def test_registrations_and_calls_go_on_without_sextetd_and_its_picture_is_complete_when_it_returns() -> None:
    async def play() -> None:
        async with peers("127.61.2", 1) as at, phone(at, 1, "alice", "tls") as alice, phone(at, 1, "bob") as bob:
            await alice.register()
            await bob.register()
            await at.registered(1, BOB)
            pid = at.engines[1]._process.record.pid
            dialog = answered(await alice.call(BOB))
            await at.engines[1].stop(leave_running=True)
            async with phone(at, 1, "carol") as carol:
                assert (await carol.register()).status == 200
                second = answered(await carol.call(ALICE))
                async with asyncio.timeout(WAIT_S):
                    await at.engine(1).start(at.wanted[1])
                host = at.hosts[1]
                assert at.engines[1]._process.record.pid == pid
                assert set(host.registrations) == {ALICE, BOB, "carol@apolo.local"}
                assert set(host.calls) == {dialog.call_id, second.call_id}
                assert {call.state for call in host.calls.values()} == {"connected"}
                assert (await alice.hang_up(dialog)).status == 200
                await host.until(lambda: dialog.call_id not in host.calls)

    asyncio.run(play())


def test_a_new_secret_is_used_at_once_and_restarts_only_a_kamailio_that_carries_nothing() -> None:
    async def play() -> None:
        async with peers("127.61.2", 1, 2) as at, phone(at, 1, "alice") as alice, phone(at, 2, "bob") as bob:
            pids = [at.engines[number]._process.record.pid for number in (1, 2)]
            await bob.register()
            await at.registered(2, BOB)
            for number in (1, 2):
                assert await at.apply(number, secret=b"of a larger cluster") == ()
            assert at.engines[1]._process.record.pid != pids[0]
            assert at.engines[2]._process.record.pid == pids[1]
            await at.registered(2, BOB)
            dialog = answered(await alice.call(BOB))
            assert (await at.hosts[2].call(dialog)).rule == ""  # proved, so it was not searched for again
            assert (await alice.hang_up(dialog)).status == 200

    asyncio.run(play())


def test_a_new_certificate_is_shown_without_a_restart() -> None:
    async def play() -> None:
        async with peers("127.61.2", 1) as at, phone(at, 1, "alice", "tls") as alice:
            await alice.register()
            before = await asyncio.to_thread(ssl.get_server_certificate, (at.address(1), 5061))
            certificate(at.directory)
            await at.apply(1)
            after = await asyncio.to_thread(ssl.get_server_certificate, (at.address(1), 5061))
            assert before != after
            assert (await alice.register()).status == 200  # over the connection it had

    asyncio.run(play())


def test_what_fails_in_one_process_closes_no_tls_connection_of_another() -> None:
    async def play() -> None:
        async with peers("127.61.2", 1) as at, contextlib.AsyncExitStack() as stack:
            phones = [await stack.enter_async_context(phone(at, 1, "alice", "tls")) for _ in range(4)]
            done = asyncio.Event()

            async def asks(one: Phone) -> None:
                while not done.is_set():
                    assert (await one.request("OPTIONS", f"sip:{at.address(1)}")).status == 200

            async def stranger() -> None:
                while not done.is_set():
                    reader, writer = await asyncio.open_connection(at.address(1), 5061)
                    writer.write(b"GET / HTTP/1.0\r\n\r\n")
                    with contextlib.suppress(OSError):
                        await reader.read()
                    writer.transport.abort()

            tasks = [asyncio.create_task(one) for one in (*map(asks, phones), stranger(), stranger())]
            for _ in range(30):
                await command(at.run_dir(1), "tls.reload")
            done.set()
            await asyncio.gather(*tasks)

    asyncio.run(play())


@pytest.mark.parametrize("which", ["main", "worker"])
def test_a_killed_kamailio_is_started_again_and_phones_register_again(which: str) -> None:
    async def play() -> None:
        async with peers("127.61.2", 1) as at, phone(at, 1, "alice") as alice:
            await alice.register()
            await at.registered(1, ALICE)
            main, host = at.engines[1]._process.record.pid, at.hosts[1]
            session = process.processes_of(main)
            os.kill(main if which == "main" else max(session), signal.SIGKILL)
            await host.until(lambda: "again" in host.states[-1])
            await host.until(lambda: host.states[-1] == "")
            assert host.registrations == {}
            assert (await alice.register()).status == 200
            await host.until(lambda: ALICE in host.registrations)

    asyncio.run(play())


def test_workers_find_who_listens_from_their_first_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What they cannot tell is lost: searches and refusals are read back by nobody."""
    started, listened = process.started, []

    def starting(run_dir: Path, *arguments: Any, **more: Any) -> process.Process:
        listened.append((run_dir / EVENTS_SOCKET).is_socket())
        return started(run_dir, *arguments, **more)

    monkeypatch.setattr(process, "started", starting)

    async def play() -> None:
        async with peers("127.61.2", 1):
            assert listened == [True]

    asyncio.run(play())


def test_a_kamailio_that_starts_again_runs_what_its_sextetd_runs_although_another_version_was_installed_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "sextet"
    shutil.copytree(engine.PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(engine, "PACKAGE", package)

    async def play() -> None:
        async with peers("127.61.2", 1) as at, phone(at, 1, "alice") as alice:
            instructions = package / "sip" / "kemi" / "instructions.py"
            instructions.write_text(instructions.read_text().replace('values["directory"]', 'values["of the future"]'))
            os.kill(at.engines[1]._process.record.pid, signal.SIGKILL)
            host = at.hosts[1]
            await host.until(lambda: "again" in host.states[-1])
            await host.until(lambda: host.states[-1] == "")
            assert (await alice.register()).status == 200

    asyncio.run(play())


def test_what_a_kamailio_that_hung_could_not_be_told_it_is_told_when_it_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(agent_line, "ANSWER_S", 0.2)

    async def play() -> None:
        async with peers("127.61.2", 1) as at, phone(at, 1, "alice", "tls", domain="other.local") as alice:
            session = process.processes_of(at.engines[1]._process.record.pid)
            assert (await alice.register()).status == 403
            before = await asyncio.to_thread(ssl.get_server_certificate, (at.address(1), 5061))
            for pid in session:
                os.kill(pid, signal.SIGSTOP)
            certificate(at.directory)
            config = replace(at.config, domains=(*at.config.domains, Domain(name="other.local")))
            with pytest.raises(EngineError):
                await at.apply(1, config=config)
            for pid in session:
                os.kill(pid, signal.SIGCONT)

            async def follows() -> bool:
                shown = await asyncio.to_thread(ssl.get_server_certificate, (at.address(1), 5061))
                return shown != before and (await alice.register()).status == 200

            await eventually("it follows", follows, wanted=True)

    asyncio.run(play())


def test_garbage_stops_nothing() -> None:
    async def play() -> None:
        async with peers("127.61.2", 1) as at, phone(at, 1, "alice") as alice, phone(at, 1, "bob", "tcp") as bob:
            dice = b"\x00\xff\r\n: ;,<>@" * 30
            for cut in range(1, 300):
                alice.send(dice[:cut])
                alice.send(b"INVITE sip:\xff\xfe@apolo.local SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK"
                           + str(cut).encode() + b"\r\nFrom: <sip:\xff@x>;tag=1\r\nTo: <sip:\xfe@y>\r\nCall-ID: \xff"
                           + str(cut).encode() + b"\r\nCSeq: 1 INVITE\r\nMax-Forwards: 9\r\nContact: <sip:\xff@z>\r\n"
                           b"Content-Length: 0\r\n\r\n")  # fmt: skip
            bob.send(b"REGISTER \x00\xff" * 100 + b"\r\n\r\n")
            pid = at.engines[1]._process.record.pid
            async with phone(at, 1, "bob", "tcp") as second:
                assert (await second.register()).status == 200
            assert (await alice.register()).status == 200
            assert at.engines[1]._process.record.pid == pid

    asyncio.run(play())


def test_a_taken_port_and_a_foreign_address_are_named() -> None:
    async def play() -> None:
        async with peers("127.61.2") as at:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.bind((at.address(1), 5060))
                with pytest.raises(EngineError, match=r"UDP port 5060 of 127\.61\.2\.1"):
                    await at.start(1)

    asyncio.run(play())


def test_a_directory_too_long_for_a_socket_is_named() -> None:
    async def play() -> None:
        async with peers("127.61.2") as at:
            at.directory = at.directory / ("x" * 90)
            with pytest.raises(EngineError, match="too long"):
                await at.start(1)
            at.directory = at.directory.parent

    asyncio.run(play())


def test_secrets_are_in_no_readable_file_and_in_no_argument() -> None:
    async def play() -> None:
        async with peers("127.61.2", 1) as at:
            pid = at.engines[1]._process.record.pid
            assert b"secret" not in Path(f"/proc/{pid}/cmdline").read_bytes()
            code = at.run_dir(1) / "code"
            for path in at.run_dir(1).rglob("*"):
                if path.is_file() and code not in path.parents:
                    assert path.stat().st_mode & 0o077 == 0, path
            if os.geteuid() == 0:
                assert Path(f"/proc/{pid}").stat().st_uid != 0

    asyncio.run(play())
