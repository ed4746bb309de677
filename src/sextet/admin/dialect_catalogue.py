"""The original's three verbs, for administrators whose fingers know them (facts 5.1 to 5.5)."""

from __future__ import annotations

from sextet.admin.catalogue import Command, Parameter

XCOMMAND = Command(
    name="xcommand",
    help="Run a command by the original's name, such as ForceConfigUpdate; without one, list them.",
    parameters=(Parameter(name="words", help="The name, then Name: value pairs; - asks for them.", kind="words"),),
)
XCONFIGURATION = Command(
    name="xconfiguration",
    help="Show settings by the original's path, or set one: SystemUnit Name: expc01.",
    parameters=(
        Parameter(
            name="words", help="A path or its beginning; with a colon, a new value; - asks for them.", kind="words"
        ),
    ),
)
XSTATUS = Command(
    name="xstatus",
    help="Show the state of this peer by the original's elements: SystemUnit, Alternates, Alarm, Calls, Registrations.",
    parameters=(Parameter(name="words", help="An element or its beginning; all without it.", kind="words"),),
)

COMMANDS = tuple(value for value in list(globals().values()) if isinstance(value, Command))
