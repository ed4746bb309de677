"""Can the H.350 directory be asked as it is configured? While it is off nothing is wanted of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sextet.model.config import item_path
from sextet.model.schema import Problem
from sextet.model.sections import Root
from sextet.model.settings.h350 import DIGEST_MD5, DIRECTORY, H350, SIMPLE

# RFC 4514 3, as far as a slip of the pen goes: names with values between commas; a backslash takes what follows.
_PART = r"\s*[A-Za-z0-9][A-Za-z0-9.-]*\s*=(?:[^\\,]|\\.)+"
_DN = re.compile(rf"{_PART}(?:,{_PART})*")


def h350(whole: Root) -> Iterator[Problem]:
    """Yield what is missing, what is no distinguished name, and who has the directory's name."""
    directory = whole.h350
    for setting, label in (("bind_dn", "Bind DN"), ("base_dn", "Base DN for devices")):
        written = str(getattr(directory, setting))
        if written and not _DN.fullmatch(written):
            yield Problem(
                f"h350.{setting}",
                f"{label}: {written!r} is no distinguished name; write one such as ou=H350,dc=example.",
            )
    if directory.mode:
        yield from _missing(directory)
    for name in ("zones", "policy_services"):
        for one in getattr(whole, name):
            if one.name.lower() == DIRECTORY.lower():
                path = f"{item_path(name, one.name)}.name"
                yield Problem(path, f"Name: {one.name} is built in; choose another name.")


def _missing(directory: H350) -> Iterator[Problem]:
    if not directory.server_address:
        yield Problem("h350.server_address", "Server address: is empty; enter the LDAP server's, or turn the mode Off.")
    if not directory.base_dn:
        yield Problem("h350.base_dn", "Base DN for devices: is empty; enter the name under which their entries stand.")
    if directory.sasl == DIGEST_MD5:
        if not directory.bind_user_name:
            yield Problem("h350.bind_user_name", "Bind user name: is empty; DIGEST-MD5 needs one, enter it.")
        if not directory.bind_password:
            yield Problem("h350.bind_password", "Bind password: is empty; DIGEST-MD5 needs one, enter it.")
    if directory.sasl == SIMPLE and bool(directory.bind_dn) != bool(directory.bind_password):
        empty, label = ("bind_dn", "Bind DN") if directory.bind_password else ("bind_password", "Bind password")
        # RFC 4513 5.1.2: a name without a password lets in as nobody, and looks like success.
        yield Problem(f"h350.{empty}", f"{label}: is empty; enter it, or empty bind DN and bind password both.")
