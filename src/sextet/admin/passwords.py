"""How an administrator's password is kept: scrypt (RFC 7914), its parameters in the stored text, compared blindly.

Stored: `scrypt$ln=14,r=8,p=5$<salt>$<hash>`, both in base64 without padding.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets

from sextet.model.schema import Problem, Refused

LENGTH_MIN = 8  # NIST SP 800-63B 5.1.1.2
LENGTH_MAX = 128  # as every other text; keeps a log-in small
SALT_BYTES = 16  # NIST SP 800-63B asks for at least 4
HASH_BYTES = 32
COST_LOG2, BLOCK_SIZE, PASSES = (
    14,
    8,
    5,
)  # 16 MiB and about 0.2 s: OWASP's equal of 2^17 and one pass, in an eighth of the memory
COST_LOG2_MAX, BLOCK_SIZE_MAX, PASSES_MAX = 17, 8, 16  # a stored text from elsewhere must not eat the machine
_FIRST_TRIED = """
tandberg password passw0rd password1 administrator administrador 12345678 123456789 1234567890 qwertyui qwerty123
changeme changeit letmein1 expressway adminadmin admin123 admin1234 cisco123 welcome1
"""
WELL_KNOWN = frozenset(_FIRST_TRIED.split())  # the original's own default, and the like (NIST SP 800-63B 5.1.1.2)
_STORED = re.compile(r"scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{16,64})\$([A-Za-z0-9+/]{43})")


def hashed(password: str, salt: bytes | None = None) -> str:
    """Turn a password into what is stored."""
    salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
    made = _scrypt(password, salt, COST_LOG2, BLOCK_SIZE, PASSES)
    return f"scrypt$ln={COST_LOG2},r={BLOCK_SIZE},p={PASSES}${_text(salt)}${_text(made)}"


def decoy() -> str:
    """Give a stored text that no password matches, and that costs as much to compare as any other."""
    made = secrets.token_bytes(HASH_BYTES)
    return f"scrypt$ln={COST_LOG2},r={BLOCK_SIZE},p={PASSES}${_text(secrets.token_bytes(SALT_BYTES))}${_text(made)}"


def matches(password: str, stored: str) -> bool:
    """Compare; a stored text that is not ours never matches."""
    found = _STORED.fullmatch(stored)
    if not found or not well_formed(stored):
        return False
    wanted = _bytes(found[5])
    return hmac.compare_digest(_scrypt(password, _bytes(found[4]), int(found[1]), int(found[2]), int(found[3])), wanted)


def well_formed(stored: str) -> bool:
    """Tell whether a text is a hash that `matches` would work on."""
    found = _STORED.fullmatch(stored)
    limits = (COST_LOG2_MAX, BLOCK_SIZE_MAX, PASSES_MAX)
    return bool(found and all(0 < int(found[n]) <= most for n, most in enumerate(limits, 1)))


def demand_good(password: str, field: str) -> None:
    """Raise Refused for a password that must not be chosen."""
    if not LENGTH_MIN <= len(password) <= LENGTH_MAX:
        sentence = f"Password: has {len(password)} characters; enter {LENGTH_MIN} to {LENGTH_MAX}."
        raise Refused(Problem(field, sentence))
    if any(ord(c) < 32 or ord(c) == 127 for c in password):
        raise Refused(Problem(field, "Password: contains a control character; remove it."))
    if password.lower() in WELL_KNOWN:
        raise Refused(Problem(field, "Password: is one that everybody tries first; choose another."))


def _scrypt(password: str, salt: bytes, cost_log2: int, block_size: int, passes: int) -> bytes:
    cost = 1 << cost_log2
    memory = 128 * block_size * (cost + passes + 2)  # RFC 7914 6, and OpenSSL counts two blocks more
    secret = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(secret, salt=salt, n=cost, r=block_size, p=passes, maxmem=memory, dklen=HASH_BYTES)


def _text(data: bytes) -> str:
    return base64.b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))
