"""Which commands there are about registrations that are over, and to end those that are not."""

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
REGISTRATION_REMOVE = Command(
    name="registration remove",
    help="Unregister an alias, whichever peers have its devices; they may register again at their next refresh.",
    parameters=(
        Parameter(name="alias", help="As `registration list` shows it.", required=True),
        Parameter(name="device", help="Only this one of its devices: its contact.", option=True),
        Parameter(name="block", help="Put the alias on the deny list before.", kind="flag", option=True),
    ),
    writes=True,
    confirm="Unregister now? Calls that are up go on, and what is not blocked may register again at its next refresh.",
)

COMMANDS = tuple(value for value in list(globals().values()) if isinstance(value, Command))
