"""Which commands there are for the peer list: one for each job, and the list of this system in one step."""

from __future__ import annotations

from sextet.admin.catalogue import Command, Parameter

_PEER = Parameter(name="peer", help="Its number in the list.", kind="number", required=True, low=1, high=6)
_ADDRESS = Parameter(name="address", help="An IP address or an FQDN.", required=True)
_DRY_RUN = Parameter(name="dry_run", help="Only say what would be done.", kind="flag", option=True)

CLUSTER_ADD = Command(
    name="cluster add",
    help="Add a peer at the end of every peer's list, and say what to enter on the new one; on the primary.",
    parameters=(_ADDRESS, _DRY_RUN),
    writes=True,
)
CLUSTER_REMOVE = Command(
    name="cluster remove",
    help="Take a peer off every peer's list, dead or alive; a living one clears its own. On the primary.",
    parameters=(_PEER, _DRY_RUN),
    writes=True,
    confirm="Remove this peer from the cluster? A living one resets itself at its next restart.",
)
CLUSTER_REPLACE = Command(
    name="cluster replace",
    help="Let another system take a peer's place, at another address or at the same; on the primary.",
    parameters=(_PEER, _ADDRESS, _DRY_RUN),
    writes=True,
    confirm="Replace this peer? The old one, if it lives, resets itself at its next restart.",
)
CLUSTER_CHANGE_ADDRESS = Command(
    name="cluster change-address",
    help="Change how a peer is named in every list, such as from its IP address to its FQDN; on the primary.",
    parameters=(_PEER, _ADDRESS, _DRY_RUN),
    writes=True,
)
CLUSTER_SEND_LIST = Command(
    name="cluster send-list",
    help="Give every peer that can be reached the peer list of this system; on the primary.",
    parameters=(_DRY_RUN,),
    writes=True,
)
CLUSTER_SET_LIST = Command(
    name="cluster set-list",
    help="Enter this system's whole peer list in one step, as on System > Clustering; no other peer is changed.",
    parameters=(
        Parameter(name="addresses", help="All peers in their order, this system too.", kind="words", required=True),
        Parameter(name="primary", help="The configuration primary.", kind="number", option=True, low=1, high=6),
        Parameter(name="name", help="The cluster name.", option=True),
        Parameter(name="ip_version", help="IPv4 or IPv6.", option=True),
        _DRY_RUN,
    ),
    writes=True,
)
CLUSTER_LEAVE = Command(
    name="cluster leave",
    help="Clear this system's peer list: it leaves the cluster, and resets itself at its next restart.",
    parameters=(_DRY_RUN,),
    writes=True,
    confirm="Clear the peer list of this system? At its next restart it resets itself to factory settings.",
)

COMMANDS = tuple(value for value in list(globals().values()) if isinstance(value, Command))
