"""One declaration per setting: type, limits, default, unit, help, who owns it, and when it takes effect.

A section is a frozen dataclass whose fields are made by the functions below; forms, the command line, export,
validation and the manual read these declarations, so a new setting is one line here plus the line that uses it.
"""

from __future__ import annotations

import dataclasses
import functools
import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

TEXT_MAX = 128  # the longest free text of the original's command reference
QUOTED_MAX = 80  # characters of a wrong value that its problem repeats; our choice


class Kind(StrEnum):
    """Which control a form shows and which check a value gets."""

    TEXT = "text"
    NUMBER = "number"
    CHOICE = "choice"
    SWITCH = "switch"  # On / Off
    ADDRESS = "address"  # IP address or FQDN, optionally with :port where the setting says so
    PASSWORD = "password"
    DOCUMENT = "document"  # text of many lines
    MANY = "many"  # a list of items of another section


class Applies(StrEnum):
    """When a saved value is in force."""

    LIVE = "live"
    RESTART = "restart"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Everything the system knows about one setting."""

    kind: Kind
    label: str
    help: str
    default: Any
    low: int = 0  # smallest number, or shortest text
    high: int = 0  # largest number, longest text, or most items
    unit: str = ""
    choices: tuple[str, ...] = ()  # of a text: what it may name besides items of `names`
    names: tuple[str, ...] = ()  # the lists of the configuration one of whose items a text names
    check: Callable[[str], str] | None = None  # returns "" or what is wrong, as the end of a sentence
    peer: bool = False  # † specific to one peer, never replicated
    mandatory: bool = False  # * must not be empty
    applies: Applies = Applies.LIVE
    secret: bool = False
    item: type | None = None  # for MANY
    path: str = ""  # the original's command-line path; of an item's setting what follows the item's number there
    when: tuple[str, tuple[str, ...]] | None = None  # counts where that other setting has one of these values
    fixed: bool = False  # chosen when the item is made, and never changed


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with what a person asked for: the field, and a sentence that ends in the remedy."""

    field: str
    sentence: str


class Refused(Exception):
    """A person asked for something wrong; carries every problem, and nothing was changed."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(f"{p.field}: {p.sentence}" if p.field else p.sentence for p in problems))
        self.problems = problems


def text(default: str = "", low: int = 0, high: int = TEXT_MAX, *, label: str, help: str, **more: Any) -> Any:
    return _field(Kind.TEXT, default, low, high, label, help, more)


def number(default: int, low: int, high: int, *, label: str, help: str, **more: Any) -> Any:
    return _field(Kind.NUMBER, default, low, high, label, help, more)


def choice(default: str, choices: tuple[str, ...], *, label: str, help: str, **more: Any) -> Any:
    return _field(Kind.CHOICE, default, 0, 0, label, help, {"choices": choices, **more})


def switch(default: bool, *, label: str, help: str, **more: Any) -> Any:
    return _field(Kind.SWITCH, default, 0, 0, label, help, more)


def address(default: str = "", *, label: str, help: str, **more: Any) -> Any:
    return _field(Kind.ADDRESS, default, 0, TEXT_MAX, label, help, {"check": an_address, **more})


def password(high: int = TEXT_MAX, *, label: str, help: str, **more: Any) -> Any:
    return _field(Kind.PASSWORD, "", 0, high, label, help, {"secret": True, **more})


def document(high: int, *, label: str, help: str, **more: Any) -> Any:
    return _field(Kind.DOCUMENT, "", 0, high, label, help, more)


def many(item: type, most: int, *, label: str, help: str, default: tuple[Any, ...] = (), **more: Any) -> Any:
    return _field(Kind.MANY, default, 0, most, label, help, {"item": item, **more})


def settings(section: type) -> Iterator[tuple[str, Setting]]:
    """Walk a section's settings in the order of their declaration."""
    for field in dataclasses.fields(section):
        yield field.name, field.metadata["setting"]


@functools.cache
def setting(section: type, name: str) -> Setting:
    """Find one setting; raises KeyError for a name the section does not declare."""
    return dict(settings(section))[name]


def problems_of(setting: Setting, field: str, value: Any) -> list[Problem]:
    """Check one plain value (not MANY) against its declaration; returns every problem found."""
    wrong = _wrong(setting, value)
    return [Problem(field, f"{setting.label}: {wrong}")] if wrong else []


def an_address(value: str) -> str:
    """Accept an IPv4 or IPv6 address or an FQDN (facts 1.1); empty is allowed."""
    return (
        ""
        if not value or is_ip(value) or not _bad_name(value)
        else f"{_quoted(value)} is neither an IP address nor a name; {_bad_name(value)}."
    )


DNS_PORT = 53  # RFC 1035 4.2


def a_server(value: str) -> str:
    """Accept an address, optionally followed by :port for servers that do not use the standard one."""
    host, colon, port = value.rpartition(":")
    if colon and port.isdigit() and not is_ip(value):
        wrong = f"the port in {_quoted(value)} must be 1 to 65535."
        return an_address(_bare(host)) if 0 < int(port) < 65536 else wrong
    return an_address(_bare(value))


def server_place(value: str, port: int) -> tuple[str, int]:
    """Give host and port of what `a_server` accepts, such as `[2001:db8::53]:5353`; `port` is the standard one."""
    if is_ip(_bare(value)) or ":" not in value:
        return _bare(value), port
    host, _, written = value.rpartition(":")
    return _bare(host), int(written)


def an_ip(value: str) -> str:
    return "" if not value or is_ip(value) else f"{_quoted(value)} is not an IP address; write one such as 192.0.2.10."


def an_ipv4(value: str) -> str:
    wrong = value and (not is_ip(value) or ":" in value)
    return f"{_quoted(value)} is not an IPv4 address; write one such as 192.0.2.10." if wrong else ""


def an_ipv6(value: str) -> str:
    wrong = value and (not is_ip(value) or ":" not in value)
    return f"{_quoted(value)} is not an IPv6 address; write one such as 2001:db8::10." if wrong else ""


def a_name(value: str) -> str:
    """Accept a DNS name: labels of letters, digits, hyphen; the last one begins with a letter (facts 1.1)."""
    return f"{_quoted(value)} is not a DNS name; {_bad_name(value)}." if value and _bad_name(value) else ""


def is_ip(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def _bare(host: str) -> str:
    """Take an IPv6 address out of its brackets (RFC 3986 3.2.2)."""
    inner = host[1:-1] if host.startswith("[") and host.endswith("]") else ""
    return inner if ":" in inner and is_ip(inner) else host


def _field(kind: Kind, default: Any, low: int, high: int, label: str, help: str, more: Mapping[str, Any]) -> Any:
    declared = Setting(kind=kind, label=label, help=help, default=default, low=low, high=high, **more)
    return dataclasses.field(default=default, metadata={"setting": declared})


def _quoted(value: object) -> str:
    """Repeat what was entered, so that it is recognised, and no more: a pasted file is not to fill the page."""
    shown = repr(value)
    return shown if len(shown) <= QUOTED_MAX else f"{shown[:QUOTED_MAX]}…"


def _bad_name(value: str) -> str:
    if len(value) > 253:
        return "a name has at most 253 characters"
    labels = value.split(".")
    if any(not re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?", label) for label in labels):
        return "each part has 1 to 63 letters, digits and hyphens, and neither starts nor ends with a hyphen"
    if not labels[-1][0].isalpha():
        return "its last part begins with a letter"
    return ""


def _wrong(setting: Setting, value: Any) -> str:
    match setting.kind:
        case Kind.NUMBER:
            if type(value) is not int:
                return f"{_quoted(value)} is not a whole number; enter {_range(setting)}."
            return "" if setting.low <= value <= setting.high else f"{value} is out of range; enter {_range(setting)}."
        case Kind.SWITCH:
            return "" if type(value) is bool else f"{_quoted(value)} is neither On nor Off; choose one of them."
        case Kind.CHOICE:
            return (
                ""
                if value in setting.choices
                else f"{_quoted(value)} is not one of {', '.join(setting.choices)}; choose one."
            )
        case _:
            return _wrong_text(setting, value)


def _wrong_text(setting: Setting, value: Any) -> str:
    if type(value) is not str:
        return f"{_quoted(value)} is not text; enter text."
    if setting.mandatory and not value:
        return "must not be empty; enter a value."
    if len(value) > setting.high or (value and len(value) < setting.low):
        return f"has {len(value)} characters; enter {max(setting.low, 0)} to {setting.high}."
    allowed = "\n\t" if setting.kind is Kind.DOCUMENT else ""
    shown = value if not allowed else value.replace("\n", "").replace("\t", "")
    if not shown.isprintable() and any(not c.isprintable() and unicodedata.category(c) != "Zs" for c in shown):
        return "contains a control character or another that cannot be shown; remove it."
    return setting.check(value) if setting.check else ""


def _range(setting: Setting) -> str:
    unit = {"s": " seconds", "kbps": " kbit/s"}.get(setting.unit, "")
    return f"{setting.low} to {setting.high}{unit}"
