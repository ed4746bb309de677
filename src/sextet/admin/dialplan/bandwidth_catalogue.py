"""Which commands there are about bandwidth."""

from __future__ import annotations

from sextet.admin.catalogue import Command, Parameter
from sextet.model.settings.local_zone import KBPS_MAX

_FILTER = Parameter(name="containing", help="Show only what contains this text.")
_NODE = "A subzone or zone, such as DefaultSubZone or DefaultZone."

BANDWIDTH_LINKS = Command(
    name="bandwidth links", help="List the links with what calls use of them.", parameters=(_FILTER,)
)
BANDWIDTH_PIPES = Command(
    name="bandwidth pipes", help="List the pipes with their limits and what calls use of them.", parameters=(_FILTER,)
)
BANDWIDTH_SUBZONES = Command(
    name="bandwidth subzones",
    help="List the subzones with registrations, calls and what calls use of them.",
    parameters=(_FILTER,),
)
BANDWIDTH_CHECK = Command(
    name="bandwidth check",
    help="Say what would become of a call between two nodes at this moment.",
    parameters=(
        Parameter(name="node1", help=_NODE, required=True),
        Parameter(name="node2", help=_NODE, required=True),
        Parameter(
            name="kbps", help="What the call asks for, in kbit/s.", kind="number", required=True, low=1, high=KBPS_MAX
        ),
        Parameter(name="call_type", help="NonTraversal (without it) or Traversal.", option=True),
    ),
)
BANDWIDTH_DEFAULT_LINKS = Command(
    name="bandwidth default-links",
    help="Add the default links that are missing, with the original's names.",
    writes=True,
)

COMMANDS = tuple(value for value in list(globals().values()) if isinstance(value, Command))
