"""Which commands there are about a peer as a whole: its configuration forced, maintenance mode, the factory reset."""

from __future__ import annotations

from sextet.admin.catalogue import Command, Parameter

FORCE_CONFIG_UPDATE = Command(
    name="cluster force-config-update",
    help="Replace the shared configuration of this subordinate by the primary's; what was held stays in the history.",
    writes=True,
    confirm="Replace the shared configuration of this peer by the configuration primary's?",
)
PEER_MAINTENANCE = Command(
    name="peer maintenance",
    help="Turn maintenance mode on or off: no new calls and registrations, running calls go on; a restart ends it.",
    parameters=(Parameter(name="mode", help="on or off; without it, what it is."),),
    writes=True,
)

COMMANDS = tuple(value for value in list(globals().values()) if isinstance(value, Command))
