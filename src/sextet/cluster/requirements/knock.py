"""Whether a port of another host can be reached, and what a time server says: one question each, with a limit."""

from __future__ import annotations

import asyncio
import errno
import secrets
import socket
import struct
import time
from dataclasses import dataclass
from typing import Literal

from sextet.cluster.wire.dial import SOURCE_PORTS, bind_source
from sextet.streams import family_of

LIMIT_S = 3.0  # TCP repeats a lost SYN after 1 s
NTP_PORT = 123
ICMP_WAIT_S = 0.3  # a host tells that a UDP port is closed at once; more than this is a firewall's silence
_NTP_EPOCH_S = 2_208_988_800  # 1900 to 1970 (RFC 5905 6)
_REQUEST = struct.Struct("!B39x8s")  # version 4, client; everything but the transmit timestamp is 0 (RFC 5905 7.3)
_ANSWER = struct.Struct("!BB22x8sQQ")  # leap, version, mode; stratum; origin, receive and transmit timestamps


@dataclass(frozen=True, slots=True)
class Knock:
    """What came of trying a port."""

    answer: Literal["open", "closed", "silent"]  # closed: the host is there, but nothing listens or a firewall rejects
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ServerTime:
    """How far this host's clock is behind a time server's; `failure` says why it is not known."""

    server: str
    offset_s: float = 0.0
    failure: str = ""


async def tcp(
    source: str, ip: str, port: int, limit_s: float = LIMIT_S, *, sources: tuple[int, int] = SOURCE_PORTS
) -> Knock:
    """Connect from our address and the cluster's source ports (or others; 0, 0: any), and hang up."""
    sock = socket.socket(family_of(ip), socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        bind_source(sock, source, sources)
        async with asyncio.timeout(limit_s):
            await asyncio.get_running_loop().sock_connect(sock, (ip, port))
    except TimeoutError:
        return Knock("silent", f"no answer from {ip} port {port} within {limit_s:g} s")
    except OSError as error:
        refused = error.errno == errno.ECONNREFUSED
        words = "connection refused" if refused else error.strerror or str(error)
        return Knock("closed" if refused else "silent", f"{words} by {ip} port {port}")
    finally:
        sock.close()
    return Knock("open", f"{ip} port {port} answers")


async def udp(ip: str, port: int, limit_s: float = ICMP_WAIT_S) -> Knock:
    """Send an empty datagram: where nothing listens the host says so; silence says nothing."""
    loop = asyncio.get_running_loop()
    with socket.socket(family_of(ip), socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        try:
            sock.connect((ip, port))
            sock.send(b"")
            async with asyncio.timeout(limit_s):
                await loop.sock_recv(sock, 1)
        except TimeoutError:
            return Knock("silent", f"{ip} port {port} does not answer, and does not say that it is closed")
        except OSError as error:
            refused = error.errno == errno.ECONNREFUSED
            return Knock("closed" if refused else "silent", f"{ip} port {port}: {error.strerror}")
    return Knock("open", f"{ip} port {port} answers")


def listens(kind: Literal["tcp", "udp"], address: str, port: int) -> bool:
    """Tell whether something on this host has the port, without disturbing it."""
    with socket.socket(family_of(address), socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as sock:
        if kind == "tcp":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that just ended do not count
        try:
            sock.bind((address, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


async def ntp(server: str, ip: str, port: int, limit_s: float = LIMIT_S) -> ServerTime:
    """Ask a time server once (SNTP, RFC 4330)."""
    loop = asyncio.get_running_loop()
    cookie = secrets.token_bytes(8)  # our transmit timestamp needs to mean nothing to the server
    with socket.socket(family_of(ip), socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        try:
            sock.connect((ip, port))
            wall, started = time.time(), time.monotonic()  # the wall clock is what is compared here
            sock.send(_REQUEST.pack(0x23, cookie))
            async with asyncio.timeout(limit_s):
                data = await loop.sock_recv(sock, 1024)
            took_s = time.monotonic() - started
        except TimeoutError:
            return ServerTime(server, failure=f"no answer within {limit_s:g} s")
        except OSError as error:
            return ServerTime(server, failure=(error.strerror or str(error)).lower())
    return _read(server, data, cookie, wall, took_s)


def _read(server: str, data: bytes, cookie: bytes, wall: float, took_s: float) -> ServerTime:
    if len(data) < _ANSWER.size:
        return ServerTime(server, failure="its answer is too short")
    first, stratum, origin, received, sent = _ANSWER.unpack_from(data)
    if first & 7 != 4 or origin != cookie or not sent:
        return ServerTime(server, failure="its answer is not one to this question")
    if first >> 6 == 3 or not 0 < stratum < 16:  # RFC 4330 5
        return ServerTime(server, failure="it is not synchronised itself")
    there = (_seconds(received) + _seconds(sent)) / 2
    return ServerTime(server, offset_s=there - (wall + took_s / 2))


def _seconds(timestamp: int) -> float:
    whole = timestamp / 2**32
    return whole + (2**32 if whole < 2**31 else 0) - _NTP_EPOCH_S  # era 1 begins in 2036 (RFC 4330 3)
