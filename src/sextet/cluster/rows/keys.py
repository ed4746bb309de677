"""How the key of a row is written so that NATS accepts it: a kind, and a name with its other characters escaped."""

from __future__ import annotations

import re

KEY_CHARACTERS_MAX = 1024  # nats-server's control line holds 4096 bytes, with subject, reply and sizes
_PLAIN = re.compile(rb"[^A-Za-z0-9_-]")  # a dot would part the subject, = begins an escape
_ESCAPED = re.compile(rb"=([0-9A-F]{2})")


class KeyTooLong(Exception):
    """The name is too long for the key of a row."""


def encode_key(kind: str, name: str = "") -> str:
    """Write `reg`, `alice@example.com` as `reg.alice=40example=2Ecom`; a kind may stand alone. Raises KeyTooLong."""
    assert kind.isalnum() and kind.islower() and kind.isascii(), kind
    if not name:
        return kind
    plain = name.encode(errors="surrogateescape")
    key = f"{kind}.{(plain if plain.isalnum() else _PLAIN.sub(_escape, plain)).decode()}"
    if len(key) > KEY_CHARACTERS_MAX:
        raise KeyTooLong(f"{kind} {name[:40]}...: {len(key)} characters, at most {KEY_CHARACTERS_MAX}")
    return key


def decode_key(key: str) -> tuple[str, str]:
    """Read a key back as kind and name."""
    kind, _, name = key.partition(".")
    if "=" not in name:
        return kind, name
    plain = _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), name.encode())
    return kind, plain.decode(errors="surrogateescape")


def _escape(found: re.Match[bytes]) -> bytes:
    return b"=%02X" % found[0][0]
