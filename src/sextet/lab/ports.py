"""Say whether the lab's sockets are free, and who holds those that are not."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path

from sextet.lab.plan import DNS_PORT, TCP_PORTS, UDP_PORTS, Plan
from sextet.streams import family_of

PROC = Path("/proc")
LISTENING = "0A"  # state of a TCP socket in /proc/net/tcp
Endpoint = tuple[str, str, int]  # "tcp" or "udp", address, port


def endpoints(plan: Plan) -> Iterator[Endpoint]:
    """List every socket that the lab will open at a fixed place of this network namespace."""
    yield "udp", plan.dns_address, DNS_PORT
    for peer in (peer for peer in plan.peers if not peer.prefix):
        yield from (("tcp", peer.address, port) for port in TCP_PORTS)
        yield from (("udp", peer.address, port) for port in UDP_PORTS)


def problems(wanted: Iterable[Endpoint]) -> list[str]:
    """Name each socket that cannot be opened, with the process that holds it, one sentence each."""
    return [sentence for endpoint in wanted if (sentence := _problem(endpoint))]


def holder(kind: str, address: str, port: int) -> str:
    """Name the process that holds a port, as `name (pid)`; empty where this user may not see it."""
    inodes = set(_inodes(kind, address, port))
    for process in PROC.iterdir():
        if process.name.isdigit() and any(link in inodes for link in _sockets(process)):
            name = (process / "comm").read_text().strip()
            return f"{name} (process {process.name})"
    return ""


def _problem(endpoint: Endpoint) -> str:
    kind, address, port = endpoint
    with socket.socket(family_of(address), socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as probe:
        if kind == "tcp":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that just ended do not count
        try:
            probe.bind((address, port))
            if kind == "tcp":
                probe.listen()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                who = holder(kind, address, port) or "another process"
                return f"{kind.upper()} port {port} on {address} is taken by {who}."
            return f"{kind.upper()} port {port} on {address} cannot be used: {error.strerror}."
    return ""


def _inodes(kind: str, address: str, port: int) -> Iterator[str]:
    """Find the sockets bound to this port at this address or at all of them (proc(5), /proc/net/tcp)."""
    hexadecimal = socket.inet_aton(address)[::-1].hex().upper()
    for name, places in ((kind, {hexadecimal, "0" * 8}), (f"{kind}6", {"0" * 32})):
        try:
            lines = (PROC / "net" / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for columns in (line.split() for line in lines):
            place, _, number = columns[1].partition(":")
            if place in places and int(number, 16) == port and (kind == "udp" or columns[3] == LISTENING):
                yield columns[9]


def _sockets(process: Path) -> Iterator[str]:
    try:
        for descriptor in (process / "fd").iterdir():
            target = str(descriptor.readlink())
            if target.startswith("socket:["):
                yield target[8:-1]
    except OSError:
        return  # it ended meanwhile, or belongs to somebody else
