"""One HTTP request to a server that an administrator named: bounded in time by the caller, in size here (RFC 9112)."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

from sextet.model.ip import in_uri
from sextet.streams import connect

HEAD_MAX = 16 << 10  # of the answer's status line and headers


class NoAnswer(Exception):
    """The server gave no HTTP answer that can be used; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is asked."""

    host: str  # as configured: for the Host header and the name in the certificate
    ip: str
    port: int
    method: str
    path: str  # with its query, beginning with /
    body: bytes = b""
    authorization: str = ""
    tls: ssl.SSLContext | None = None
    local_ip: str = ""


async def answer(ask: Ask, body_max: int) -> tuple[int, bytes]:
    """Give status and body; raises NoAnswer, and OSError (TLS errors among them) where the way to it fails."""
    source = ask.local_ip if (":" in ask.local_ip) == (":" in ask.ip) else ""
    reader, writer = await connect(ask.ip, ask.port, ask.tls, name=ask.host, source=source, limit=HEAD_MAX)
    try:
        writer.write(_head(ask) + ask.body)
        await writer.drain()
        status, headers = await _read_head(reader)
        while 100 <= status < 200:  # RFC 9110 15.2
            status, headers = await _read_head(reader)
        return status, await _body(reader, headers, body_max)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
        raise NoAnswer("its answer is no whole HTTP message") from error
    finally:
        writer.transport.abort()  # all that counts was read; close() would wait for the other side's end of TLS


def _head(ask: Ask) -> bytes:
    host = in_uri(ask.host)
    lines = [f"{ask.method} {ask.path} HTTP/1.1", f"Host: {host}:{ask.port}", "User-Agent: sextet", "Connection: close"]
    lines += ["Accept: application/cpl+xml, text/xml, */*"]
    if ask.method == "POST":
        lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(ask.body)}"]
    if ask.authorization:
        lines += [f"Authorization: {ask.authorization}"]
    return "\r\n".join([*lines, "", ""]).encode()


async def _read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
        raise NoAnswer("what it answers is not HTTP/1.1")
    pairs = (line.partition(":") for line in lines if line)
    return int(rest[:3]), {name.strip().lower(): value.strip() for name, _, value in pairs}


async def _body(reader: asyncio.StreamReader, headers: dict[str, str], body_max: int) -> bytes:
    """Read the body, however its length is said (RFC 9112 6.3)."""
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = b""
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            _bounded(len(body) + size, body_max)
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        return body
    if "content-length" in headers:
        size = int(headers["content-length"])
        _bounded(size, body_max)
        return await reader.readexactly(size)
    body = b""
    while part := await reader.read(4096):
        body += part
        _bounded(len(body), body_max)
    return body


def _bounded(size: int, body_max: int) -> None:
    if not 0 <= size <= body_max:
        raise NoAnswer(f"its answer is longer than {body_max} bytes")
