"""What names a person or device: `user@domain`, a bare number, or an IP address; here it is read from URIs.

An alias carries no scheme, port, password or parameter. Its domain is in lower case; its user part keeps the letters as
dialled, because another system may tell them apart (RFC 3261 19.1.4). Our own registrar does not: it compares by `key`.
Letters beyond ASCII stand as they are read, and are escaped again where an alias becomes a URI.
"""

from __future__ import annotations

import functools
import re

from sextet.model.ip import in_uri, ip_of

ADDRESSES_MAX = 4096  # whose usual form is remembered: senders come again and again, and reading one takes 3 us
_ESCAPED = re.compile(r"%([0-9A-Fa-f]{2})")
_BEYOND = re.compile(r"(?:%[89A-Fa-f][0-9A-Fa-f])+")  # escaped bytes that are no ASCII
_UNRESERVED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()")  # RFC 3261 25.1
_USER = _UNRESERVED | frozenset("&=+$,;?/%")  # RFC 3261 25.1; a percent sign is part of an escape that was kept
_SCHEME = re.compile(r"(?i)(?:sips?|tel):")


def of_uri(uri: str) -> str:
    """Take the alias out of a sip, sips or tel URI; text without a scheme is read as if it had one."""
    rest = _SCHEME.sub("", uri.strip(), count=1)
    if "?" in rest and "@" not in rest.partition("?")[2]:
        rest = rest.partition("?")[0]
    user, at, host = rest.rpartition("@")
    host = host.partition(";")[0]
    if not at:
        return _host(host)
    user = user.partition(";")[0].partition(":")[0]
    return f"{_ESCAPED.sub(_plain, _BEYOND.sub(_letters, user)) if '%' in user else user}@{_host(host)}"


def typed(text: str) -> str:
    """Read what a person types for an alias as a phone's request for it would be read: without scheme and port."""
    return of_uri(plain_ip(text.strip()))


def uri_of(alias: str) -> str:
    """Write the sip URI of an alias: an IPv6 host in brackets, and escaped what may not stand there as it is."""
    user, at, host = alias.rpartition("@")
    user = "".join(c if c in _USER else "".join(f"%{b:02X}" for b in c.encode(errors="replace")) for c in user)
    host = "".join(c if c.isalnum() or c in "-._:" else "_" for c in host)
    return f"sip:{user}{at}{in_uri(host)}"


def key(alias: str) -> str:
    """Give the form under which our registrar knows an alias: people who dial Bob mean bob."""
    return alias.lower()


def domain_of(alias: str) -> str:
    """Give the part after the last @ in lower case, "" where there is none."""
    return alias.rpartition("@")[2].lower() if "@" in alias else ""


def place_of(alias: str) -> str:
    """Give what an alias says of where it is: its domain or address, or the address that it is; "" where nothing."""
    return domain_of(alias) or (alias if is_ip(alias) else "")


def is_ip(alias: str) -> bool:
    """Say whether a destination is nothing but an IP address (facts 7.1, mode); `bob@192.0.2.1` is an alias."""
    if not alias or alias[-1] not in "0123456789abcdefABCDEF:" or "@" in alias:
        return False  # a cheap no for nearly every alias
    try:
        ip_of(alias)
    except ValueError:
        return False
    return True


def plain_ip(text: str) -> str:
    """Write an IP address in its one usual form, without brackets; other text comes back as it is."""
    return _plain_ip(text)


@functools.lru_cache(maxsize=ADDRESSES_MAX)
def _plain_ip(text: str) -> str:
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        return str(ip_of(bare))
    except ValueError:
        return text


def _host(text: str) -> str:
    """Drop the port (RFC 3261 19.1.1) and fold the letters; the brackets of an IPv6 address go as well."""
    if text.startswith("["):
        return plain_ip(text.partition("]")[0] + "]")
    host, colon, port = text.rpartition(":")
    return (host if colon and port.isdigit() and ":" not in host else text).lower().rstrip(".")


def _letters(found: re.Match[str]) -> str:
    """Read letters beyond ASCII, which URIs can only escape (RFC 3986 2.5), as people and rules write them."""
    try:
        text = bytes.fromhex(found[0].replace("%", "")).decode()
    except UnicodeDecodeError:
        return found[0]
    return text if text.isprintable() else found[0]


def _plain(found: re.Match[str]) -> str:
    """RFC 3261 19.1.4: an escaped character equals itself only where it is unreserved."""
    character = chr(int(found[1], 16))
    return character if character in _UNRESERVED else found[0].upper()
