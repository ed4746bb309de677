"""The reader of the guide, and the systems that a section of it begins with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from sextet.lab.documents import Secrets
from sextet.lab.plan import Plan
from tests.support import real_lab
from tests.support.guide_reader import AT_ONCE, AT_RESTART, Reader, cluster

Prepare = Callable[[Plan, Secrets], None]


@contextmanager
def _reader(peers: int, prepare: Prepare) -> Iterator[Reader]:
    with real_lab.lab(peers, prepare) as lab:
        reader = Reader(lab)
        try:
            yield reader
        finally:
            reader.close()


@pytest.fixture
def systems() -> Iterator[Callable[[int, Prepare], Reader]]:
    """Start systems as a test wants them; they end with it."""
    with ExitStack() as stack:
        yield lambda peers, prepare: stack.enter_context(_reader(peers, prepare))


@pytest.fixture(scope="module")
def running() -> Iterator[Reader]:
    """A whole cluster of three peers; cluster changes take effect at restart, as in the guide."""
    with _reader(3, cluster(AT_RESTART)) as reader:
        reader.well()
        yield reader


@pytest.fixture(params=[AT_RESTART, AT_ONCE])
def both_ways(running: Reader, request: pytest.FixtureRequest) -> Iterator[Reader]:
    """The whole cluster, once for each way in which cluster changes take effect."""
    running.save(1, changes_take_effect=request.param)
    for number in running.lab.numbers:
        look = lambda number=number: running.chosen(number, "changes_take_effect")
        running.until(f"peer {number} has it", look, (request.param,))
    yield running
    running.save(1, changes_take_effect=AT_RESTART)
