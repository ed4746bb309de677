"""Which commands there are about calls that are over, and to end one that is not."""

from __future__ import annotations

from sextet.admin.catalogue import Command, Parameter

CALL_HISTORY = Command(
    name="call history",
    help="List the newest calls of the whole cluster that are over.",
    parameters=(
        Parameter(name="containing", help="Show only calls that contain this text: an alias, a rule, a tag."),
        Parameter(name="lines", help="How many.", kind="number", option=True, low=1, high=200),
    ),
)
CALL_DISCONNECT = Command(
    name="call disconnect",
    help="End a call for both its ends, whichever peers it passes.",
    parameters=(
        Parameter(name="tag", help="The call's tag or serial number, as `call list` shows it.", required=True),
    ),
    writes=True,
    confirm="End this call now?",
)

COMMANDS = tuple(value for value in list(globals().values()) if isinstance(value, Command))
