"""Engines outlive who started them; those of tests end with the process of the tests, however that ends."""

from __future__ import annotations

import atexit
import functools
import subprocess
import sys
from pathlib import Path

# A process of its own, since a process that is killed does nothing more: it reads until the other end is gone.
_WATCH = """
import sys
from pathlib import Path
from sextet.lab import children
children.kill(children.left_behind(*map(Path, sys.stdin.read().splitlines())))
"""


def end_with_the_tests(directory: Path) -> None:
    """Have every engine with its files in this directory killed once this process is gone."""
    told = _watcher().stdin
    assert told is not None
    told.write(f"{directory}\n")
    told.flush()


@functools.cache
def _watcher() -> subprocess.Popen[str]:
    watcher = subprocess.Popen([sys.executable, "-c", _WATCH], stdin=subprocess.PIPE, text=True, start_new_session=True)
    atexit.register(watcher.communicate)
    return watcher
