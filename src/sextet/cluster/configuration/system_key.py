"""The system key of this peer: what encrypts the secrets of its configuration on its disk, and nowhere else.

How it works. A document that goes to disk has each secret replaced by `{sextet:<key id>}<base64>`: AES-256-GCM with a
nonce of its own, bound to the path of the setting. The key stands in a file of its own, readable by its owner only, so
that a copy of the database alone says nothing. A new key is added to the file first, then everything is encrypted
again, then the old key is removed: whenever the power fails, the file holds every key that is in use.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
import re
import secrets
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sextet.model.config import Document
from sextet.model.secrets import replaced

KEY_BYTES = 32
NONCE_BYTES = 12  # NIST SP 800-38D 5.2.1.1; drawn at random, far below 2^32 values for one key
ID_BYTES = 4
FILE_BYTES_MAX = 4096  # two keys are 200 bytes
_SEALED = re.compile(r"\{sextet:([0-9a-f]{8})\}([A-Za-z0-9+/=]+)")


class KeyFailure(Exception):
    """The system key file cannot be read or written; what is encrypted stays as it is."""


class KeyLost(Exception):
    """Secrets are stored that no key of the file decrypts."""


class SystemKey:
    """The keys of one file; the file is made when the first secret is sealed."""

    def __init__(self, path: Path) -> None:
        """Read the file, if it is there; a file that cannot be read leaves no key, and says why in `trouble`."""
        self.path = path
        self.trouble = ""
        self._current, self._keys = "", dict[str, bytes]()
        with contextlib.suppress(FileNotFoundError):
            try:
                self._current, self._keys = _read(path)
            except KeyFailure as error:
                self.trouble = str(error)

    @property
    def current(self) -> str:
        """The name of the newest key; empty while there is none."""
        return self._current

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._keys)

    @property
    def settled(self) -> bool:
        """Whether only one key is in use: else a renewal was interrupted."""
        return len(self._keys) < 2

    def check(self) -> str:
        """Compare the file with what is in use: "" or what is wrong with it."""
        if not self._keys:
            return self.trouble
        try:
            found = _read(self.path)
        except FileNotFoundError:
            return f"The system key file {self.path} is gone."
        except KeyFailure as error:
            return str(error)
        return "" if found == (self._current, self._keys) else f"The system key file {self.path} holds another key."

    def seal(self, document: Document) -> dict[str, Any]:
        """Encrypt every secret of a document. Raises KeyFailure where there is no key and none can be made."""
        return replaced(document, self.seal_value)

    def seal_value(self, path: str, value: str) -> str:
        """Encrypt one text for one place. Raises KeyFailure."""
        if not self._current:
            if self.trouble:
                raise KeyFailure(self.trouble)
            self.renew()
        nonce = secrets.token_bytes(NONCE_BYTES)
        hidden = AESGCM(self._keys[self._current]).encrypt(nonce, value.encode(), path.encode())
        return f"{{sextet:{self._current}}}{base64.b64encode(nonce + hidden).decode()}"

    def open(self, document: Document) -> dict[str, Any]:
        """Decrypt every secret of a document; raises KeyLost with the number of those that cannot be."""
        lost: list[str] = []

        def attempt(path: str, value: str) -> str:
            try:
                return self.open_value(path, value)
            except KeyLost:
                lost.append(path)
                return ""

        opened = replaced(document, attempt)
        if lost:
            raise KeyLost(f"{len(lost)} encrypted entries cannot be decrypted, the first is {lost[0]}")
        return opened

    def open_value(self, path: str, value: str) -> str:
        """Decrypt one text; what was never encrypted is returned as it is. Raises KeyLost."""
        found = _SEALED.fullmatch(value)
        if found is None:
            return value
        try:
            whole = base64.b64decode(found[2], validate=True)
            key = AESGCM(self._keys[found[1]])
            return key.decrypt(whole[:NONCE_BYTES], whole[NONCE_BYTES:], path.encode()).decode()
        except (KeyError, InvalidTag, binascii.Error, ValueError) as error:
            raise KeyLost(f"{path} cannot be decrypted") from error

    def renew(self) -> None:
        """Make a new key and keep the old one until `settle`. Raises KeyFailure, and changes nothing then."""
        name = secrets.token_hex(ID_BYTES)
        keys = {**self._keys, name: secrets.token_bytes(KEY_BYTES)}
        _write(self.path, name, keys)
        self._current, self._keys, self.trouble = name, keys, ""

    def settle(self) -> None:
        """Forget all keys but the newest: everything is encrypted with it. Raises KeyFailure."""
        keys = {name: key for name, key in self._keys.items() if name == self._current}
        _write(self.path, self._current, keys)
        self._keys, self.trouble = keys, ""


def _read(path: Path) -> tuple[str, dict[str, bytes]]:
    try:
        with path.open("rb") as file:
            value = json.loads(file.read(FILE_BYTES_MAX))
        keys = {str(name): bytes.fromhex(key) for name, key in value["keys"].items()}
        current = str(value["current"])
    except FileNotFoundError:
        raise
    except OSError as error:
        raise KeyFailure(f"The system key file {path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise KeyFailure(f"The system key file {path} is damaged.") from error
    if current not in keys or any(len(key) != KEY_BYTES for key in keys.values()):
        raise KeyFailure(f"The system key file {path} is damaged.")
    return current, keys


def _write(path: Path, current: str, keys: dict[str, bytes]) -> None:
    text = json.dumps({"current": current, "keys": {name: key.hex() for name, key in keys.items()}})
    try:
        write_secret(path, text.encode())
    except OSError as error:
        raise KeyFailure(f"The system key file {path} cannot be written: {error.strerror}.") from error


def write_secret(path: Path, content: bytes) -> None:
    """Replace a file that only its owner may read: whole or not at all, also when the power fails. Raises OSError."""
    new = path.with_name(f"{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    descriptor = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
