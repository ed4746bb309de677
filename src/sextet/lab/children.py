"""Start processes that end with the lab, end them, and find what they left running."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import re
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sextet.lab.patience import until

STOP_S = 5.0  # a peer ends its engines in well under a second; after this it is killed
PR_SET_PDEATHSIG = 1  # prctl(2)
LOG_TAIL_BYTES = 4096
LAST_LINES = 3  # the cause seldom stands in the very last one
COLOURS = re.compile("\x1b\\[[0-9;]*m")
ENGINES = {"kamailio": "kamailio", "nats": "nats-server"}  # what an administrator calls it, and its program
PROGRAMS = {*ENGINES.values(), "baresip"}
PEER_MODULE = "sextet.main"
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Child:
    """A process that the lab started."""

    name: str
    process: asyncio.subprocess.Process
    log: Path

    @property
    def running(self) -> bool:
        return self.process.returncode is None

    def last_words(self) -> str:
        """Return the last lines it wrote, on one line and without colours."""
        with contextlib.suppress(OSError), self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - LOG_TAIL_BYTES))
            text = COLOURS.sub("", file.read().decode(errors="replace"))
            return "; ".join([line.strip() for line in text.splitlines() if line.strip()][-LAST_LINES:])
        return ""

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    async def stop(self) -> None:
        """End it: asked first, killed when it does not."""
        if self.running:
            self.signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(asyncio.shield(self.process.wait()), STOP_S)
            except TimeoutError:
                self.signal(signal.SIGKILL)
        await self.process.wait()


async def start(
    name: str,
    command: Sequence[str | Path],
    log: Path,
    *,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    user: str | None = None,
) -> Child:
    """Start a process in a session of its own: Ctrl-C reaches only the lab; when the lab dies it gets SIGTERM."""
    parent = os.getpid()

    def end_with_the_lab() -> None:
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # the lab ended in between
            os.kill(os.getpid(), signal.SIGTERM)

    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=None if environment is None else dict(environment),
            cwd=directory,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            start_new_session=True,
            preexec_fn=end_with_the_lab,
        )
    finally:
        os.close(output)
    return Child(name, process, log)


def engines(run_dir: Path, engine: str) -> list[int]:
    """List the processes of a peer's engine, children too: they have the peer's directory on their command line."""
    program = ENGINES[engine]
    return [pid for pid, words in _processes() if Path(words[0]).name == program and _names(words, run_dir)]


def left_behind(*directories: Path) -> list[int]:
    """List the processes of a lab in these directories that still run: peers, engines and phones."""
    return [
        pid
        for pid, words in _processes()
        if (Path(words[0]).name in PROGRAMS or PEER_MODULE in words)
        and any(_names(words, directory) for directory in directories)
    ]


def kill(pids: Sequence[int], number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to processes; those that ended meanwhile do not matter."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


async def sweep(*directories: Path) -> list[int]:
    """End what a lab in these directories left running, asked first, then killed; returns those there were."""
    found = left_behind(*directories)
    if not found:
        return found
    kill(found, signal.SIGTERM)

    async def gone() -> bool:
        return not left_behind(*directories)

    if not (await until(gone, STOP_S))[0]:
        kill(left_behind(*directories))
        await until(gone, STOP_S)
    return found


def _names(words: Sequence[str], directory: Path) -> bool:
    return any(word == str(directory) or word.startswith(f"{directory}/") for word in words[1:])


def _processes() -> Iterator[tuple[int, list[str]]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
                if words:
                    yield int(entry.name), words
