"""Recovery, TCP 4371: a peer whose database is lost asks another one for a whole copy of the configuration.

How it works. TLS and the proof of the cluster key are those of the cluster port. Then the caller sends one line, and
the callee answers with two parts, each with four bytes of length: what it says of itself (JSON), and the newest
version that it holds, as the cluster port shows it. The version carries its digest, so that what came is what was sent.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sextet.cluster.configuration.history import ROW_BYTES_MAX, Version, from_row, to_row
from sextet.cluster.disk.remembrance import Remembered
from sextet.cluster.trust import certificates, revocation, tls
from sextet.cluster.wire.dial import Credentials, DialFailed, Observer, reach
from sextet.cluster.wire.front import Front
from sextet.cluster.wire.link import Target
from sextet.cluster.wire.proof import derive
from sextet.cluster.wire.session import Gate
from sextet.engine import Journal

PORT = 4371
QUESTION = b"copy 1\n"
HEAD_BYTES_MAX = 1024
TALK_WITHIN_S = 10.0  # 900 kB over a slow link
NEVER = -1.0


class RecoveryFailed(Exception):
    """No copy was had from a peer; the text says from which one, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """What a peer answers."""

    version: Version
    key_renewed_s: float  # since an administrator had the system keys of the cluster renewed on that peer; or NEVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks: this peer's address and certificate files, and the port on which the others answer."""

    address: str
    certificate: Path
    private_key: Path
    trusted: Path
    crl: Path = Path()
    port: int = PORT
    software: str = ""  # the version of sextet that asks


class NoEnrolment:
    """Nobody enrols on the recovery port: who asks here has been a member."""

    def may_hand_over(self, number: int) -> str:
        return "peers enrol on the cluster port"

    def may_grant(self, number: int, fingerprint: str) -> str:
        return self.may_hand_over(number)

    def handed_over(self, number: int, fingerprint: str) -> None: ...

    def may_accept(self, number: int) -> str:
        return "this peer has no cluster key"

    def accept(self, number: int, key: bytes, cluster_id: str, fingerprint: str) -> None: ...

    def grant(self) -> tuple[bytes, str]:
        raise AssertionError("nobody enrols on the recovery port")


def listener(
    address: str, port: int, journal: Journal, copy: Callable[[], Copy]
) -> Callable[[Callable[[int], Gate]], Front]:
    """Make what answers on the recovery port; it follows the rules of the cluster port."""

    async def talk(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(TALK_WITHIN_S):
                if await reader.readexactly(len(QUESTION)) != QUESTION:
                    return
                answer = copy()
                head = json.dumps({"key_renewed_s": answer.key_renewed_s}).encode()
                for part in (head, to_row(answer.version)):
                    writer.write(len(part).to_bytes(4, "big") + part)
                await writer.drain()
                await reader.read(1)  # the caller closes when it has everything
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            return
        detail = f"Peer {number} fetched a copy of the configuration, {answer.version.stamp}"
        journal.module("developer.clusterdb.recovery", "INFO", detail)

    def made(gate: Callable[[int], Gate]) -> Front:
        return Front(address=address, port=port, journal=journal, enrolment=NoEnrolment(), gate=gate, talk=talk)

    return made


async def fetch(caller: Caller, remembered: Remembered, number: int) -> Copy:
    """Get a copy from the peer of this number. Raises RecoveryFailed."""
    name = remembered.peers[number - 1]
    ip = remembered.addresses.get(name, "")
    where = f"peer {number}, {name}"
    if not ip or not remembered.membership.key:
        raise RecoveryFailed(f"{where}: its address or the cluster key is not remembered here")
    target = Target(name=name, ip=ip, verify=remembered.enforce)
    observer = Observer(stage=_ignore, chain=_ignore, line=_ignore, lost=_ignore)
    try:
        own = await asyncio.to_thread(_credentials, caller, remembered)
        async with asyncio.timeout(TALK_WITHIN_S):
            reader, writer, _ = await reach(number, target, remembered.enforce, own, NoEnrolment(), Gate(), observer)
            try:
                return await _ask(reader, writer)
            finally:
                writer.transport.abort()
    except (DialFailed, ValueError, ssl.SSLError, certificates.CertificateError, revocation.RevocationError) as error:
        raise RecoveryFailed(f"{where}: {error}") from error
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        raise RecoveryFailed(f"{where}: no whole answer came") from error


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Copy:
    writer.write(QUESTION)
    head = json.loads(await _part(reader, HEAD_BYTES_MAX))
    row = await _part(reader, ROW_BYTES_MAX)
    return Copy(version=from_row(row), key_renewed_s=float(head["key_renewed_s"]))


async def _part(reader: asyncio.StreamReader, most: int) -> bytes:
    size = int.from_bytes(await reader.readexactly(4), "big")
    if size > most:
        raise ValueError(f"the answer has {size} bytes, at most {most}")
    return await reader.readexactly(size)


def _credentials(caller: Caller, remembered: Remembered) -> Credentials:
    pem = caller.trusted.read_bytes()
    trusted = certificates.read_pem(pem, str(caller.trusted)) if pem.strip() else []
    crl = caller.crl.read_bytes() if caller.crl.is_file() else b""
    files = {"certificate": caller.certificate, "private_key": caller.private_key}
    return Credentials(
        name=remembered.peers[remembered.number - 1],
        address=caller.address,
        port=caller.port,
        permissive=tls.context(server=False, trusted=None, **files),
        enforcing=tls.context(server=False, trusted=caller.trusted, **files),
        certificate=certificates.leaf(caller.certificate.read_bytes(), str(caller.certificate)),
        private_key=caller.private_key.read_bytes(),
        key=derive(remembered.membership.key),
        revocations=revocation.load(crl, trusted),
    )


def _ignore(seen: object) -> None:
    """A single question has nobody to show its stages to."""
