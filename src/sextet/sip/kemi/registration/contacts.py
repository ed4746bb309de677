"""What a REGISTER asks for, read from its Contact headers (RFC 3261 10.2.1, RFC 5626 4.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PARAMETER = re.compile(r';\s*([^\s=;,"<>]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*))?')
_EXPIRES = re.compile(r';\s*expires\s*=\s*[^\s;,"]*', re.IGNORECASE)
_DISPLAY_NAME = re.compile(r'^\s*"(?:[^"\\]|\\.)*"')
_SECONDS_MAX = 2**32 - 1  # RFC 3261 20.19


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One contact of a REGISTER; `expires_s` None where it names none that can be read."""

    uri: str
    expires_s: int | None = None
    instance: str = ""
    reg_id: str = ""


def contacts_of(header: str, expires: str) -> tuple[Contact, ...]:
    """Read all Contact headers, joined by commas; `expires` is the Expires header, "" without one."""
    default = _seconds(expires)
    return tuple(_contact(part, default) for part in _parts(header) if part and part != "*")


def lasting(header: str, expires: str, granted_s: int) -> str:
    """Write the Contact headers anew: for so long for each contact that stays."""
    default, written = _seconds(expires), []
    for part in _parts(header):
        seconds = 0 if _contact(part, default).expires_s == 0 else granted_s
        uri, angle, parameters = part.rpartition(">")
        written.append(f"{uri}{angle}{_EXPIRES.sub('', parameters)};expires={seconds}")
    return ", ".join(written)


def misuses_star(header: str, expires: str) -> bool:
    """Say whether `*` stands beside another contact, or for anything but leaving (RFC 3261 10.3 step 6)."""
    return "*" in header and "*" in (parts := _parts(header)) and (len(parts) > 1 or _seconds(expires) != 0)


def device_of(instance: str, reg_id: str, contact: str) -> str:
    """Name the device behind a contact: one device has one binding in the whole cluster."""
    bare = instance.strip('"')
    return f"{bare};{reg_id or 0}" if bare else contact


def _contact(part: str, default: int | None) -> Contact:
    if not part.startswith("<"):
        part = _DISPLAY_NAME.sub("", part, count=1)
    start, end = part.find("<"), part.find(">")
    uri, rest = (part[start + 1 : end], part[end + 1 :]) if 0 <= start < end else (part.partition(";")[0], part)
    found = {name.lower(): (value or "") for name, value in _PARAMETER.findall(rest)} if rest else {}
    expires_s = _seconds(found["expires"]) if "expires" in found else default
    return Contact(
        uri=uri.strip(),
        expires_s=expires_s,
        instance=found.get("+sip.instance", "").strip('"'),
        reg_id=found.get("reg-id", ""),
    )


def _parts(header: str) -> list[str]:
    """Split at the commas that stand neither in quotes nor in angle brackets."""
    if "," not in header:
        return [header.strip()]
    parts, start, quoted, angled, escaped = [], 0, False, False, False
    for place, character in enumerate(header):
        if escaped:
            escaped = False
        elif quoted:
            escaped, quoted = character == "\\", character != '"'
        elif character == '"':
            quoted = True
        elif character in "<>":
            angled = character == "<"
        elif character == "," and not angled:
            parts.append(header[start:place].strip())
            start = place + 1
    return [*parts, header[start:].strip()]


def _seconds(text: str) -> int | None:
    text = text.strip()
    if not (text.isascii() and text.isdigit()):
        return None
    return min(int(text[:11]), _SECONDS_MAX)  # eleven digits are above the limit, and int() refuses thousands
