"""Users: who may log in."""

from __future__ import annotations

from dataclasses import dataclass

from sextet.model.schema import choice, text
from sextet.model.settings.words import STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class Administrator:
    """One account for web page and command line."""

    name: str = text(low=1, high=64, mandatory=True, label="Name", help="The name to log in with.")
    password_hash: str = text(high=255, mandatory=True, label="Password", secret=True, help="The password, stored only as a salted hash.")
    access_level: str = choice("Read-write", ("Read-write", "Read-only"), label="Access level", help="Whether the account may change anything.")
    state: str = choice("Enabled", STATES, label="State", help="Whether the account may log in.")
