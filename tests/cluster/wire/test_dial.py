"""Does a dial come from our own address and the guide's port range, on every kernel?"""

from __future__ import annotations

import errno
import socket

import pytest

from sextet.cluster.wire.dial import SOURCE_PORTS, bind_by_trying, bind_source


def connected(bind: object) -> tuple[str, int]:
    with socket.create_server(("127.63.9.1", 0)) as server, socket.socket() as sock:
        bind(sock)  # type: ignore[operator]
        sock.connect(server.getsockname())
        address: tuple[str, int] = sock.getsockname()
        return address


def test_the_source_is_our_address_and_a_port_of_the_range() -> None:
    ip, port = connected(lambda sock: bind_source(sock, "127.63.9.2"))
    assert ip == "127.63.9.2" and SOURCE_PORTS[0] <= port <= SOURCE_PORTS[1]


def test_the_same_holds_where_the_kernel_does_not_choose() -> None:
    ip, port = connected(lambda sock: bind_by_trying(sock, "127.63.9.2", SOURCE_PORTS))
    assert ip == "127.63.9.2" and SOURCE_PORTS[0] <= port <= SOURCE_PORTS[1]


def test_an_exhausted_range_is_an_error_and_not_an_endless_loop() -> None:
    with socket.create_server(("127.63.9.3", 35123)), socket.socket() as sock:
        with pytest.raises(OSError) as caught:
            bind_by_trying(sock, "127.63.9.3", (35123, 35123))
        assert caught.value.errno == errno.EADDRNOTAVAIL
