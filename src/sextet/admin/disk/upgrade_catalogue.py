"""Which commands there are about the version of the software: packages, what is installed, what runs next."""

from __future__ import annotations

from sextet.admin.catalogue import Command, Parameter

_PLACE = Parameter(
    name="place",
    help="0 for the version as installed on this host, 1 or 2 for one from a package: `upgrade status` lists them.",
    kind="number",
    required=True,
    low=0,
    high=2,
)
UPGRADE_STATUS = Command(
    name="upgrade status",
    help="Show the versions of all peers and of this one, and check the package that was uploaded.",
)
UPGRADE_UPLOAD = Command(
    name="upgrade upload",
    help="Take a release package (tar.gz) that lies on this peer, and check that it is whole. Nothing is installed.",
    parameters=(
        Parameter(name="file", help="The path of the package on this peer.", required=True),
        Parameter(name="sha256", help="Refuse a package that has another SHA-256.", option=True),
    ),
    writes=True,
)
UPGRADE_INSTALL = Command(
    name="upgrade install",
    help="Install the package that was uploaded beside what runs; the next restart changes to it.",
    parameters=(Parameter(name="sha256", help="Of the package, as `upgrade status` shows it.", required=True),),
    writes=True,
    confirm="Install this package? Compare its SHA-256 with that of whom you have it from: it runs with every right "
    "of this peer.",
)
UPGRADE_SELECT = Command(
    name="upgrade select",
    help="Have the version before (or another one that is here) run after the next restart; `upgrade lost` says what "
    "that loses.",
    parameters=(_PLACE,),
    writes=True,
    confirm="Select this version for the next restart? An older one gets its database from before the upgrade.",
)
UPGRADE_LOST = Command(
    name="upgrade lost",
    help="Show which settings would be other ones if this version were selected.",
    parameters=(_PLACE,),
)
UPGRADE_DISCARD = Command(name="upgrade discard", help="Forget the package that was uploaded.", writes=True)

COMMANDS = tuple(value for value in list(globals().values()) if isinstance(value, Command))
