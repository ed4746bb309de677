"""How events reach sextetd: in order, those that follow each other at once in one message, none without a number."""

from __future__ import annotations

import asyncio
import errno
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sextet.sip.events import CallEnded, Event
from sextet.sip.kemi.reporting import SHARED_MAX, Reporter
from sextet.sip.listener import MESSAGE_BYTES_MAX, Listener
from tests.support.ksr import FakeKSR


class Line:
    """A reporter, and the socket to which it reports."""

    def __init__(self, path: Path) -> None:
        self.ksr = FakeKSR()
        self._listen(path)
        self.reporter = Reporter(self.ksr, str(path))

    def _listen(self, path: Path) -> None:
        self._end: socket.socket | None = None
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(path))
        self._listener.listen()
        self._listener.settimeout(5)

    def begin_anew(self, path: Path) -> None:
        """Listen at the same place as another process would."""
        assert self._end is not None
        self._end.close()
        self._listener.close()
        path.unlink()
        self._listen(path)

    def ended(self, call_id: str, more: bool = False) -> bool:
        return self.reporter.send(f'"kind":"ended","order":1,"call_id":"{call_id}","reason":""', more=more)

    def message(self) -> bytes:
        """The next message that was sent; empty where there is none."""
        if self._end is None:
            self._end, _ = self._listener.accept()
            self._end.setblocking(False)
        try:
            return self._end.recv(MESSAGE_BYTES_MAX)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        for each in (self._listener, self._end, self.reporter._socket):
            if each is not None:
                each.close()


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    made = Line(tmp_path / "events.sock")
    yield made
    made.close()


def calls(message: bytes) -> list[tuple[str, int]]:
    return [(event["call_id"], event["sequence"]) for event in map(json.loads, message.split(b"\n"))]


def test_events_that_follow_at_once_share_a_message_with_the_one_that_ends_them(line: Line) -> None:
    assert line.ended("a", more=True) and line.ended("b", more=True) and line.ended("c")
    assert line.ended("d")
    assert calls(line.message()) == [("a", 1), ("b", 2), ("c", 3)]
    assert calls(line.message()) == [("d", 4)]


def test_what_nothing_followed_goes_when_the_callback_ends(line: Line) -> None:
    line.ended("a", more=True)
    assert line.reporter.flush() and line.reporter.flush()
    assert calls(line.message()) == [("a", 1)]
    assert line.message() == b""


def test_no_message_is_longer_than_what_is_read_at_once(line: Line) -> None:
    long = "c" * (SHARED_MAX // 3)
    for _ in range(7):
        line.ended(long, more=True)
    line.reporter.flush()
    messages = [calls(line.message()) for _ in range(4)]
    assert [len(each) for each in messages] == [2, 2, 2, 1]
    assert [sequence for each in messages for _, sequence in each] == [*range(1, 8)]


def test_what_cannot_be_sent_is_counted_and_leaves_a_gap(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.ended("a")
    line.message()

    class Full:
        def send(self, message: bytes) -> None:
            raise OSError(errno.EAGAIN, "full")

        def close(self) -> None: ...

    with monkeypatch.context() as full:
        full.setattr(line.reporter, "_socket", Full())
        assert not line.ended("b")
    assert line.ksr.htables["count"]["lost"] == 1
    line.ended("c")
    assert calls(line.message()) == [("c", 3)]


def test_the_first_event_after_sextetd_began_anew_is_not_lost(line: Line, tmp_path: Path) -> None:
    line.ended("a")
    line.message()
    line.begin_anew(tmp_path / "events.sock")
    assert line.ended("b")
    assert calls(line.message()) == [("b", 2)]
    assert "lost" not in line.ksr.htables["count"]


def test_a_listener_takes_the_lines_of_a_message_as_events_of_their_own(tmp_path: Path) -> None:
    heard: list[Event | None] = []

    async def play() -> None:
        both = asyncio.Event()

        def hear(event: Event | None) -> None:
            heard.append(event)
            if len(heard) == 2:
                both.set()

        listener = Listener(tmp_path / "events.sock", hear)
        listener.open(None)
        reporter = Reporter(FakeKSR(), str(tmp_path / "events.sock"))
        for call_id in "ab":
            reporter.send(f'"kind":"ended","order":1,"call_id":"{call_id}","reason":""', more=call_id == "a")
        async with asyncio.timeout(5):
            await both.wait()
        listener.close()
        assert reporter._socket is not None
        reporter._socket.close()
        assert not listener.incomplete

    asyncio.run(play())
    assert heard == [CallEnded(call_id=one, reason="", order=1) for one in "ab"]
