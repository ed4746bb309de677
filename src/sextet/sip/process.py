"""One running Kamailio: started or adopted, watched through a pidfd, ended with everything it forked.

It outlives sextetd. What is needed to find it again lies in `running.json`: process id, its start time (a process id
alone may be somebody else's by now), and what it was started with.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sextet.engine import EngineError
from sextet.sip.run_dir import SOCKETS, Account, write_private

SHARED_MIB = 512  # 1.2 kB a registration, 71 kB a TLS connection (measured); memory that is not used costs nothing
PRIVATE_MIB = 16
CHECK_S = 30.0  # for `kamailio -c`; it needs 0.1 s
END_S = 5.0  # until a Kamailio that was asked to end is killed; it needs 20 ms
LOG_BYTES_MAX = 8 << 20  # a flood of garbage writes as much in a few seconds
RECORD = "running.json"
_LEFT_RUNNING: dict[int, subprocess.Popen[bytes]] = {}  # children let go of on purpose; Popen complains of any it loses
LOG = "kamailio.log"
# In the C locale regular expressions take the short way; text that Python reads is UTF-8 all the same.
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin", "LC_ALL": "C", "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONNOUSERSITE": "1",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What identifies a running Kamailio, and what it runs with."""

    pid: int
    started: int  # clock ticks since boot, from /proc
    code: str  # digest of the code its workers loaded
    secret: str  # digest of what its nonces are made with
    address: str
    settings: dict[str, str]  # rendering.at_restart


def binary(path: str = "/usr/sbin:/usr/local/sbin:/usr/bin") -> str:
    """Find Kamailio; raises EngineError naming the Debian packages."""
    found = shutil.which("kamailio", path=path)
    if found is None:
        raise EngineError(
            "starting Kamailio: it is not installed; `apt install kamailio kamailio-python3-modules "
            "kamailio-tls-modules kamailio-extra-modules`"
        )
    return found


class Process:
    """A Kamailio that runs; `on_end` is called once when it does not any more."""

    def __init__(self, run_dir: Path, record: Record, child: subprocess.Popen[bytes] | None, pidfd: int) -> None:
        self.record = record
        self._run_dir = run_dir
        self._child = child
        self._pidfd = pidfd
        self._ended = asyncio.Event()
        self._on_end: Callable[[], None] | None = None
        asyncio.get_running_loop().add_reader(pidfd, self._ended_now)

    @property
    def running(self) -> bool:
        return not self._ended.is_set()

    def watch(self, on_end: Callable[[], None]) -> None:
        """Call this when the process ends."""
        self._on_end = on_end

    async def end(self) -> None:
        """End it and everything it forked."""
        self._on_end = None
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), END_S)
        self.sweep()
        if self.running:
            await self._ended.wait()
        (self._run_dir / RECORD).unlink(missing_ok=True)
        self.let_go()

    def sweep(self) -> None:
        """Kill what is left of its session: the children of a main process that was killed go on without it."""
        for pid in processes_of(self.record.pid):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)

    def let_go(self) -> None:
        """Stop watching; the process is not touched."""
        if self._pidfd >= 0:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1
        if self._child is not None and self.running:
            _LEFT_RUNNING[self._child.pid] = self._child

    def how_it_ended(self) -> str:
        """Say the cause, as far as a parent is told."""
        code = self._child.poll() if self._child is not None else None
        if code is None:
            return "ended"
        return f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"

    def _ended_now(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        self._ended.set()
        if self._child is not None:
            self._child.poll()
        if self._on_end is not None:
            self._on_end()


def checked(run_dir: Path, account: Account | None) -> None:
    """Let Kamailio check its rendered configuration; raises EngineError with its first complaint."""
    arguments = [binary(), "-c", "-f", str(run_dir / "kamailio.cfg"), "-Y", str(run_dir / SOCKETS)]
    uid, gid, groups = _identity(account)
    done = subprocess.run(
        arguments,
        capture_output=True,
        text=True,
        check=False,
        timeout=CHECK_S,
        user=uid,
        group=gid,
        extra_groups=groups,
    )
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if "ERROR" in line or "CRITICAL" in line]
        raise EngineError(f"checking kamailio.cfg: {(lines or ['Kamailio refused it'])[0].strip()}")


def started(
    run_dir: Path, account: Account | None, *, code: str, secret: str, address: str, settings: dict[str, str]
) -> Process:
    """Start Kamailio; raises EngineError. It serves some 0.3 s later."""
    # Kamailio's default allocator is one for debugging and takes 13 % of the time of a call (measured); tlsf does not.
    size = ["-m", str(SHARED_MIB), "-M", str(PRIVATE_MIB), "-x", "tlsf", "-X", "tlsf"]
    arguments = [
        binary(),
        "-f",
        str(run_dir / "kamailio.cfg"),
        "-DD",
        "-E",
        *size,
        "-Y",
        str(run_dir / SOCKETS),
        "-w",
        str(run_dir / SOCKETS),
    ]
    uid, gid, groups = _identity(account)
    log = os.open(run_dir / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        child = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=ENVIRONMENT,
            user=uid, group=gid, extra_groups=groups,
        )  # fmt: skip
    except OSError as error:
        raise EngineError("starting Kamailio") from error
    finally:
        os.close(log)
    began = _start_time(child.pid) or 0
    record = Record(pid=child.pid, started=began, code=code, secret=secret, address=address, settings=settings)
    write_private(run_dir / RECORD, json.dumps(dataclasses.asdict(record)), None)
    return Process(run_dir, record, child, os.pidfd_open(child.pid))


def found(run_dir: Path) -> Process | None:
    """Find the Kamailio that an earlier sextetd left running here."""
    try:
        record = Record(**json.loads((run_dir / RECORD).read_text()))
        pidfd = os.pidfd_open(record.pid)
    except (OSError, ValueError, TypeError):
        return None
    if _start_time(record.pid) != record.started:  # asked after the pidfd holds the process, so it cannot change
        os.close(pidfd)
        return None
    return Process(run_dir, record, _LEFT_RUNNING.pop(record.pid, None), pidfd)


def cap_log(run_dir: Path) -> None:
    """Keep the log small: Kamailio appends, so cutting it is safe; the last part is kept beside."""
    path = run_dir / LOG
    with contextlib.suppress(OSError):
        if path.stat().st_size > LOG_BYTES_MAX:
            shutil.copyfile(path, path.with_suffix(".log.1"))
            os.truncate(path, 0)


def last_complaint(run_dir: Path) -> str:
    """Quote the newest error of the log, for the sentence an administrator sees."""
    with contextlib.suppress(OSError):
        lines = (run_dir / LOG).read_bytes()[-65536:].decode(errors="replace").splitlines()
        for line in reversed(lines):
            if "ERROR" in line or "CRITICAL" in line:
                return line.strip()[:300]
    return ""


def _identity(account: Account | None) -> tuple[int | None, int | None, list[int] | None]:
    return (None, None, None) if account is None else (account.uid, account.gid, [])


def _start_time(pid: int) -> int | None:
    """Field 22 of proc(5) stat; None when there is no such process, or only its remains."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def processes_of(leader: int) -> list[int]:
    """List the processes of a session; while any of them lives its number is given to no new process."""
    pids = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if entry.joinpath("stat").read_text().rpartition(")")[2].split()[3] == str(leader):
                    pids.append(int(entry.name))
    return pids
