"""The labs that scenarios share: started when the first test needs one, checked after each, ended whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import pytest

from tests.support import real_lab
from tests.support.real_lab import Lab


class _Shared:
    """One lab for many tests; a test that leaves it unwell costs the next one a new lab."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._lab: Lab | None = None

    def get(self) -> Lab:
        if self._lab is None:
            self._lab = self._stack.enter_context(real_lab.lab())
            asyncio.run(self._lab.whole())
        return self._lab

    def mend(self, lab: Lab) -> None:
        try:
            asyncio.run(_mended(lab))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._lab = None
        self._stack.close()


@pytest.fixture(scope="session")
def shared() -> Iterator[_Shared]:
    one = _Shared()
    yield one
    one.close()


@pytest.fixture
def lab(shared: _Shared) -> Iterator[Lab]:
    """A whole cluster of three peers; whoever breaks it mends it."""
    running = shared.get()
    yield running
    shared.mend(running)


async def _mended(lab: Lab) -> None:
    """What a test may leave is nothing but settings: cuts, dead peers, calls and registrations are its own to end."""
    await lab.whole()
    for number in lab.numbers:
        calls = await real_lab.eventually(
            "no call is left", lambda number=number: lab.ask(number, "call list"), wanted=[]
        )
        assert calls == []
        await real_lab.eventually(
            "no registration is left", lambda number=number: lab.registrations(number), wanted=set()
        )
