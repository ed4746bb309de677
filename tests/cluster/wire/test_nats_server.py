"""Is nats-server given exactly what it needs, and nobody else more than he needs?"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sextet.cluster.wire import nats_server
from sextet.cluster.wire.nats_server import NatsServer, render
from sextet.engine import EngineError
from tests.support.link_lab import Lines
from tests.support.real_lab import eventually

TEXT = render("p1", Path("/run/sextet/nats"), "own-secret", "peer-secret")


def test_it_listens_on_loopback_only() -> None:
    assert 'host: "127.0.0.1"\nport: -1' in TEXT


def test_remote_peers_may_read_rows_and_ask_questions_but_change_nothing() -> None:
    peer = TEXT[TEXT.index("user: peer") :]
    assert '"$JS.API.STREAM.INFO.KV_live"' in peer and '"rpc.>"' in peer
    assert "$KV" not in peer and "DELETE" not in peer and "PURGE" not in peer and '">"' not in peer


def test_a_name_cannot_break_out_of_its_quotes() -> None:
    assert 'server_name: "a__b__"' in render('a"\nb\\é', Path("/x"), "o", "p")


def test_a_missing_binary_names_the_package(tmp_path: Path) -> None:
    server = NatsServer(
        name="x", run_dir=tmp_path, user=None, journal=Lines(), up=lambda access: None, down=lambda sentence: None,
        binary="/nowhere/nats-server",
    )  # fmt: skip
    with pytest.raises(EngineError, match="Debian package nats-server"):
        asyncio.run(server.start())


@pytest.mark.scenario
def test_a_configuration_that_the_server_refuses_is_not_started(tmp_path: Path) -> None:
    server = NatsServer(
        name="x", run_dir=tmp_path, user=None, journal=Lines(), up=lambda access: None, down=lambda sentence: None,
        binary="/bin/false",
    )  # fmt: skip
    with pytest.raises(EngineError, match="refuses its configuration"):
        asyncio.run(server.start())


def test_a_file_that_is_no_program_is_an_obstacle_that_is_told_once_and_tried_again(tmp_path: Path) -> None:
    binary = tmp_path / "nats-server"
    binary.write_bytes(b"\x7fELF")
    binary.chmod(0o755)
    journal, tries = Lines(), asyncio.Queue[str]()
    server = NatsServer(
        name="x", run_dir=tmp_path, user=None, journal=journal, up=lambda access: None, down=tries.put_nowait,
        binary=str(binary),
    )  # fmt: skip

    async def play() -> None:
        with pytest.raises(EngineError, match="cannot be run"):
            await server.start()
        server.keep_trying("nats-server cannot be run")
        assert [await asyncio.wait_for(tries.get(), 5) for _ in range(3)][1:] == [
            f"{binary} cannot be run: Exec format error"
        ] * 2
        await server.stop()

    asyncio.run(play())
    assert len(journal.lines) == 2


def test_a_check_that_is_given_up_ends_with_its_limit_and_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nats_server, "START_LIMIT_S", 1.0)
    binary, began = tmp_path / "nats-server", tmp_path / "began"
    binary.write_text(f"#!/bin/sh\necho $$ > {began}\nexec sleep 60\n")
    binary.chmod(0o755)
    server = NatsServer(
        name="x", run_dir=tmp_path, user=None, journal=Lines(), up=lambda access: None, down=lambda sentence: None,
        binary=str(binary),
    )  # fmt: skip

    async def play() -> int:
        starting = asyncio.create_task(server.start())

        async def number() -> int | None:
            said = began.read_text() if began.exists() else ""
            return int(said) if said.endswith("\n") else None

        pid = await eventually("the check runs", number)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        await server.stop()
        return pid

    pid = asyncio.run(play())
    assert not Path(f"/proc/{pid}").exists()
