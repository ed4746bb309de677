"""Which commands there are about bandwidth."""

from __future__ import annotations

from sextet.admin.catalogue import Command

BANDWIDTH_DEFAULT_LINKS = Command(
    name="bandwidth default-links",
    help="Add the default links that are missing, with the original's names.",
    writes=True,
)

COMMANDS = tuple(value for value in list(globals().values()) if isinstance(value, Command))
