"""Options and marks that all tests share, and what every sextet that they start has in common."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seeds", type=int, default=500, metavar="N", help="how many seeds the simulation plays")
    parser.addoption("--first-seed", type=int, default=0, metavar="N", help="with which seed the simulation begins")


@pytest.fixture(scope="session", autouse=True)
def compiled_once() -> Iterator[None]:
    """Keep what Python compiles, outside this tree: to compile sextet is a third of the work of starting a peer."""
    before = {name: os.environ.pop(name, None) for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")}
    with tempfile.TemporaryDirectory(prefix="sextet-compiled-") as directory:
        os.environ["PYTHONPYCACHEPREFIX"] = directory
        yield
    del os.environ["PYTHONPYCACHEPREFIX"]
    os.environ.update({name: value for name, value in before.items() if value is not None})
