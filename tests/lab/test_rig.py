"""The lab's peers are started, killed, cut and mended, and nothing stays behind; with stand-ins for the real peers."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sextet.lab import documents
from sextet.lab.ask import Failed, Unanswered, ask
from sextet.lab.children import left_behind
from sextet.lab.control import Control
from sextet.lab.patience import until
from sextet.lab.plan import Plan, plan
from sextet.lab.rig import LabError, Rig

ROOT = Path(__file__).resolve().parents[2]
STAND_IN = "tests.support.stand_in_peer"
PARENT = f"""
import asyncio, pathlib, sys
from sextet.lab import children

async def play():
    command = [sys.executable, "-m", "{STAND_IN}", "--bootstrap", sys.argv[1]]
    await children.start("x", command, pathlib.Path(sys.argv[2]))
    await asyncio.Event().wait()

asyncio.run(play())
"""


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Iterator[Plan]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    directory = Path(tempfile.mkdtemp(prefix="lab-"))  # pytest's own are too long for unix sockets
    made = plan(3, directory / "state", directory / "run", "127.77.7")
    documents.write(made, documents.new_secrets(), "", datetime(2030, 1, 1, tzinfo=UTC))
    yield made
    shutil.rmtree(directory)


def with_rig(planned: Plan, play: Callable[[Rig, list[str]], Awaitable[None]]) -> None:
    async def whole() -> None:
        said: list[str] = []
        rig = Rig(planned, said.append, STAND_IN)
        try:
            await rig.start_all()
            await play(rig, said)
        finally:
            await rig.stop_all()

    asyncio.run(whole())
    assert not any(str(planned.state_dir) in line for line in command_lines())


def command_lines() -> Iterator[str]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue


def pid_of(rig: Rig, number: int) -> list[int]:
    pids: list[int] = rig.describe(rig.plan.peers[number - 1])["pids"]["sextetd"]
    return pids


def test_all_peers_start_and_a_killed_one_can_be_started_again(planned: Plan) -> None:
    async def play(rig: Rig, said: list[str]) -> None:
        before = pid_of(rig, 2)
        assert await rig.kill(2) == "Killed sextetd of peer 2 (SIGKILL)."
        assert pid_of(rig, 2) == []
        with pytest.raises(LabError, match="peer 2 has no sextetd running"):
            await rig.kill(2)
        assert "Peer 2 runs" in await rig.start(2)
        assert pid_of(rig, 2) not in ([], before)
        with pytest.raises(LabError, match="peer 2 runs already"):
            await rig.start(2)
        assert said == []  # nothing ended that nobody ended

    with_rig(planned, play)


def test_a_peer_that_serves_phones_over_tls_alone_has_started(planned: Plan) -> None:
    with planned.peers[1].bootstrap.open("a") as written:
        written.write("phones_at = 5061\n")

    async def play(rig: Rig, said: list[str]) -> None:
        assert (await rig.restart(2)).startswith("Peer 2 runs")

    with_rig(planned, play)


def test_a_restart_gives_a_peer_a_new_process(planned: Plan) -> None:
    async def play(rig: Rig, said: list[str]) -> None:
        before = pid_of(rig, 3)
        await rig.restart(3)
        assert pid_of(rig, 3) not in ([], before)

    with_rig(planned, play)


def test_a_cut_is_told_to_both_ends_and_again_to_one_that_was_restarted(planned: Plan) -> None:
    async def play(rig: Rig, said: list[str]) -> None:
        async def blocked() -> list[Any]:
            return [await ask(peer.socket, "blocked") for peer in planned.peers]

        await rig.cut(3, 1)
        assert await blocked() == [[3], [], [1]]
        await rig.restart(1)
        assert await blocked() == [[3], [], [1]]
        assert await rig.heal() == "Healed: 1-3."
        assert await blocked() == [[], [], []]
        assert await rig.heal() == "Nothing is cut."

    with_rig(planned, play)


def test_a_cut_needs_two_peers_of_this_lab_and_one_that_runs(planned: Plan) -> None:
    async def play(rig: Rig, said: list[str]) -> None:
        with pytest.raises(LabError, match="between peer 2 and itself"):
            await rig.cut(2, 2)
        with pytest.raises(LabError, match="the peers 1 to 3, not 4"):
            await rig.cut(1, 4)
        await rig.kill(1)
        await rig.cut(1, 2)
        await rig.kill(2)
        with pytest.raises(LabError, match="neither peer 1 nor peer 2 does it"):
            await rig.heal(1, 2)

    with_rig(planned, play)


def test_a_peer_that_ends_by_itself_is_told_with_its_last_words(planned: Plan) -> None:
    async def play(rig: Rig, said: list[str]) -> None:
        with pytest.raises(Unanswered):
            await ask(planned.peers[0].socket, "leave")

        async def told() -> bool:
            return bool(said)

        assert (await until(told, 5))[0]
        assert said == ["Peer 1 ended by itself (exit 7): it was told to leave"]

    with_rig(planned, play)


def test_a_peer_that_cannot_start_fails_the_lab_with_its_last_words(planned: Plan) -> None:
    planned.peers[1].bootstrap.write_text("this is not TOML")
    with pytest.raises(LabError, match="peer 2 ended: .*TOML"):
        with_rig(planned, lambda rig, said: asyncio.sleep(0))


def test_the_control_socket_is_its_owners_and_answers_sense_to_nonsense(planned: Plan) -> None:
    async def play(rig: Rig, said: list[str]) -> None:
        control = Control(rig, lambda: {"domain": "apolo.local"})
        await control.start(planned.control)
        try:
            assert planned.control.stat().st_mode & 0o777 == 0o600
            status = await ask(planned.control, "status")
            assert [peer["state"] for peer in status["peers"]] == [
                "sees 1 of 2 peers active, primary",
                "sees 1 of 2 peers active",
                "sees 1 of 2 peers active",
            ]
            assert (await ask(planned.control, "describe"))["domain"] == "apolo.local"
            assert "Cut between" in await ask(planned.control, "cut", {"peer": 1, "other": 2})
            assert (await ask(planned.control, "status"))["cuts"] == ["1-2"]
            with pytest.raises(Failed, match="the lab takes status, describe, kill"):
                await ask(planned.control, "explode")
            with pytest.raises(Failed, match="peer must be the number of a peer, not 'x'"):
                await ask(planned.control, "kill", {"peer": "x"})
            for nonsense in (b"", b"[]", b"{", b'{"command": []}', b'{"command": "kill", "arguments": 3}', b"\xff"):
                assert (await control.answer(nonsense))["ok"] is False
        finally:
            await control.stop()

    with_rig(planned, play)


def test_peers_end_when_the_lab_is_killed(planned: Plan) -> None:
    """A child of a killed parent gets SIGTERM: the parent here is a process of its own."""

    async def play() -> tuple[bool, list[int]]:
        peer = planned.peers[0]
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, peer.bootstrap, peer.log)

        async def answers() -> bool:
            try:
                await ask(peer.socket, "status", timeout_s=1)
            except Unanswered:
                return False
            return True

        up, _ = await until(answers, 10)
        process.send_signal(signal.SIGKILL)
        await process.wait()

        async def gone() -> bool:
            return not any(f"{STAND_IN}\0--bootstrap\0{peer.bootstrap}" in line for line in command_lines())

        return up and (await until(gone, 5))[0], left_behind(planned.run_dir)

    assert asyncio.run(play()) == (True, [])


def test_where_one_peer_does_not_start_no_other_one_is_begun_afterwards(planned: Plan) -> None:
    with planned.peers[0].bootstrap.open("a") as written:
        written.write("phones_at = 5999\n")  # where nobody looks: it never counts as started
    planned.peers[2].bootstrap.unlink()

    async def play() -> None:
        rig = Rig(planned, lambda sentence: None, STAND_IN)
        try:
            with pytest.raises(LabError, match="peer 3 ended"):
                await rig.start_all()
            working = [task for task in asyncio.all_tasks() if getattr(task.get_coro(), "__name__", "") == "start"]
            assert working == []
        finally:
            await rig.stop_all()

    asyncio.run(play())
