"""URIs that lead to one device of an alias (RFC 5627): written for a registration, read from a Request-URI.

Only public ones are given out: the alias with the instance id of the device (docs/decisions/0022). Such a URI tells
every peer by itself which device it is for.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from sextet.call.alias import uri_of

_PARAMETER = re.compile(r";gr(?:=([^;]*))?(?=;|$)", re.IGNORECASE)
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()[]/:&+$")  # 25.1: paramchar


def public(alias: str, instance: str) -> str:
    """Write the URI of a device; its instance id is a URN, in angle brackets or without (RFC 5626 4.1)."""
    return f"{uri_of(alias)}{parameter(instance.strip('<>'))}"


def parameter(device: str | None) -> str:
    """Write what `device_of` read."""
    if device is None:
        return ""
    value = "".join(c if c in _PLAIN else "".join(f"%{b:02X}" for b in c.encode(errors="replace")) for c in device)
    return f";gr={value}" if value else ";gr"


def device_of(uri: str) -> str | None:
    """Read which device a URI is for: its instance id, "" of a temporary GRUU, None where it is for all of an alias."""
    found = _PARAMETER.search(uri.rpartition("@")[2].partition("?")[0])
    return None if found is None else unquote(found[1] or "")
