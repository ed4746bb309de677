"""At a start: becomes the version that was chosen, and goes back from one that does not come up.

Every start and restart begins with the installed version, which decides (cluster/disk/versions.py) and, where another
one is chosen, becomes it in the same process. A version that runs for the first time has so long to come up; if it
does not, the installed version decides again, and goes back.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from sextet import __version__
from sextet.cluster.configuration.soundness import SEALED_VERSION
from sextet.cluster.disk import factory_reset, tree
from sextet.cluster.disk.versions import INSTALLED, Versions
from sextet.engine import EngineError

COME_UP_S = 60.0  # 2 s on an idle machine
GIVE_UP_S = 90  # the kernel ends a process that hangs: then its supervisor starts it again
_PLACE, _LAUNCHER, _INSTALLED = "SEXTET_PLACE", "SEXTET_LAUNCHER", "SEXTET_INSTALLED"
_MODULE = ("-m", "sextet.main")


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Which version this process is."""

    place: int
    versions: Versions

    @property
    def first_time(self) -> bool:
        """Whether it has to come up yet."""
        seen = self.versions.selection
        return seen.tried and seen.next == self.place

    def came_up(self) -> None:
        """Note that this version serves; from now on it is the one that runs."""
        signal.alarm(0)
        with contextlib.suppress(OSError):  # a full disk: the next start tries it once more
            self.versions.confirm(self.place)

    def gave_up(self, cause: str) -> bool:
        """Note why this version did not come up; says whether another one is to be started now."""
        signal.alarm(0)
        if not self.first_time:
            return False
        with contextlib.suppress(OSError):
            self.versions.gave_up(self.place, cause)
        return True


def become_chosen(state_dir: Path) -> Running:
    """Become the version that is chosen, which does not return, or go on as this one. Raises EngineError."""
    place = int(os.environ.get(_PLACE, INSTALLED))
    if place:
        os.environ.pop(tree.PATH, None)  # Kamailio embeds a Python too, which must not find this tree
    installed, schema = os.environ.get(_INSTALLED, f"{__version__} {SEALED_VERSION}").split()
    versions = Versions(state_dir, installed, int(schema))
    if _PLACE not in os.environ:
        try:
            place = versions.begin()
        except OSError as error:
            why = f"{error.filename or state_dir}: {error.strerror}"
            raise EngineError(f"the version that is to run cannot be made ready: {why}") from error
        if place != INSTALLED:
            told = {_PLACE: str(place), _LAUNCHER: sys.executable, _INSTALLED: f"{__version__} {SEALED_VERSION}"}
            command = tree.command([*_MODULE, *sys.argv[1:]])
            os.execve(command[0], command, tree.environment(versions.tree(place), told))
    running = Running(place=place, versions=versions)
    with contextlib.suppress(OSError):  # the reset itself says that it has no image
        versions.put_image(place, state_dir / factory_reset.FOLDER / factory_reset.IMAGE)
    if running.first_time:
        signal.alarm(GIVE_UP_S)
    return running


def again() -> None:
    """Begin as after a start of the host; does not return."""
    environment = {name: value for name, value in os.environ.items() if name not in (_PLACE, _INSTALLED, _LAUNCHER)}
    launcher = os.environ.get(_LAUNCHER, sys.executable)
    os.execve(launcher, [launcher, *_MODULE, *sys.argv[1:]], environment)
