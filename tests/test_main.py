"""What keeps sextetd from running is one sentence and an exit code, and it leaves alone what another one uses."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

from sextet import main
from sextet.console import client

SENTENCE_LINES = 1


def bootstrap(directory: Path, **values: str) -> Path:
    settings = {
        "address": "127.63.0.9",
        "state_dir": str(directory / "state"),
        "run_dir": str(directory / "run"),
        "certificate": str(directory / "server.pem"),
        "private_key": str(directory / "server.key"),
        "trusted": str(directory / "ca.pem"),
        **values,
    }
    path = directory / "sextetd.toml"
    path.write_text("".join(f'{name} = "{value}"\n' for name, value in settings.items()))
    return path


def refusal(path: Path) -> str:
    """Run sextetd on a bootstrap file with which it cannot run; gives its sentence."""
    command = [sys.executable, "-m", "sextet.main", "--bootstrap", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert not done.stdout
    assert done.stderr.startswith("sextetd: ") and done.stderr.count("\n") == SENTENCE_LINES, done.stderr
    return done.stderr


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert str(tmp_path / "file") in refusal(bootstrap(tmp_path, state_dir=str(tmp_path / "file")))
    assert str(tmp_path / "file") in refusal(bootstrap(tmp_path, run_dir=str(tmp_path / "file" / "run")))


def test_a_second_one_on_the_same_state_is_refused_and_touches_nothing(tmp_path: Path) -> None:
    path = bootstrap(tmp_path)
    state = tmp_path / "state"
    state.mkdir()
    with (state / main.LOCK).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert f"another sextetd uses {state}" in refusal(path)
    assert [one.name for one in state.iterdir()] == [main.LOCK]


def test_with_a_damaged_database_it_says_so_leaves_it_as_it_is_and_goes_on(tmp_path: Path) -> None:
    path = bootstrap(tmp_path)
    (tmp_path / "state").mkdir()
    database = tmp_path / "state" / "config.db"
    database.write_bytes(b"this is no database, although it is long enough to look like one" * 100)
    before = database.read_bytes()
    command = [sys.executable, "-m", "sextet.main", "--bootstrap", str(path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 20
            while not (tmp_path / "run" / main.SOCKET).exists():
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.05)
            answer = client.ask(tmp_path / "run" / main.SOCKET, "status", {}, 10)
            assert f"{database}: the database is damaged" in answer.result["sentence"]
            assert not answer.result["ready"]
            assert client.ask(tmp_path / "run" / main.SOCKET, "alarm list", {}, 10).result[0]["number"] == 15008
        finally:
            process.terminate()
            assert process.wait(10) == 0
    assert database.read_bytes() == before


def test_the_state_is_private_and_engines_may_enter_the_run_directory(tmp_path: Path) -> None:
    state, run = tmp_path / "a" / "state", tmp_path / "b" / "run"
    main.prepare(state, run)
    assert state.stat().st_mode & 0o777 == 0o700
    assert run.stat().st_mode & 0o777 == run.parent.stat().st_mode & 0o777 == 0o711


def test_the_first_password_is_said_at_once() -> None:
    code = "from sextet import main; main.say('secret'); import os; os._exit(0)"
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=buffered).stdout
    assert said == b"secret\n"
