"""Options and marks that all tests share, and how a failure is told."""

from __future__ import annotations

import gc
from collections.abc import Generator, Iterator

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seeds", type=int, default=500, metavar="N", help="how many seeds the simulation plays")
    parser.addoption("--first-seed", type=int, default=0, metavar="N", help="with which seed the simulation begins")


@pytest.fixture(autouse=True)
def what_a_test_left_open_is_found_in_it() -> Iterator[None]:
    """Collect garbage after each test: a socket that it did not close would fail whichever test runs when that happens.

    Set up first, torn down last, and before pytest asks what was found.
    """
    yield
    gc.collect()


@pytest.fixture(autouse=True, scope="module")
def what_a_module_left_open_is_found_in_it() -> Iterator[None]:
    """Look no more at what lives on, code and reports: with these, each collection would take ten times as long."""
    yield
    gc.collect()
    gc.freeze()


def pytest_collection_finish() -> None:
    """The same for what was imported and collected: the first module of a session would have it looked at each time."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish() -> None:
    gc.unfreeze()  # pytest looks once more, at everything


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Collect no garbage while a report is made.

    What a failed test left behind may have something to say when it is collected, with a traceback: that parses source,
    and amid the report's own parsing CPython 3.11 gives up (its issue 106905), and with it the whole run.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
