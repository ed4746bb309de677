"""The baselines: Kamailio with a native script, alone or with its bindings shared by dmq_usrloc."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.cluster import BenchError
from sextet.sip.process import processes_of
from sextet.sip.rendering import CHILDREN

SCRIPT = Path(__file__).with_name("native") / "kamailio.cfg"
UP_S = 15.0
MEMORY = ("-m", "512", "-M", "16")  # as sextet gives


class Native:
    """One running Kamailio with the native script."""

    def __init__(self, address: str, directory: Path, process: subprocess.Popen[bytes]) -> None:
        self.address = address
        self._directory = directory
        self._process = process

    def processes(self) -> list[int]:
        return processes_of(self._process.pid)

    def rpc(self, method: str, *parameters: object) -> Any:
        """Ask over JSON-RPC; raises OSError while it does not serve."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            own = self._directory / f"asking.{os.getpid()}"
            own.unlink(missing_ok=True)
            line.bind(str(own))
            line.settimeout(2.0)
            request = {"jsonrpc": "2.0", "method": method, "params": parameters, "id": 1}
            line.sendto(json.dumps(request).encode(), str(self._directory / "rpc.sock"))
            answer = json.loads(line.recv(1 << 20))
            own.unlink(missing_ok=True)
        return answer.get("result")

    def end(self) -> None:
        """End it with its children."""
        pids = self.processes()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()


@contextlib.contextmanager
def natives(addresses: Sequence[str], directory: Path, users: int) -> Iterator[list[Native]]:
    """Run one bare Kamailio, or several that share their bindings by dmq_usrloc."""
    with _running(addresses, directory, users, "DMQ") as running:
        until = time.monotonic() + UP_S
        while any(_known(one) != len(addresses) for one in running):
            if time.monotonic() > until:
                raise BenchError("the Kamailios with dmq_usrloc do not find each other.")
            time.sleep(0.05)
        yield running


@contextlib.contextmanager
def pair(addresses: Sequence[str], directory: Path, users: int) -> Iterator[list[Native]]:
    """Run two bare Kamailios of which each passes on to the other what it does not know."""
    with _running(addresses, directory, users, "PAIR") as running:
        yield running


@contextlib.contextmanager
def _running(addresses: Sequence[str], directory: Path, users: int, way: str) -> Iterator[list[Native]]:
    running: list[Native] = []
    try:
        for place, address in enumerate(addresses):
            # Each is told of one other; the nodes of dmq tell each other of the rest.
            other = addresses[place - 1] if len(addresses) > 1 else ""
            running.append(_start(address, other, directory / address, users, way))
        yield running
    finally:
        for one in running:
            one.end()
        for address in addresses:
            shutil.rmtree(directory / address, ignore_errors=True)


def _start(address: str, other: str, directory: Path, users: int, way: str) -> Native:
    directory.mkdir(parents=True, exist_ok=True)
    values = {"ADDRESS": address, "OTHER": other, "RUN": directory, "CHILDREN": CHILDREN, "USERS": users}
    text = SCRIPT.read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    (directory / "kamailio.cfg").write_text(("#!KAMAILIO\n" + (f"#!define {way}\n" if other else "")) + text)
    command = ["/usr/sbin/kamailio", "-f", str(directory / "kamailio.cfg"), "-DD", "-E", *MEMORY]
    command += ["-Y", str(directory), "-w", str(directory)]
    with (directory / "log").open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    native = Native(address, directory, process)
    until = time.monotonic() + UP_S
    while True:
        try:
            native.rpc("core.version")
            return native
        except (OSError, ValueError):
            if process.poll() is not None or time.monotonic() > until:
                native.end()
                raise BenchError(f"bare Kamailio does not start: {(directory / 'log').read_text()[-500:]}") from None
            time.sleep(0.05)


def _known(native: Native) -> int:
    """Count the nodes that share bindings, itself too; one without dmq_usrloc is alone."""
    nodes = native.rpc("dmq.list_nodes")
    return sum(node.get("status") == "active" for node in nodes) if isinstance(nodes, list) else 1
