"""A backup: the whole configuration of one peer with its certificate and key, encrypted with a passphrase, one file.

The first line says what it is, the second (JSON) from where and of which version; then salt, nonce, and everything else
encrypted with AES-256-GCM under a key that scrypt makes of the passphrase. The first two lines are authenticated too.
"""

from __future__ import annotations

import json
import secrets
import zlib
from dataclasses import asdict, dataclass
from hashlib import scrypt
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sextet.model.config import DOCUMENT_BYTES_MAX, Document
from sextet.model.schema import Problem, Refused

MAGIC = b"sextet backup 1\n"
HEADER_BYTES_MAX = 4096
BACKUP_BYTES_MAX = 32 << 20  # above the largest configuration with its certificates
PASSPHRASE_MIN = 8
SALT_BYTES, NONCE_BYTES = 16, 12
_COST = {"n": 1 << 15, "r": 8, "p": 1, "maxmem": 128 << 20, "dklen": 32}  # 32 MiB, about 0.1 s for each try
_EXPANDED_MAX = DOCUMENT_BYTES_MAX + (8 << 20)  # certificates beside the configuration


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What a backup says of itself without the passphrase."""

    version: str  # of the software
    host: str
    serial: str  # the identity of the peer
    made: str  # date and time with zone, for people


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What is in a backup."""

    document: Document
    certificate: str  # PEM
    private_key: str
    trusted: str


def encrypt(label: Label, contents: Contents, passphrase: str) -> bytes:
    """Write a backup; takes about 0.1 s. Raises Refused for a passphrase that is too short."""
    if len(passphrase) < PASSPHRASE_MIN:
        raise Refused(Problem("passphrase", f"The passphrase is too short; use at least {PASSPHRASE_MIN} characters."))
    head = MAGIC + json.dumps(asdict(label)).encode() + b"\n"
    salt, nonce = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(NONCE_BYTES)
    plain = zlib.compress(json.dumps(asdict(contents), ensure_ascii=False).encode())
    return head + salt + nonce + AESGCM(_key(passphrase, salt)).encrypt(nonce, plain, head)


def label_of(data: bytes) -> Label:
    """Read what a backup says of itself; raises Refused for what is no backup."""
    return _parted(data)[0]


def decrypt(data: bytes, passphrase: str) -> tuple[Label, Contents]:
    """Read a backup; raises Refused where it is none, is damaged, or the passphrase is another one."""
    label, head, rest = _parted(data)
    salt, nonce, hidden = (
        rest[:SALT_BYTES],
        rest[SALT_BYTES : SALT_BYTES + NONCE_BYTES],
        rest[SALT_BYTES + NONCE_BYTES :],
    )
    try:
        plain = AESGCM(_key(passphrase, salt)).decrypt(nonce, hidden, head)
        expander = zlib.decompressobj()
        value: Any = json.loads(expander.decompress(plain, _EXPANDED_MAX))
        return label, Contents(**value)
    except InvalidTag as error:
        wrong = "The passphrase is not the one of this backup, or the file is damaged; nothing was changed."
        raise Refused(Problem("passphrase", wrong)) from error
    except (ValueError, TypeError, zlib.error) as error:
        raise _no_backup() from error


def why_another_version(label: Label, version: str) -> str:
    """Say why a backup of other software is not restored; "" for the same."""
    if label.version == version:
        return ""
    return (
        f"The backup was made by version {label.version}, this system runs {version}; "
        "a backup is restored on the same version only. Install that version first."
    )


def _parted(data: bytes) -> tuple[Label, bytes, bytes]:
    end = data.find(b"\n", len(MAGIC), HEADER_BYTES_MAX)
    if not data.startswith(MAGIC) or end < 0 or len(data) < end + SALT_BYTES + NONCE_BYTES + 16:
        raise _no_backup()
    if len(data) > BACKUP_BYTES_MAX:
        raise Refused(Problem("file", f"The file is larger than {BACKUP_BYTES_MAX >> 20} MiB; that is no backup."))
    try:
        values = json.loads(data[len(MAGIC) : end])
        if any(not isinstance(value, str) for value in values.values()):
            raise TypeError("a label of another type")
        return Label(**values), data[: end + 1], data[end + 1 :]
    except (ValueError, TypeError, AttributeError) as error:
        raise _no_backup() from error


def _no_backup() -> Refused:
    return Refused(Problem("file", "This is not a backup of sextet, or it is cut off; choose another file."))


def _key(passphrase: str, salt: bytes) -> bytes:
    return scrypt(passphrase.encode(), salt=salt, **_COST)
