"""Are ports and time servers told apart: open, closed, silent; right, wrong, nonsense?"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from sextet.cluster import host
from sextet.cluster.requirements import knock

HERE, SOURCE = "127.81.9.1", "127.81.9.2"
_EPOCH_S = 2_208_988_800


@contextmanager
def server(reply: Callable[[bytes], bytes]) -> Iterator[int]:
    """A UDP server that answers one datagram; gives its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HERE, 0))

        def serve() -> None:
            data, sender = sock.recvfrom(100)
            sock.sendto(reply(data), sender)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield sock.getsockname()[1]
        thread.join(5)


def time_of(ahead_s: float, *, stratum: int = 2, leap: int = 0) -> Callable[[bytes], bytes]:
    def reply(request: bytes) -> bytes:
        stamp = int((time.time() + ahead_s + _EPOCH_S) * 2**32)
        return struct.pack("!BB22x8sQQ", leap << 6 | 0x24, stratum, request[40:48], stamp, stamp)

    return reply


def asked(reply: Callable[[bytes], bytes]) -> knock.ServerTime:
    with server(reply) as port:
        return asyncio.run(knock.ntp("ntp1", HERE, port))


@pytest.mark.parametrize("ahead_s", [0.0, 3600.0, -86_400.0])
def test_a_time_servers_offset_is_measured(ahead_s: float) -> None:
    said = asked(time_of(ahead_s))
    assert (said.failure, said.offset_s) == ("", pytest.approx(ahead_s, abs=0.5))


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (lambda request: b"", "too short"),
        (lambda request: time_of(0)(bytes(48)), "not one to this question"),
        (lambda request: bytes(48), "not one to this question"),
        (time_of(0, stratum=0), "not synchronised itself"),
        (time_of(0, stratum=16), "not synchronised itself"),
        (time_of(0, leap=3), "not synchronised itself"),
    ],
)
def test_what_is_no_time_is_not_believed(reply: Callable[[bytes], bytes], words: str) -> None:
    assert words in asked(reply).failure


def test_a_time_server_that_is_not_there_is_told() -> None:
    assert "refused" in asyncio.run(knock.ntp("ntp1", HERE, 9)).failure


def test_an_open_port_is_told_from_a_closed_one() -> None:
    with socket.create_server((HERE, 0)) as listener:
        port = listener.getsockname()[1]
        assert asyncio.run(knock.tcp(SOURCE, HERE, port)).answer == "open"
        caller, (ip, source_port) = listener.accept()
        caller.close()
        assert (ip, 30000 <= source_port <= 35999) == (SOURCE, True)
    closed = asyncio.run(knock.tcp(SOURCE, HERE, port))
    assert (closed.answer, f"connection refused by {HERE} port {port}" in closed.detail) == ("closed", True)


def test_a_host_that_says_nothing_is_silent() -> None:
    with socket.create_server((HERE, 0), backlog=0) as listener:  # its queue is full: SYNs are dropped
        held = [socket.socket() for _ in range(4)]
        for sock in held:
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        assert asyncio.run(knock.tcp(SOURCE, HERE, listener.getsockname()[1], 0.2)).answer == "silent"
        for sock in held:
            sock.close()


def test_a_udp_port_on_which_nothing_listens_is_closed() -> None:
    assert asyncio.run(knock.udp(HERE, 9)).answer == "closed"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HERE, 0))
        assert asyncio.run(knock.udp(HERE, sock.getsockname()[1], 0.05)).answer == "silent"


def test_who_listens_here_is_found_without_asking_him() -> None:
    with socket.create_server((HERE, 0)) as listener, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HERE, 0))
        tcp, udp = listener.getsockname()[1], sock.getsockname()[1]
        assert (knock.listens("tcp", HERE, tcp), knock.listens("udp", HERE, udp)) == (True, True)
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert (knock.listens("tcp", HERE, tcp), knock.listens("udp", HERE, udp)) == (False, False)


def test_the_host_is_described() -> None:
    assert host.processors() >= 1
    assert host.memory_mb() > 64
    assert host.clock_state() in (host.SYNCHRONISED, host.UNSYNCHRONISED, host.UNKNOWN)
