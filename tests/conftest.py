"""Options and marks that all tests share."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seeds", type=int, default=500, metavar="N", help="how many seeds the simulation plays")
    parser.addoption("--first-seed", type=int, default=0, metavar="N", help="with which seed the simulation begins")
