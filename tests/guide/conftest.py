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
PRIMARY = "configuration_primary"


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


class Shared:
    """A whole cluster of three peers that sections share, since to start one takes longer than to read most of them."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._reader: Reader | None = None
        self._failures = 0

    def reader(self, failures: int) -> Reader:
        """Give the cluster as a section finds it: well, peer 1 the primary; a new one where a test failed meanwhile."""
        if failures > self._failures:  # nobody knows what it left behind
            self.close()
        self._failures = failures
        if self._reader is None:
            self._reader = self._stack.enter_context(_reader(3, cluster(AT_RESTART)))
        reader = self._reader
        reader.well()
        if reader.chosen(1, PRIMARY) != "1":
            for number in reader.lab.numbers:
                reader.choose(number, 1)
            reader.well()
        reader.turn_page()
        return reader

    def close(self) -> None:
        self._stack.close()
        self._reader = None


@pytest.fixture(scope="package")
def shared() -> Iterator[Shared]:
    """End the cluster with the last section."""
    clusters = Shared()
    yield clusters
    clusters.close()


@pytest.fixture(scope="module")
def running(shared: Shared, request: pytest.FixtureRequest) -> Reader:
    """A whole cluster of three peers; cluster changes take effect at restart, as in the guide."""
    return shared.reader(request.session.testsfailed)


@pytest.fixture(params=[AT_RESTART, AT_ONCE])
def both_ways(running: Reader, request: pytest.FixtureRequest) -> Iterator[Reader]:
    """The whole cluster, once for each way in which cluster changes take effect."""
    running.takes_effect(request.param)
    yield running
    running.takes_effect(AT_RESTART)
