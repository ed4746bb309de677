"""Which commands there are about registrations that are over."""

from __future__ import annotations

from sextet.admin.catalogue import Command, Parameter

REGISTRATION_HISTORY = Command(
    name="registration history",
    help="List which devices of the whole cluster came last, went, or were turned away, and why.",
    parameters=(
        Parameter(
            name="containing", help="Show only lines that contain this text: an alias, an address, Rejected, a reason."
        ),
        Parameter(name="lines", help="How many.", kind="number", option=True, low=1, high=200),
    ),
)

COMMANDS = tuple(value for value in list(globals().values()) if isinstance(value, Command))
