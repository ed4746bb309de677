"""Which commands there are about call policy."""

from __future__ import annotations

from sextet.admin.catalogue import Command, Parameter

POLICY_CPL = Command(
    name="policy cpl",
    help="Print the call policy in force as a CPL document: the script, or the rules written as one.",
    outputs=("cpl",),
)
POLICY_UPLOAD = Command(
    name="policy upload",
    help="Put a CPL script in the place of the one there is; a wrong one changes nothing and raises alarm 45001.",
    parameters=(Parameter(name="file", help="The script.", kind="file", required=True),),
    writes=True,
)
POLICY_STATUS = Command(
    name="policy status",
    help="Show how every peer finds every server of every policy service.",
)

COMMANDS = tuple(value for value in list(globals().values()) if isinstance(value, Command))
