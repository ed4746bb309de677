"""Which commands there are: one declaration each, for the socket, the command line and, later, the SSH console.

Imports nothing heavy: the command line reads it at every start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

BINARY = "data:;base64,"  # before a file's content that is no text (RFC 2397)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One argument of a command; `value` is text or any JSON value, and may be read from standard input.

    `words` are all that follow, as one text. Of a `file` the command line is given the name, and sends what it holds.
    """

    name: str
    help: str
    kind: Literal["text", "number", "flag", "value", "file", "words"] = "text"
    required: bool = False
    option: bool = False  # --name rather than a place
    low: int = 0
    high: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command; `confirm` is the question that a person is asked first."""

    name: str
    help: str
    parameters: tuple[Parameter, ...] = ()
    writes: bool = False
    confirm: str = ""
    outputs: tuple[str, ...] = ()  # besides table and json: keys of the result that are shown as they are


_PATH = Parameter(name="path", help="Such as protocols.sip_udp, zones[London].sip_port or credentials.", required=True)
_DRY_RUN = Parameter(name="dry_run", help="Check and show what would change; store nothing.", kind="flag", option=True)
_REVISION = Parameter(
    name="revision", help="Refuse when this is not the newest revision any more, such as r12.", option=True
)
_FILTER = Parameter(name="containing", help="Show only what contains this text.")

STATUS = Command(name="status", help="Say whether this peer takes calls, and how its cluster is.")
CLUSTER_STATUS = Command(
    name="cluster status", help="Show the peers, how they see each other and what they have in force."
)
CLUSTER_PROMOTE = Command(
    name="cluster promote",
    help="Make this peer the configuration primary, also when the old one is lost.",
    writes=True,
    confirm="Make this peer the configuration primary of its cluster?",
)
PEER_RESTART = Command(
    name="peer restart",
    help="Restart this peer; calls that pass it end.",
    writes=True,
    confirm="Restart this peer now? Calls that pass it end.",
)
CONFIG_SHOW = Command(
    name="config show",
    help="Show settings with what is saved and, where it differs, what is in force.",
    parameters=(Parameter(name="path", help="A setting, a list or a section; all without it."),),
)
CONFIG_SET = Command(
    name="config set",
    help="Change one setting; without VALUE, or with -, it is read from standard input.",
    parameters=(
        _PATH,
        Parameter(name="value", help="The new value.", kind="value", required=True),
        _REVISION,
        _DRY_RUN,
    ),
    writes=True,
)
CONFIG_ADD = Command(
    name="config add",
    help="Add an entry to a list.",
    parameters=(
        _PATH,
        Parameter(name="value", help='Its settings, such as {"name": "x"}.', kind="value", required=True),
        _REVISION,
        _DRY_RUN,
    ),
    writes=True,
)
CONFIG_REMOVE = Command(
    name="config remove", help="Remove an entry of a list.", parameters=(_PATH, _REVISION, _DRY_RUN), writes=True
)
CONFIG_DIFF = Command(
    name="config diff",
    help="Show what a revision changed; without one, what is saved and not in force yet.",
    parameters=(Parameter(name="of", help="A revision as `config history` shows it, such as r12."),),
)
CONFIG_UNDO = Command(
    name="config undo",
    help="Take back what a revision changed, where nothing of it was changed since.",
    parameters=(
        Parameter(name="revision", help="A revision as `config history` shows it, such as r12.", required=True),
        _DRY_RUN,
    ),
    writes=True,
)
CONFIG_HISTORY = Command(
    name="config history",
    help="List the revisions, newest first.",
    parameters=(Parameter(name="most", help="How many at most.", kind="number", option=True, low=1, high=1000),),
)
CONFIG_SET_ASIDE = Command(
    name="config set-aside",
    help="List edits that this peer held when the cluster went on without them, and who accepted them.",
)
CONFIG_DISMISS = Command(
    name="config dismiss",
    help="List an edit that was set aside no more, once what is needed of it was made again.",
    parameters=(Parameter(name="revision", help="Such as r12, as `config set-aside` shows it.", required=True),),
    writes=True,
)
REGISTRATION_LIST = Command(
    name="registration list", help="List the registered devices of the whole cluster.", parameters=(_FILTER,)
)
CALL_LIST = Command(name="call list", help="List the calls of the whole cluster.", parameters=(_FILTER,))
ALARM_LIST = Command(name="alarm list", help="List the raised alarms of the whole cluster, worst first.")
ALARM_ACKNOWLEDGE = Command(
    name="alarm acknowledge",
    help="Note that an alarm of this peer was seen; it goes when its cause does.",
    parameters=(
        Parameter(name="number", help="Such as 20007.", kind="number", required=True, low=1, high=99_999),
        Parameter(name="subject", help="What it is about, where several are raised."),
        Parameter(name="all", help="On every peer that raises it, not on this one only.", kind="flag", option=True),
    ),
    writes=True,
)
ALARM_HISTORY = Command(
    name="alarm history",
    help="List the alarms of the whole cluster that are over, the last first; each peer remembers a hundred.",
)
CHECK = Command(
    name="check",
    help="Check every requirement of the cluster from every peer; the exit code is 3 when one is not met.",
    parameters=(Parameter(name="id", help="Only this check, such as rtt or cert-name."),),
)
PORTS = Command(
    name="ports",
    help="Print this cluster's firewall plan, with what each peer finds at the ports of the others.",
    parameters=(
        Parameter(
            name="before_x88", help="Print the table of old instead; sextet does not use it.", kind="flag", option=True
        ),
    ),
    outputs=("nft",),
)
RESOURCE_USAGE = Command(
    name="resource-usage",
    help="Show registrations, calls and licences in use on each peer, the limits, and what is left if a peer is lost.",
)
LOG = Parameter(name="log", help="Which log: event, configuration or network; event without it.", option=True)
LOG_TAIL = Command(
    name="log tail",
    help="Show the newest lines of one of this peer's logs.",
    parameters=(LOG, Parameter(name="lines", help="How many.", kind="number", option=True, low=1, high=1000)),
)

COMMANDS = tuple(value for value in list(globals().values()) if isinstance(value, Command))
