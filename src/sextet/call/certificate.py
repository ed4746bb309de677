"""Which names does a certificate hold? Reads just that of X.509 (RFC 5280), since no library runs inside a worker."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass

from sextet.model.ip import ip_of

PEM_BYTES_MAX = 64 << 10  # a certificate with two hundred names is 8 KiB
NAMES_MAX = 200
_SAN = bytes((0x55, 0x1D, 0x11))  # 2.5.29.17
_CN = bytes((0x55, 0x04, 0x03))  # 2.5.4.3
_EMAIL, _DNS, _URI, _IP = 0x81, 0x82, 0x86, 0x87  # RFC 5280 4.2.1.6


@dataclass(frozen=True, slots=True)
class CertificateNames:
    """The common name and the subject alternative names, in lower case."""

    common: str = ""
    alternatives: tuple[str, ...] = ()

    @property
    def every(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for name in (self.common, *self.alternatives) if name))

    @property
    def shown(self) -> str:
        """Give the name by which people know the other side."""
        return next(iter((*self.alternatives, self.common)), "") or "nobody"

    @property
    def told(self) -> str:
        """Give the names that count, some of them where there are many."""
        return ", ".join(self.alternatives[:3]) or "nobody"

    def have(self, host: str) -> bool:
        """Say whether an address as configured is among the alternatives: not the common name (facts 9.6), no wildcards
        (RFC 5922 7.2)."""
        return host.lower().rstrip(".").strip("[]") in self.alternatives


def names_of(pem: str) -> CertificateNames | None:
    """Read a PEM certificate; None where it is none, or broken."""
    if not pem or len(pem) > PEM_BYTES_MAX:
        return None
    try:
        der = base64.b64decode(
            "".join(line for line in pem.splitlines() if not line.startswith("-----")), validate=True
        )
        (certificate,) = [content for _, content in _parts(der)]
        fields = list(_parts(next(content for _, content in _parts(certificate))))
        if fields[0][0] == 0xA0:  # the version, which may be missing
            fields = fields[1:]
        subject = fields[4][1]
        extensions = next((content for tag, content in fields[5:] if tag == 0xA3), b"")
        return CertificateNames(_common(subject), tuple(_alternatives(extensions)))
    except (ValueError, IndexError, StopIteration, binascii.Error):
        return None


def _common(subject: bytes) -> str:
    for _, relative in _parts(subject):
        for _, pair in _parts(relative):
            (_, kind), (_, value) = _parts(pair)
            if kind == _CN:
                return value.decode("utf-8", "replace").lower()
    return ""


def _alternatives(extensions: bytes) -> Iterator[str]:
    for _, sequence in _parts(extensions):
        for _, extension in _parts(sequence):
            parts = list(_parts(extension))
            if parts[0][1] != _SAN:
                continue
            for _, names in _parts(parts[-1][1]):
                yield from (name for tag, value in list(_parts(names))[:NAMES_MAX] if (name := _name(tag, value)))


def _name(tag: int, value: bytes) -> str:
    if tag == _IP and len(value) in (4, 16):
        return str(ip_of(value))
    text = value.decode("ascii", "replace").lower()
    if tag == _URI and text.startswith(("sip:", "sips:")):  # RFC 5922 7.1: the domain of a SIP URI
        return text.partition(":")[2]
    return text.rstrip(".") if tag in (_DNS, _URI, _EMAIL) else ""


def _parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Give tag and content of each DER element; raises ValueError where one is cut off."""
    place = 0
    while place < len(data):
        tag, length = data[place], data[place + 1]
        place += 2
        if length & 0x80:
            count = length & 0x7F
            length = int.from_bytes(data[place : place + count], "big")
            place += count
        if place + length > len(data):
            raise ValueError("a part is cut off")
        yield tag, data[place : place + length]
        place += length
