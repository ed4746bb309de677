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
)
SUGGEST_MAPPINGS = Command(
    name="cluster suggest-mappings",
    help="Suggest cluster address mappings from each peer's host name, domain name and address; compare with the SANs.",
    parameters=(
        Parameter(name="save", help="Save them; rows of peers that cannot be heard stay.", kind="flag", option=True),
    ),
)
RESET_STATUS = Command(
    name="factory-reset status",
    help="Say whether a factory reset waits for the next restart, what disarms it, and whether its image is there.",
)
RESET_IMAGE = Command(
    name="factory-reset image",
    help="Put a release package (tar.gz) of the version that runs into the factory-reset folder.",
    parameters=(Parameter(name="file", help="The path of the package on this peer.", required=True),),
    writes=True,
)
RESET_RUN = Command(
    name="factory-reset run",
    help="Restart this peer for the factory reset that was armed by clearing its peer list.",
    writes=True,
    confirm="Reset this peer to factory settings now? Every setting, the certificates and the cluster key are lost.",
)

COMMANDS = tuple(value for value in list(globals().values()) if isinstance(value, Command))
