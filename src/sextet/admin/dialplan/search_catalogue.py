"""The commands about searches and the dial plan: declarations only."""

from __future__ import annotations

from sextet.admin.catalogue import Command, Parameter

_FROM = Parameter(
    name="from", help="LocalZone, DefaultZone, or a zone or subzone by its name; LocalZone without it.", option=True
)
_DRAFT = Parameter(
    name="draft",
    help='A file with changes that are not saved: [{"verb": "set", "path": "…", "value": …}, …].',
    kind="file",
    option=True,
)

SEARCH_HISTORY = Command(
    name="search history",
    help="List the newest searches of the whole cluster.",
    parameters=(
        Parameter(name="containing", help="Show only searches that contain this text: an alias, a tag, a rule."),
        Parameter(name="lines", help="How many.", kind="number", option=True, low=1, high=200),
    ),
)
SEARCH_SHOW = Command(
    name="search show",
    help="Show one search rule by rule, with what its targets answered.",
    parameters=(Parameter(name="id", help="As `search history` shows it.", required=True),),
)
LOCATE = Command(
    name="locate",
    help="Say what would happen if an alias were dialled, on the saved configuration or on a draft.",
    parameters=(
        Parameter(name="alias", help="What is dialled.", required=True),
        _FROM,
        Parameter(name="unauthenticated", help="As a request that proved nothing.", kind="flag", option=True),
        Parameter(name="protocol", help="SIP or H323; SIP without it.", option=True),
        Parameter(name="caller", help="The alias that calls, for call policy.", option=True),
        Parameter(name="hops", help="How many hops it may still make.", kind="number", option=True, low=0, high=255),
        Parameter(name="user", help="The name whose credentials come with it, for call policy.", option=True),
        _DRAFT,
    ),
)
CHECK_PATTERN = Command(
    name="check-pattern",
    help="Say whether an alias matches a pattern, and what a behavior makes of it.",
    parameters=(
        Parameter(name="alias", help="What is compared.", required=True),
        Parameter(name="pattern", help="With variables such as %localdomains%.", required=True),
        Parameter(name="type", help="Exact, Prefix, Suffix or Regex; Prefix without it.", option=True),
        Parameter(name="behavior", help="Leave, Strip, Replace, Add Prefix or Add Suffix.", option=True),
        Parameter(name="replace", help="What replaces the matched part, or is added.", option=True),
    ),
)
DIALPLAN_CHECK = Command(
    name="dialplan check", help="Name the rules and transforms that can never do anything, with their hit counters."
)
DIALPLAN_TEST = Command(
    name="dialplan test",
    help="Run the tests that are stored with the dial plan, on the saved configuration or on a draft.",
    parameters=(_DRAFT,),
)

COMMANDS = tuple(value for value in list(globals().values()) if isinstance(value, Command))
