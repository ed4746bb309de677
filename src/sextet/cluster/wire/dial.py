"""How another peer is reached: TCP from our address and port range, TLS, the proof of the cluster key, its store."""

from __future__ import annotations

import asyncio
import errno
import secrets
import socket
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sextet.cluster.trust import certificates, tls
from sextet.cluster.trust.revocation import NONE, Revocations
from sextet.cluster.wire.enrolment import Enrolment
from sextet.cluster.wire.link import Target
from sextet.cluster.wire.proof import (
    MESSAGE_BYTES_MAX,
    NONCE_BYTES,
    BadMessage,
    Caller,
    Failed,
    Granted,
    Message,
    Proved,
    Send,
    decode,
    encode,
)
from sextet.cluster.wire.session import Gate, Session, SessionLost
from sextet.streams import family_of, stream

SOURCE_PORTS = (30000, 35999)  # guide: cluster communication comes from these
USER_TIMEOUT_MS = (
    3000  # the kernel gives up what was not acknowledged: beyond link.py's limits, so that it is never first
)
STREAM_BYTES_MAX = 1 << 20  # read ahead: one payload of the largest size
BIND_TRIES = 200
_IP_LOCAL_PORT_RANGE, _IP_BIND_ADDRESS_NO_PORT = (
    51,
    24,
)  # linux/in.h; the first since 6.3, and not in Python's socket module
# OpenSSL's verification errors, as the lines that certificates.py would give.
_LINES = {9: "Invalid (not yet valid)", 10: "Invalid (expired)", 26: "Invalid (no serverAuth usage)"}
_UNTRUSTED = (18, 19, 20, 21)


class DialFailed(Exception):
    """The peer was not reached, or it is not whom we want; the text is for the administrator."""

    def __init__(self, reason: str, *, enforced: bool = False) -> None:
        super().__init__(reason)
        self.enforced = enforced  # verified, it might work


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Who we are to others."""

    name: str  # as configured in the peer list
    address: str
    port: int  # of the other peers' fronts
    permissive: ssl.SSLContext
    enforcing: ssl.SSLContext
    certificate: bytes  # DER
    private_key: bytes = field(repr=False)  # PEM
    key: bytes = field(repr=False)  # derived from the cluster key; empty while there is none
    digest: str = ""  # changes with any of them; not a secret
    revocations: Revocations = NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """Who is told what a dial sees on its way."""

    stage: Callable[[str], None]
    chain: Callable[[list[bytes]], None]  # the peer's certificates, DER
    line: Callable[[str], None]  # when the handshake failed before they could be seen
    lost: Callable[[str], None]  # after it was up


async def dial(
    number: int, target: Target, verify: bool, own: Credentials, enrolment: Enrolment, gate: Gate, observer: Observer
) -> Session:
    """Reach a peer's store. Raises DialFailed."""
    reader, writer, password = await reach(number, target, verify, own, enrolment, gate, observer)
    try:
        await gate.passed()
        observer.stage("login to the peer's store")
        return await Session.open(
            reader, writer, user="peer", password=password, name=own.name, lost=observer.lost, gate=gate
        )
    except SessionLost as error:
        raise DialFailed(f"the peer's store: {error}") from error
    except BaseException:  # cancelled as well: the connection must not outlive the attempt
        writer.transport.abort()
        raise


async def reach(
    number: int, target: Target, verify: bool, own: Credentials, enrolment: Enrolment, gate: Gate, observer: Observer
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, str]:
    """Reach a peer and prove the cluster key to each other; gives the password of its store. Raises DialFailed."""
    await gate.passed()
    sock = await _connect(target.ip, own)
    try:
        observer.stage("TLS")
        await gate.passed()
    except BaseException:  # cancelled
        sock.close()
        raise
    context = own.enforcing if verify else own.permissive
    reader, writer = await _secure(sock, context, target, observer, own.revocations)
    try:
        await gate.passed()
        observer.stage("proof of the cluster key")
        return reader, writer, await prove(reader, writer, number, target, verify, own, enrolment)
    except BaseException:  # cancelled as well: the connection must not outlive the attempt
        writer.transport.abort()
        raise


async def _connect(ip: str, own: Credentials) -> socket.socket:
    sock = socket.socket(family_of(ip), socket.SOCK_STREAM)
    sock.setblocking(False)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
        bind_source(sock, own.address)
        await asyncio.get_running_loop().sock_connect(sock, (ip, own.port))
    except OSError as error:
        sock.close()
        raise DialFailed(_tcp_sentence(error, f"{ip} port {own.port}")) from error
    except BaseException:  # cancelled as well: the socket must not outlive the attempt
        sock.close()
        raise
    return sock


def bind_source(sock: socket.socket, address: str, ports: tuple[int, int] = SOURCE_PORTS) -> None:
    """Bind to our address and a port of the range: the kernel picks it, before Linux 6.3 we try. Raises OSError."""
    low, high = ports
    try:
        sock.setsockopt(socket.IPPROTO_IP, _IP_LOCAL_PORT_RANGE, struct.pack("@I", (high << 16) | low))
        sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((address, 0))
    except OSError as error:
        if error.errno not in (errno.ENOPROTOOPT, errno.EINVAL):
            raise
        bind_by_trying(sock, address, ports)


def bind_by_trying(sock: socket.socket, address: str, ports: tuple[int, int]) -> None:
    """Bind to a port of the range that is free. Raises OSError."""
    low, high = ports
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for _ in range(BIND_TRIES):
        try:
            return sock.bind((address, low + secrets.randbelow(high - low + 1)))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    raise OSError(errno.EADDRNOTAVAIL, f"no free source port from {low} to {high}")


async def _secure(
    sock: socket.socket, context: ssl.SSLContext, target: Target, observer: Observer, revocations: Revocations
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        reader, writer = await stream(sock, context, host=target.name, limit=STREAM_BYTES_MAX, end_s=1)
    except ssl.SSLCertVerificationError as error:
        line = "Invalid (issuer not trusted)" if error.verify_code in _UNTRUSTED else _LINES.get(error.verify_code)
        observer.line(line or f"Invalid ({error.verify_message})")
        raise DialFailed(f"TLS: the peer's {tls.sentence(error)}") from error
    except ssl.SSLError as error:
        raise DialFailed(f"TLS: {tls.sentence(error)}") from error
    except OSError as error:
        raise DialFailed("closed before TLS: this peer's address may be missing in the other one's list") from error
    chain = chain_of(writer.get_extra_info("ssl_object"))
    observer.chain(chain)
    problem = ""
    if context.verify_mode == ssl.CERT_REQUIRED:
        problem = certificates.mismatch(chain[0], target.name) or revocations.why(chain)
    if problem:
        writer.transport.abort()
        raise DialFailed(f"TLS: {problem}")
    return reader, writer


async def prove(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    number: int,
    target: Target,
    verify: bool,
    own: Credentials,
    enrolment: Enrolment,
) -> str:
    """Prove and be proved to; gives the password of the peer's store."""
    fingerprint = certificates.fingerprint(writer.get_extra_info("ssl_object").getpeercert(True))
    if not own.key and (why := enrolment.may_accept(number)):
        raise DialFailed(why)
    caller = Caller(
        me=own.name, peer=target.name, fingerprint=fingerprint, verified=verify, key=own.key,
        nonce=secrets.token_bytes(NONCE_BYTES), certificate=own.certificate,
        sign=lambda text: certificates.sign(own.private_key, text),
    )  # fmt: skip
    granted: Granted | None = None
    try:
        while True:
            for step in caller.receive(await read_message(reader)):
                match step:
                    case Send(message):
                        writer.write(encode(message))
                    case Failed(reason, enforced):
                        raise DialFailed(reason, enforced=enforced)
                    case Granted():
                        granted = step
                    case Proved():
                        if granted is not None:
                            enrolment.accept(number, granted.key, granted.cluster_id, fingerprint)
                        return step.password
    except (BadMessage, certificates.CertificateError) as error:
        raise DialFailed(f"proof of the cluster key: {error}") from error
    except ssl.SSLError as error:
        raise DialFailed(f"TLS: the peer refuses this peer's certificate: {tls.sentence(error)}") from error
    except (asyncio.IncompleteReadError, OSError) as error:
        raise DialFailed("proof of the cluster key: the peer closed the connection") from error


async def read_message(reader: asyncio.StreamReader) -> Message:
    """Read one message of the proof. Raises BadMessage, IncompleteReadError, OSError."""
    size = int.from_bytes(await reader.readexactly(2), "big")
    if size > MESSAGE_BYTES_MAX:
        raise BadMessage(f"a message of {size} bytes, at most {MESSAGE_BYTES_MAX}")
    return decode(await reader.readexactly(size))


def chain_of(connection: ssl.SSLObject) -> list[bytes]:
    """Give the peer's certificates; Python 3.11 shows those above the first only through a private door."""
    own = connection.getpeercert(True)
    if own is None:
        return []  # a caller whom nobody asked for a certificate
    inner: Any = getattr(connection, "_sslobj", None)
    if not hasattr(inner, "get_unverified_chain"):
        return [own]
    return [ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in inner.get_unverified_chain() or ()] or [own]


def _tcp_sentence(error: OSError, where: str) -> str:
    match error.errno:
        case errno.ECONNREFUSED:
            return f"connection refused by {where}"
        case errno.ETIMEDOUT:
            return f"timed out: no answer from {where}"
        case errno.EHOSTUNREACH | errno.ENETUNREACH:
            return f"no route to {where}"
        case errno.EADDRNOTAVAIL:
            return f"cannot dial {where} from here: {error.strerror}"
    return f"{where}: {error.strerror or error}"
