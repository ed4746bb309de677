"""How an unpacked version is run: Debian's Python with that version's own tree in front, and nothing of this one's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

TRIAL_S = 120.0  # 2 s on an idle machine: compiling is most of it
PATH = "PYTHONPATH"
_NOT_COMPILED = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")  # with these nothing would be kept in the tree
_TRY = "import sextet, sextet.main; print(sextet.__version__)"


def command(arguments: Sequence[str]) -> list[str]:
    """Write the command line of a Python without this environment's packages and without the working directory."""
    return [os.path.realpath(sys.executable), "-s", "-P", *arguments]


def environment(tree: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Write what such a Python finds in its environment."""
    return {**os.environ, **(more or {}), PATH: str(tree)}


def trial(tree: Path, version: str) -> str:
    """Say why the version in this tree does not run here, or ""; compiles it, so that its first start is quick.

    Of the packages beside it only what is loaded is compiled: it comes with ten times as much that it never loads.
    """
    try:
        _run(tree, ["-m", "compileall", "-q", str(tree / "sextet")])
        said = _run(tree, ["-c", _TRY])
    except subprocess.TimeoutExpired:
        return f"it was not loaded within {TRIAL_S:.0f} s"
    if said.returncode:
        words = [line for line in said.stderr.splitlines() if line.strip()]
        return f"it cannot be loaded: {words[-1][:200] if words else f'exit code {said.returncode}'}"
    if (found := said.stdout.strip()) != version:
        return f"its manifest says version {version}, and it says {found[:40]!r} itself"
    return ""


def _run(tree: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    keeps = {name: value for name, value in environment(tree).items() if name not in _NOT_COMPILED}
    return subprocess.run(
        command(arguments), env=keeps, cwd="/", capture_output=True, text=True, check=False, timeout=TRIAL_S
    )
