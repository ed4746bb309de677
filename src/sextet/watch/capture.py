"""How are packets captured? By the host's tcpdump, in files that turn over; where it cannot, a sentence says why."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from pathlib import Path

FILE_MB = 20  # facts 11.4
FILES_MAX = 20
STARTED_S = 1.0  # a tcpdump that may not capture says so within milliseconds
STOP_S = 5.0
ERROR_BYTES_MAX = 4096
NAME = "any_diagnostic_logging_tcpdump"


class Capture:
    """One run of tcpdump for everything from and to one address; raises nothing, `sentence` says what became of it."""

    def __init__(self, directory: Path, address: str) -> None:
        self.sentence = ""
        self._directory = directory
        self._address = address
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start, and see for a moment whether it runs."""
        program = shutil.which("tcpdump", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if program is None:
            self.sentence = "No packets are captured: tcpdump is not installed on this host."
            return
        files = ["-w", str(self._directory / f"{NAME}.pcap"), "-C", str(FILE_MB), "-W", str(FILES_MAX)]
        # -Z: else tcpdump gives up root before it opens the file, and may not write into a directory that is ours.
        owner = ["-Z", "root"] if os.geteuid() == 0 else []
        words = [program, "-i", "any", "-n", "-U", "-s", "0", *owner, *files, "host", self._address]
        try:
            self._process = await asyncio.create_subprocess_exec(
                *words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            self.sentence = f"No packets are captured: {program} cannot be started: {error.strerror}."
            return
        assert self._process.stderr is not None
        said = b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STARTED_S):
                while b"listening on" not in said and (line := await self._process.stderr.readline()):
                    said = (said + line)[-ERROR_BYTES_MAX:]
        if b"listening on" in said or self._process.returncode is None and not said.strip():
            self.sentence = f"Packets from and to {self._address} are captured."
            return
        await self.stop()
        lines = said.decode(errors="replace").strip().splitlines()
        why = lines[-1].removeprefix("tcpdump: ") if lines else "it ended at once"
        self.sentence = f"No packets are captured: {why}."

    async def stop(self) -> None:
        """End it; its files are whole then."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await process.communicate()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
