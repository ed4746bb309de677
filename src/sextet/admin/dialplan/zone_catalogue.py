"""Which commands there are about zones."""

from __future__ import annotations

from sextet.admin.catalogue import Command, Parameter

_NAME = Parameter(name="name", help="The name of the zone.", required=True)
ZONE_LIST = Command(
    name="zone list",
    help="List the zones with their state, over all peers.",
    parameters=(Parameter(name="containing", help="Show only what contains this text."),),
)
ZONE_SHOW = Command(
    name="zone show",
    help="Show what every peer measures of every address of a zone.",
    parameters=(_NAME,),
)
ZONE_TEST = Command(
    name="zone test",
    help="Ask every address of a zone with OPTIONS now, from this peer, and show what it answers.",
    parameters=(_NAME,),
    writes=True,
)
DIRECTORY_STATUS = Command(
    name="directory status",
    help="Show how every peer finds the server of the H.350 directory.",
)

COMMANDS = tuple(value for value in list(globals().values()) if isinstance(value, Command))
