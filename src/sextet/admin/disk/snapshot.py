"""A system snapshot for support: how this peer is, its logs, or both, in one tar.gz, with every secret left out.

The configuration is shown as everywhere (secrets as dots); from the logs every word that is a stored secret is removed.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import tarfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from sextet.admin.actor import Actor
from sextet.admin.disk.safekeeping import Kept, kept_in
from sextet.cluster.disk.vault import Vault
from sextet.engine import Journal
from sextet.model import config
from sextet.model.schema import Problem, Refused
from sextet.model.secrets import secrets_of

KINDS = ("status", "logs", "full")
SNAPSHOTS_MAX = 5  # kept on the peer; older ones are removed
FOLDER = "snapshots"
SUFFIX = ".tar.gz"
SECRET_MIN = 4  # shorter secrets are words of every line
DOTS = "•••"
_WORD = re.compile(r"""[^\s"'<>,;=]+""")

Look = Callable[[], Awaitable[Mapping[str, object]]]


class Snapshots:
    """Makes snapshots in the background; `look` gives everything that is shown of this peer, by name."""

    def __init__(
        self, vault: Vault, journal: Journal, host: Callable[[], str], look: Look, clock: Callable[[], datetime]
    ) -> None:
        self._vault, self._journal, self._host, self._look, self._clock = vault, journal, host, look, clock
        self.folder = vault.paths.state_dir / FOLDER
        self.working = ""  # which kind is being made
        self.trouble = ""  # why the last one was not made
        self._task: asyncio.Task[Path] | None = None

    def kept(self) -> Sequence[Kept]:
        """List the snapshots, newest first."""
        return kept_in(self.folder, f"*{SUFFIX}")

    def begin(self, actor: Actor, kind: str) -> asyncio.Task[Path]:
        """Start making one; its task gives the file. Raises Refused for another kind, or while one is being made."""
        if kind not in KINDS:
            raise Refused(Problem("kind", f"A snapshot is one of {', '.join(KINDS)}, not {kind[:40]!r}."))
        if self._task is not None and not self._task.done():
            raise Refused(Problem("", f"A snapshot ({self.working}) is being made; wait until it is done."))
        self.working, self.trouble = kind, ""
        self._journal.event("System snapshot started", Detail=kind, **actor.audit)
        self._task = asyncio.create_task(self._make(actor, kind), name="snapshot")
        self._task.add_done_callback(_heard)
        return self._task

    async def _make(self, actor: Actor, kind: str) -> Path:
        try:
            seen = dict(await self._look()) if kind != "logs" else {}
            path = await asyncio.to_thread(self._pack, kind, seen)
        except OSError as error:
            self.trouble = f"The snapshot was not made: {error}."
            self._journal.event("System snapshot error", Detail=self.trouble, **actor.audit)
            raise Refused(Problem("", self.trouble)) from error
        finally:
            self.working = ""
        self._journal.event("System snapshot completed", Detail=path.name, **actor.audit)
        return path

    def _pack(self, kind: str, seen: Mapping[str, object]) -> Path:
        host = re.sub(r"[^A-Za-z0-9.-]", "_", self._host())
        stamp = f"{self._clock():%Y-%m-%d_%H_%M_%S}"
        self.folder.mkdir(mode=0o700, exist_ok=True)
        path = self.folder / f"snapshot_{kind}_{host}_{stamp}{SUFFIX}"
        new = path.with_name(f"{path.name}.new")
        document = self._vault.document()
        hidden = frozenset(value for _, value in secrets_of(document) if len(value) >= SECRET_MIN)
        with tarfile.open(new, "w:gz") as archive:
            if kind != "logs":
                lines = [f"{name}: {value}" for name, value in config.flattened(document).items()] if document else []
                _add(archive, f"xconf_dump_{host}_{stamp}.txt", "\n".join(lines))
                shown = json.dumps(seen, indent=2, ensure_ascii=False, default=str)
                _add(archive, f"xstat_dump_{host}_{stamp}.json", without(shown, hidden))
                _add(archive, f"server_{host}_{stamp}.pem", _read(self._vault.paths.certificate))
                _add(archive, f"ca_{host}_{stamp}.pem", _read(self._vault.paths.trusted))
            if kind != "status":
                for log in sorted(self._vault.paths.state_dir.glob("*.log*")):
                    _add(archive, f"loggingsnapshot_{host}_{stamp}_{log.name}.txt", without(_read(log), hidden))
        new.chmod(0o600)
        new.replace(path)
        for old in [self.folder / one.name for one in self.kept()][SNAPSHOTS_MAX:]:
            old.unlink(missing_ok=True)
        return path


def without(text: str, hidden: frozenset[str]) -> str:
    """Replace every word that is a secret."""
    return _WORD.sub(lambda word: DOTS if word[0] in hidden else word[0], text) if hidden else text


def _add(archive: tarfile.TarFile, name: str, text: str) -> None:
    data = text.encode()
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), 0o600
    archive.addfile(entry, io.BytesIO(data))


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError as error:
        return f"cannot be read: {error.strerror}\n"


def _heard(task: asyncio.Task[Path]) -> None:
    if not task.cancelled():
        task.exception()  # it was told to whoever asked, and is shown on the page
