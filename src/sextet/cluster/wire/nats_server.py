"""How this peer's nats-server is run: loopback only, memory only, rendered, checked, watched, and gone when we are."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sextet.ending import end
from sextet.engine import EngineError, Journal

BUCKET = "live"
STREAM = f"KV_{BUCKET}"
MEMORY_MB = 512  # 20,000 rows take 44 MB, 200,000 about 300 MB (measured); when it is full even overwriting is refused
START_LIMIT_S = 5.0  # it starts in 0.05 s; the rest is for a machine under load
STOP_LIMIT_S = 1.0  # it has nothing to save
RESTART_FIRST_S, RESTART_LAST_S = 0.1, 2.0
_PLACES = ("/usr/sbin/nats-server", "/usr/bin/nats-server", "/usr/local/bin/nats-server")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to reach a running store, new with every start of ours."""

    port: int
    own_password: str = field(repr=False)
    peer_password: str = field(repr=False)


def render(name: str, directory: Path, own_password: str, peer_password: str) -> str:
    """Write nats-server's configuration; remote peers may read the rows and call `rpc.>`, no more."""
    peer_may = [f"$JS.API.STREAM.INFO.{STREAM}", f"$JS.API.CONSUMER.CREATE.{STREAM}", "$JS.FC.>", "rpc.>"]
    return f"""# Written by sextetd; changes are lost.
server_name: {_quoted(name)}
host: "127.0.0.1"
port: -1
ports_file_dir: {_quoted(str(directory))}
log_file: {_quoted(str(directory / "nats.log"))}
logfile_size_limit: 1MB
max_payload: 1MB
max_connections: 64
ping_interval: "1s"
ping_max: 2
write_deadline: "2s"
jetstream {{ store_dir: {_quoted(str(directory / "js"))}, max_mem: {MEMORY_MB}MB, max_file: 1MB }}
authorization {{
  timeout: 2
  users: [
    {{ user: own, password: {_quoted(own_password)} }}
    {{ user: peer, password: {_quoted(peer_password)}, permissions: {{
        publish: {{ allow: {json.dumps(peer_may)} }}
        subscribe: {{ allow: ["_INBOX.>"] }}
    }} }}
  ]
}}
"""


class NatsServer:
    """One nats-server under this process; `up` is told its access at each start, `down` that it died."""

    def __init__(
        self,
        *,
        name: str,
        run_dir: Path,
        user: str | None,
        journal: Journal,
        up: Callable[[Access], None],
        down: Callable[[str], None],
        binary: str | None = None,
    ) -> None:
        self._name, self._directory, self._user, self._journal = name, run_dir / "nats", user, journal
        self._up, self._down, self._binary = up, down, binary
        self._process: Process | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """The process id, 0 while it does not run."""
        return self._process.pid if self._process is not None and self._process.returncode is None else 0

    def kill(self) -> None:
        """End a server that does not answer any more; it is started again like one that died."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):  # it has just died, and the loop does not know yet
                os.killpg(self.pid, signal.SIGKILL)

    async def start(self) -> None:
        """Start it, and again whenever it dies. Raises EngineError when the first start fails."""
        access = await self._launch()
        self._watch = asyncio.create_task(self._stay(), name="nats-server")
        self._up(access)

    def keep_trying(self, sentence: str) -> None:
        """Start it as soon as that is possible, after a first start that failed for the reason in the sentence."""
        self._watch = asyncio.create_task(self._stay(sentence), name="nats-server")

    async def stop(self) -> None:
        await end((self._watch,))
        await self._end()

    async def _stay(self, sentence: str = "") -> None:
        pause, told = RESTART_FIRST_S, ""
        while True:
            if not sentence:
                assert self._process is not None
                began = asyncio.get_running_loop().time()
                code = await self._process.wait()
                if asyncio.get_running_loop().time() - began > RESTART_LAST_S:
                    pause = RESTART_FIRST_S
                sentence = f"nats-server ended ({_ending(code)}); it is started again"
            if sentence != told:  # at every try it would push everything else out of the log
                self._journal.module("developer.cluster.store", "ERROR", sentence)
            told = sentence
            self._down(sentence)
            await asyncio.sleep(pause)
            pause = min(2 * pause, RESTART_LAST_S)
            try:
                access = await self._launch()
            except EngineError as error:
                sentence = str(error)
                continue
            sentence = told = ""
            self._up(access)

    async def _launch(self) -> Access:
        binary = _find(self._binary)
        own_password, peer_password = secrets.token_hex(24), secrets.token_hex(24)
        configuration = self._prepare(render(self._name, self._directory, own_password, peer_password))
        as_user = self._as_user()
        try:
            await self._check([*as_user, binary, "-t", "-c", str(configuration)])
            self._process = await asyncio.create_subprocess_exec(
                *as_user, "setpriv", "--pdeathsig", "KILL", binary, "-c", str(configuration),
                stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, cwd="/", start_new_session=True,
                env={"GOMEMLIMIT": f"{MEMORY_MB + 256}MiB", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            )  # fmt: skip
        except OSError as error:  # no more processes, no setpriv, a file that is no program
            raise EngineError(f"{binary} cannot be run: {error.strerror}") from error
        try:
            port = await asyncio.wait_for(self._port(self._process), START_LIMIT_S)
        except (TimeoutError, OSError, ValueError) as error:
            await self._end()
            raise EngineError(f"nats-server did not start: {self._last_words()}") from error
        return Access(port=port, own_password=own_password, peer_password=peer_password)

    def _prepare(self, text: str) -> Path:
        """Store the configuration so that only the server's user can read it."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            for old in self._directory.glob("*.ports"):
                old.unlink()
            path, fresh = self._directory / "nats.conf", self._directory / "nats.conf.new"
            fresh.unlink(missing_ok=True)
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
            if self._user is not None:
                owner = pwd.getpwnam(self._user)
                for place in (self._directory, fresh):
                    os.chown(place, owner.pw_uid, owner.pw_gid)
            fresh.replace(path)
        except (OSError, KeyError) as error:
            raise EngineError(f"the configuration of nats-server could not be written to {self._directory}") from error
        return path

    def _as_user(self) -> list[str]:
        if self._user is None:
            return []
        owner = pwd.getpwnam(self._user)
        return [
            "setpriv",
            "--reuid",
            str(owner.pw_uid),
            "--regid",
            str(owner.pw_gid),
            "--clear-groups",
            "--no-new-privs",
        ]

    async def _check(self, command: list[str]) -> None:
        def checked() -> subprocess.CompletedProcess[bytes]:
            return subprocess.run(
                command,
                stdin=DEVNULL,
                stdout=DEVNULL,
                stderr=subprocess.PIPE,
                cwd="/",
                timeout=START_LIMIT_S,
                check=False,
            )

        try:
            done = await asyncio.to_thread(checked)  # which ends it, also where nobody waits for it any more
        except subprocess.TimeoutExpired as error:
            raise EngineError("nats-server did not check its configuration in time") from error
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()[-200:]
            raise EngineError(f"nats-server refuses its configuration: {said}")

    async def _port(self, process: Process) -> int:
        """Wait for the file in which the server writes the port that it was given."""
        path = self._directory / f"nats-server_{process.pid}.ports"
        # Another process writes it: no event of ours can tell.
        while not path.exists():
            if process.returncode is not None:
                raise OSError(_ending(process.returncode))
            await asyncio.sleep(0.01)
        while not (text := path.read_text()).rstrip().endswith("}"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return int(json.loads(text)["nats"][0].rpartition(":")[2])

    def _last_words(self) -> str:
        try:
            return (self._directory / "nats.log").read_text(errors="replace").strip().rpartition("\n")[2][-200:]
        except OSError:
            return f"it cannot write to {self._directory}"

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_LIMIT_S)
        except TimeoutError:
            process.kill()
            await process.wait()


def _find(given: str | None) -> str:
    places = (given,) if given is not None else (shutil.which("nats-server"), *_PLACES)
    for place in places:
        if place and os.access(place, os.X_OK):
            return place
    raise EngineError("nats-server is not installed: install the Debian package nats-server")


def _quoted(text: str) -> str:
    return (
        '"'
        + "".join(
            letter if letter.isascii() and letter.isprintable() and letter not in '"\\' else "_" for letter in text
        )
        + '"'
    )


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
