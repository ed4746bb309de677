"""A real sextet cluster for the bench: `sextet lab up`, asked over its local sockets as any program does."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

UP_S = 60.0  # six peers start in some seconds; sixty is a lab that hangs
DOWN_S = 20.0
ANSWER_S = 30.0
LOOK_S = 0.02


class BenchError(Exception):
    """What keeps the bench from measuring; one sentence."""


class Line:
    """One connection to a local socket, kept open while it is used: one JSON line there, one back."""

    def __init__(self, path: str | Path) -> None:
        self._path = str(path)
        self._connect()

    def _connect(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(ANSWER_S)
        self._socket.connect(self._path)
        self._file = self._socket.makefile("rb")

    def ask(self, command: str, **arguments: object) -> Any:
        """Run one command; raises BenchError with what it says instead."""
        line = json.dumps({"command": command, "arguments": arguments, "user": "bench"}).encode() + b"\n"
        try:
            self._socket.sendall(line)
        except BrokenPipeError:  # nothing was asked for a while
            self.close()
            self._connect()
            self._socket.sendall(line)
        answer = json.loads(self._file.readline() or b"{}")
        if not answer.get("ok"):
            raise BenchError(f"`{command}` was not done: {answer.get('error', 'no answer')}")
        return answer["result"]

    def close(self) -> None:
        self._file.close()
        self._socket.close()


class Cluster:
    """A running lab; `started_s` is from the command to a cluster that every peer calls whole."""

    def __init__(self, description: Mapping[str, Any], started_s: float) -> None:
        self.started_s = started_s
        self.peers: list[Mapping[str, Any]] = list(description["peers"])
        self.lines = [Line(peer["socket"]) for peer in self.peers]
        self.lab = Line(description["control"])

    def processes(self) -> list[dict[str, list[int]]]:
        """List the processes of each peer by program: sextetd, kamailio, nats."""
        return [dict(peer["pids"]) for peer in self.lab.ask("describe")["peers"]]

    def set(self, path: str, value: object) -> None:
        """Change a setting and wait until it is in force everywhere."""
        self.in_force(self.lines[0].ask("config set", path=path, value=value)["stamp"])

    def in_force(self, stamp: object) -> None:
        """Wait until every peer has this version in force, asking one peer at a time so that asking costs little."""
        for line in self.lines:
            until = time.monotonic() + UP_S
            while line.ask("cluster status")["in_force"] != stamp:
                if time.monotonic() > until:
                    raise BenchError(f"a change was not in force everywhere within {UP_S:g} s.")
                time.sleep(0.001)

    def whole(self) -> bool:
        """Whether each peer sees all others active and in step."""
        answers = [line.ask("cluster status")["peers"] for line in self.lines]
        return all(len(rows) == len(self.lines) for rows in answers) and all(
            row["clustering_ok"] and row["in_step"] for rows in answers for row in rows
        )

    def close(self) -> None:
        for line in (*self.lines, self.lab):
            line.close()


@contextlib.contextmanager
def cluster(count: int, directory: Path, network: str) -> Iterator[Cluster]:
    """Start a lab and end it; raises BenchError with what it said when it does not start."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    volatile = Path(tempfile.mkdtemp(prefix="bench-", dir=_volatile()))
    for each in (directory, volatile):
        each.chmod(0o755)  # engines run as another user
    (directory / "lab").mkdir()
    (directory / "lab" / "run").symlink_to(volatile)
    told, log = directory / "lab.json", directory / "lab.log"
    command = [str(Path(sys.executable).with_name("sextet")), "lab", "up", "--peers", str(count), "--no-proof"]
    command += ["--network", network, "--dir", str(directory / "lab"), "--json", str(told)]
    began = time.monotonic()
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    made: Cluster | None = None
    try:
        made = _formed(process, told, log, began)
        yield made
    finally:
        if made is not None:
            made.close()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(DOWN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for each in (directory, volatile):
            shutil.rmtree(each, ignore_errors=True)


def _volatile() -> str:
    """Choose where sockets and rendered files go: in memory, as on every real host and in every lab without --dir."""
    return "/run" if os.geteuid() == 0 else os.environ.get("XDG_RUNTIME_DIR", "/tmp")


def _formed(process: subprocess.Popen[bytes], told: Path, log: Path, began: float) -> Cluster:
    made: Cluster | None = None
    while time.monotonic() - began < UP_S:
        if process.poll() is not None:
            raise BenchError(f"the lab does not start: {log.read_text().strip()[-500:]}")
        if made is None and told.exists():
            made = Cluster(json.loads(told.read_text()), 0.0)
        if made is not None and made.whole():
            made.started_s = time.monotonic() - began
            return made
        time.sleep(LOOK_S)
    raise BenchError(f"the cluster was not formed within {UP_S:g} s: {log.read_text().strip()[-500:]}")
