"""A small LDAP server for tests: knows devices, takes one log-in, and can be slow, silent, or cut."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sextet.streams import StreamServer

BASE = "ou=H350,dc=apolo,dc=local"
LOGIN = ("cn=sextet,dc=apolo,dc=local", "of the directory")
BIND, SEARCH, UNBIND = 0x60, 0x63, 0x42  # RFC 4511 4: the application tags of what a client sends
BIND_ANSWER, ENTRY, DONE = 0x61, 0x64, 0x65
SUCCESS, SASL_IN_PROGRESS, NO_SUCH_OBJECT, INVALID_CREDENTIALS = 0, 14, 32, 49
OCTETS, ENUMERATED, INTEGER, SEQUENCE, SET = 0x04, 0x0A, 0x02, 0x30, 0x31
EQUALITY, SASL, SERVER_SASL = 0xA3, 0xA3, 0x87


@dataclass(frozen=True, slots=True)
class Device:
    """One entry of the directory."""

    name: str
    password: str


class LdapServer:
    """Listens on one address; names are compared without regard to case, as RFC 3944 has it."""

    def __init__(self, *devices: Device) -> None:
        self.devices: Sequence[Device] = devices
        self.silent = False
        self.free = asyncio.Event()  # while it is not set, what was found is held back
        self.free.set()
        self.asked: list[str] = []  # the names that were looked for
        self.came = asyncio.Event()  # the first of these
        self.logins: list[str] = []
        self._server = StreamServer(self._serve)

    async def start(self, ip: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Listen."""
        self._server.listen(ip, port, tls)

    async def stop(self) -> None:
        """Listen no more, and end what is open."""
        await self._server.stop()

    def cut(self) -> None:
        """End what is open."""
        self._server.cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                _, message = await _read(reader)
                (_, number), (kind, body), *_ = _parts(message)
                if kind == UNBIND:
                    return
                said = self._said(kind, body)
                if kind == SEARCH:
                    await self.free.wait()
                if not self.silent:
                    writer.write(b"".join(_made(SEQUENCE, _made(INTEGER, number), one) for one in said))
                    await writer.drain()

    def _said(self, kind: int, body: bytes) -> list[bytes]:
        if kind == BIND:
            _, (_, user), (how, password) = _parts(body)
            if how == SASL:
                return [self._digest(password)]
            self.logins.append(user.decode())
            good = (user.decode(), password.decode()) in (LOGIN, ("", ""))
            return [_result(BIND_ANSWER, SUCCESS if good else INVALID_CREDENTIALS)]
        (_, base), _, _, _, _, _, (test, wanted), _ = _parts(body)
        if base.decode() != BASE:
            return [_result(DONE, NO_SUCH_OBJECT)]
        if test != EQUALITY:  # only whether the base is there
            return [_result(DONE, SUCCESS)]
        name = _parts(wanted)[1][1].decode()
        self.asked.append(name)
        self.came.set()
        found = [one for one in self.devices if one.name.lower() == name.lower()]
        return [*(_entry(one) for one in found), _result(DONE, SUCCESS)]

    def _digest(self, credentials: bytes) -> bytes:
        """Take a log-in with DIGEST-MD5 (RFC 2831 2.1) of the user `sextet`."""
        said = dict(re.findall(r'([\w-]+)="?([^",]*)', _parts(credentials)[-1][1].decode()))
        if "response" not in said:
            challenge = _made(SERVER_SASL, b'realm="apolo",nonce="once",qop="auth",algorithm=md5-sess,charset=utf-8')
            return _result(BIND_ANSWER, SASL_IN_PROGRESS, challenge)
        self.logins.append(said["username"])
        secret = _md5(f"sextet:apolo:{LOGIN[1]}".encode(), raw=True)
        proof = ":".join(
            (
                _md5(secret + f":once:{said['cnonce']}".encode()).decode(),
                f"once:{said['nc']}:{said['cnonce']}:auth",
                _md5(f"AUTHENTICATE:{said['digest-uri']}".encode()).decode(),
            )
        )
        good = said["response"] == _md5(proof.encode()).decode()
        return _result(BIND_ANSWER, SUCCESS if good else INVALID_CREDENTIALS)


def _md5(data: bytes, raw: bool = False) -> bytes:
    made = hashlib.md5(data, usedforsecurity=False)
    return made.digest() if raw else made.hexdigest().encode()


def _entry(device: Device) -> bytes:
    values: Mapping[str, str] = {"SIPIdentityUserName": device.name, "SIPIdentityPassword": device.password}
    attributes = [
        _made(SEQUENCE, _made(OCTETS, name.encode()), _made(SET, _made(OCTETS, value.encode())))
        for name, value in values.items()
    ]
    return _made(ENTRY, _made(OCTETS, f"commUniqueId={id(device)},{BASE}".encode()), _made(SEQUENCE, *attributes))


def _result(kind: int, code: int, more: bytes = b"") -> bytes:
    return _made(kind, _made(ENUMERATED, bytes([code])), _made(OCTETS, b""), _made(OCTETS, b""), more)


def _made(tag: int, *contents: bytes) -> bytes:
    """Write one element of BER; long lengths in three bytes."""
    whole = b"".join(contents)
    length = bytes([len(whole)]) if len(whole) < 0x80 else b"\x82" + len(whole).to_bytes(2, "big")
    return bytes([tag]) + length + whole


async def _read(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    tag, first = await reader.readexactly(2)
    length = first if first < 0x80 else int.from_bytes(await reader.readexactly(first & 0x7F), "big")
    return tag, await reader.readexactly(length)


def _parts(data: bytes) -> list[tuple[int, bytes]]:
    found = []
    while data:
        tag, length, data = data[0], data[1], data[2:]
        if length & 0x80:
            count = length & 0x7F
            length, data = int.from_bytes(data[:count], "big"), data[count:]
        found.append((tag, data[:length]))
        data = data[length:]
    return found
