"""How a large file comes in: piece by piece into a file beside, which is taken only when it is whole.

A piece says where it begins; one that does not continue what is there is refused, so that two people who upload at
once do not mix their files. A browser that lost its connection goes on where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from pathlib import Path

from sextet.model.schema import Problem, Refused


class Upload:
    """One file on its way; `most` is how many bytes it may have."""

    def __init__(self, path: Path, most: int) -> None:
        self.path, self._most = path, most
        self._one = asyncio.Lock()
        self.discard()

    @property
    def received(self) -> int:
        """How many bytes are here."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def discard(self) -> None:
        """Forget what came."""
        with contextlib.suppress(OSError):  # what cannot be removed is written over, or refused then
            self.path.unlink(missing_ok=True)

    async def take(self, at: int, piece: bytes) -> int:
        """Add a piece that begins at this byte; the first byte begins a new file. Gives how many there are now.

        Raises Refused.
        """
        async with self._one:
            here = self.received
            if at and at != here:
                sentence = f"The piece begins at byte {at}, and {here} bytes are here: another upload has begun."
                raise Refused(Problem("file", f"{sentence} Upload the file again."))
            if at + len(piece) > self._most:
                self.discard()
                raise Refused(Problem("file", f"The file is larger than {self._most >> 20} MB; nothing was kept."))
            try:
                await asyncio.to_thread(self._append, piece, at == 0)
            except OSError as error:
                self.discard()
                raise Refused(Problem("file", f"Nothing was kept: {self.path}: {error.strerror}.")) from error
            return self.received

    async def copy(self, source: Path) -> None:
        """Take a file of this host. Raises Refused."""
        async with self._one:
            try:
                await asyncio.to_thread(self._copy, source)
            except OSError as error:
                self.discard()
                why = f"{error.filename or source}: {error.strerror}"
                remedy = "The peer's own user must be able to read it."
                raise Refused(Problem("file", f"Nothing was kept: {why}. {remedy}")) from error

    def _append(self, piece: bytes, first: bool) -> None:
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        with self.path.open("wb" if first else "ab") as file:
            file.write(piece)

    def _copy(self, source: Path) -> None:
        if source.stat().st_size > self._most or not source.is_file():
            sentence = f"{source} is no file, or is larger than {self._most >> 20} MB; nothing was kept."
            raise Refused(Problem("file", sentence))
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        with source.open("rb") as theirs, self.path.open("wb") as ours:
            shutil.copyfileobj(theirs, ours)
            os.fsync(ours.fileno())
