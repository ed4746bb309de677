"""Can the ports be had that Kamailio is to listen on? Asked of the host, before a start fails for it."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from sextet.streams import family_of


def taken(address: str, listeners: Sequence[tuple[str, int]]) -> str:
    """Name the ports, of transports and numbers, that somebody else has at this address; "" when all can be had."""
    found = [f"{kind.upper()} port {port}" for kind, port in listeners if not _free(address, kind, port)]
    if not found:
        return ""
    return f"{', '.join(found)} of {address} cannot be had: is another program using it?"


def _free(address: str, transport: str, port: int) -> bool:
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    with socket.socket(family_of(address), kind) as attempt:
        if kind == socket.SOCK_STREAM:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what only waits to end is no listener
        try:
            attempt.bind((address, port))
            if kind == socket.SOCK_STREAM:
                attempt.listen(1)
        except OSError:
            return False
    return True
