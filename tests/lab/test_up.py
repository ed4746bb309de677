"""The lab as people and programs use it: one command starts it, proves it, breaks it, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sextet.lab.children import left_behind

NETWORK = "127.77.8"
READY_S = 60
END_S = 20
pytestmark = pytest.mark.scenario


@pytest.fixture
def directory() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="lab-"))  # pytest's own are too long, and closed to the engines' user
    made.chmod(0o711)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def sextet(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sextet.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=READY_S)


class Lab:
    """A lab in a process of its own."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory, self.facts = directory, directory / "lab.json"
        self.output = (directory / "output").open("w+")
        command = [sys.executable, "-m", "sextet.cli", "lab", "up", "--network", NETWORK, "--dir", str(directory)]
        self.process = subprocess.Popen(
            [*command, "--json", str(self.facts), *options], stdout=self.output, stderr=self.output
        )

    def ready(self) -> dict[str, Any]:
        deadline = time.monotonic() + READY_S
        while not self.facts.exists() and self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert self.facts.exists(), self.said()
        facts: dict[str, Any] = json.loads(self.facts.read_text())
        return facts

    def said(self) -> str:
        return (self.directory / "output").read_text()

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        try:
            return self.process.wait(END_S)
        finally:
            self.output.close()

    def tell(self, *arguments: str) -> str:
        done = sextet("lab", *arguments, "--dir", self.directory)
        assert done.returncode == 0, done.stderr
        return done.stdout


def test_a_lab_proves_itself_and_ctrl_c_leaves_no_process(directory: Path) -> None:
    lab = Lab(directory, "--peers", "3")
    try:
        facts = lab.ready()
    finally:
        code = lab.end()
    assert [step["claim"] for step in facts["proof"] if not step["ok"]] == [], lab.said()
    assert len(facts["proof"]) == 11
    assert code == 0
    assert left_behind(directory / "run", directory / "state") == []
    assert "no process of it runs any more" in lab.said()
    assert facts["administrator"]["password"] in lab.said()
    assert lab.facts.stat().st_mode & 0o777 == 0o600
    assert all(account["password"] not in lab.said() for account in facts["accounts"])


def test_a_lab_is_broken_and_mended_while_it_runs(directory: Path) -> None:
    lab = Lab(directory, "--peers", "2", "--no-proof")
    try:
        facts = lab.ready()
        assert [step["ok"] for step in facts["proof"]] == [True]  # formed, but no call
        before = [peer["pids"] for peer in facts["peers"]]
        assert all(before[1][part] for part in ("sextetd", "kamailio", "nats"))
        assert "Killed sextetd of peer 2" in lab.tell("kill", "2")
        assert json.loads(lab.tell("status", "-o", "json"))["peers"][1]["pids"]["kamailio"] == before[1]["kamailio"]
        assert "Peer 2 runs" in lab.tell("start", "2")
        assert "Cut between peer 1 and peer 2" in lab.tell("cut", "1-2")
        assert json.loads(lab.tell("status", "-o", "json"))["cuts"] == ["1-2"]
        assert "Healed: 1-2" in lab.tell("heal")
        second = sextet("lab", "up", "--dir", directory)
        assert second.returncode == 2
        assert f"another lab runs in {directory}/run (process {lab.process.pid})" in second.stderr
    finally:
        assert lab.end(signal.SIGTERM) == 0


def test_a_lab_that_was_killed_leaves_nothing_that_the_next_one_cannot_clear(directory: Path) -> None:
    first = Lab(directory, "--peers", "1", "--no-proof")
    (peer,) = first.ready()["peers"]
    os.kill(peer["pids"]["sextetd"][0], signal.SIGKILL)  # its Kamailio lives on
    first.end(signal.SIGKILL)
    assert left_behind(directory / "run")
    first.facts.unlink()
    second = Lab(directory, "--peers", "1", "--no-proof")
    try:
        second.ready()
        assert "that an earlier lab had left running" in second.said()
    finally:
        assert second.end() == 0
    assert left_behind(directory / "run", directory / "state") == []


def test_a_kept_lab_goes_on_with_its_passwords(directory: Path) -> None:
    seen = []
    for options in ((), ("--keep",), ()):
        lab = Lab(directory, "--peers", "1", "--no-proof", *options)
        seen.append(lab.ready()["administrator"]["password"])
        assert lab.end() == 0
        lab.facts.unlink()
    assert seen[0] == seen[1] != seen[2]
    other = sextet("lab", "up", "--keep", "--peers", "2", "--dir", directory, "--network", NETWORK)
    assert (other.returncode, "has 1 peers; keep it with --peers 1" in other.stderr) == (2, True)


def test_a_lab_that_cannot_start_here_is_refused_in_one_sentence_and_nothing_is_changed(directory: Path) -> None:
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((f"{NETWORK}.2", 5061))
        held.listen()
        done = sextet("lab", "up", "--network", NETWORK, "--dir", directory)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"refused: TCP port 5061 on {NETWORK}.2 is taken by ")
    assert f"(process {os.getpid()})" in done.stderr
    assert not (directory / "state").exists()


def test_a_directory_with_other_things_in_it_is_never_emptied(directory: Path) -> None:
    (directory / "state").mkdir()
    (directory / "state" / "thesis").write_text("years of work")
    done = sextet("lab", "up", "--network", NETWORK, "--dir", directory)
    assert (done.returncode, "holds something that is not a lab's" in done.stderr) == (2, True)
    assert (directory / "state" / "thesis").read_text() == "years of work"


@pytest.mark.parametrize("count", ["0", "7", "-1"])
def test_a_number_of_peers_out_of_range_is_refused(directory: Path, count: str) -> None:
    done = sextet("lab", "up", "--peers", count, "--dir", directory)
    assert (done.returncode, done.stderr) == (2, f"refused: a cluster has 1 to 6 peers, not {count}.\n")


def test_commands_without_a_lab_say_how_to_start_one(directory: Path) -> None:
    done = sextet("lab", "status", "--dir", directory)
    assert (done.returncode, "start one with `sextet lab up`" in done.stderr) == (6, True)
