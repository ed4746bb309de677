"""Which commands there are about logs and diagnostic logging, beside `log tail`."""

from __future__ import annotations

from sextet.admin.catalogue import LOG, Command, Parameter
from sextet.watch.sought import KINDS

_ALL = Parameter(name="all", help="On every peer of the cluster, not on this one only.", kind="flag", option=True)

LOG_SEARCH = Command(
    name="log search",
    help="Show the newest lines of a log that contain a text in any letters.",
    parameters=(
        Parameter(name="text", help='Such as 20006, expc02 or Alarm Raised; "" for every line.', required=True),
        LOG,
        Parameter(name="kind", help=f"Only lines about {', '.join(KINDS)}.", option=True),
        Parameter(
            name="within", help="Only lines of the last minutes.", kind="number", option=True, low=1, high=100_000
        ),
        Parameter(name="lines", help="How many at most.", kind="number", option=True, low=1, high=1000),
    ),
)
LOG_SERVERS = Command(
    name="log servers",
    help="Show how many lines went to each remote syslog server of this peer, and how many were lost.",
)
DIAGNOSTICS_START = Command(
    name="diagnostics start",
    help="Start diagnostic logging: every line of every level is kept until it is stopped.",
    parameters=(
        _ALL,
        Parameter(
            name="capture", help="Also capture this peer's packets, with the host's tcpdump.", kind="flag", option=True
        ),
    ),
    writes=True,
)
DIAGNOSTICS_STOP = Command(name="diagnostics stop", help="Stop diagnostic logging.", parameters=(_ALL,), writes=True)
DIAGNOSTICS_STATUS = Command(name="diagnostics status", help="Show how diagnostic logging is on every peer.")
DIAGNOSTICS_MARK = Command(
    name="diagnostics mark",
    help="Write a marker into this peer's diagnostic log, to find a moment again.",
    parameters=(Parameter(name="text", help="What happens now.", required=True),),
    writes=True,
)
DIAGNOSTICS_COLLECT = Command(
    name="diagnostics collect",
    help="Pack this peer's diagnostic log into a tar.gz and say where it is.",
    writes=True,
)

COMMANDS = tuple(value for value in list(globals().values()) if isinstance(value, Command))
