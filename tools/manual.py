#!/usr/bin/env python3
"""Write the reference part of the manual from the declarations: settings, alarms and commands.

`make manual` writes docs/manual/reference/; a test holds that the committed pages are what is declared.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from sextet import admin
from sextet.admin import xcommands
from sextet.admin.catalogue import Command, Parameter
from sextet.model.absent_alarms import ABSENT
from sextet.model.alarms import TYPES
from sextet.model.checks import TYPES as CHECKS
from sextet.model.schema import Applies, Kind, Setting, settings
from sextet.model.sections import KEYS, Root

FOLDER = Path(__file__).resolve().parent.parent / "docs/manual/reference"
SEVERITIES = ("critical", "alert", "error", "warning", "notice")  # worst first
KINDS = {
    Kind.SWITCH: "On or Off",
    Kind.ADDRESS: "IP address or FQDN",
    Kind.PASSWORD: "password",
    Kind.DOCUMENT: "text of many lines",
}
UNITS = {"s": " seconds", "kbps": " kbit/s"}
SETTINGS_HEAD = """\
Written by `make manual` from `src/sextet/model/settings/`; edits here are lost.

The first column is the path for `sextet config show`, `set`, `add` and `remove`; an entry of a list is named by its
key in brackets, as in `search_rules[LocalZoneMatch].priority`.

- **†** specific to one peer: never replicated, to be entered on each peer.
- **\\*** mandatory: must not be empty.
- **In force**: *live* when it is saved, *restart* after a restart of each peer (until then an alarm says so).
  Settings of `clustering` are live, or wait for the restart where *Cluster changes take effect* is *At restart*.
- **Original** is the path of the same setting in the original's own command line, where it has one; `n` is the number
  of an entry, as `sextet xconfiguration` counts them, and `{type}` a zone's type, such as `TraversalClient`.
"""
ALARMS_HEAD = """\
Written by `make manual` from `src/sextet/model/alarms.py`; edits here are lost.

Numbers are the original's; 60901 and above are sextet's own. An alarm is lowered by itself when its cause is gone; to
acknowledge it only says that it was seen. The raised alarm adds what was measured, such as the peer and the reason.
"""
ABSENT_HEAD = """\
Of its families 15 (software), 20 (cluster), 25 (network) and 40 (security). Those of 10 (hardware), 35 (services), 55
(B2BUA) and 6 (connectors) are about what is not here.
"""
COMMANDS_HEAD = """\
Written by `make manual` from `src/sextet/admin/*catalogue.py`; edits here are lost.

Every command takes `-o table` (for people, the default) or `-o json` (for programs; keys keep their meaning).
Before the noun stand `--socket PATH` or `--peer N` (of the lab on this machine), which say which peer is asked.

Exit codes: 0 done, 1 refused or failed, 2 wrong command line, 3 `status` says that this peer takes no calls or `check`
found a requirement that is not met, 4 the primary cannot be reached, 5 the configuration has moved on, 6 no peer
answers.
"""
CHECKS_HEAD = """\
Written by `make manual` from `src/sextet/model/checks.py`; edits here are lost.

`sextet check` and Maintenance > Diagnostics > Preflight check measure these from the peer that is asked, for itself and
every other peer; each peer also does so by itself, every peer once a minute. The ids never change. A check is *ok*,
*failed*, *unknown* (with the reason why it could not be measured) or *not applicable* (this version has no such thing).
"""


def main(arguments: Sequence[str]) -> int:
    """Write the pages into the folder given, or the one of this tree."""
    folder = Path(arguments[0]) if arguments else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text)
    return 0


def pages() -> dict[str, str]:
    """Give every page by its file name."""
    return {
        "settings.md": settings_page(),
        "alarms.md": alarms_page(),
        "commands.md": commands_page(),
        "checks.md": checks_page(),
    }


def settings_page() -> str:
    """Show every setting of every section, in menu order."""
    lines = ["# Settings", "", SETTINGS_HEAD]
    for name, whole in _sections():
        lines += [f"## {name}", "", *_intro(whole), *_setting_tables(name, whole), ""]
    return "\n".join(lines)


def alarms_page() -> str:
    """Show every alarm, by number."""
    rows = [
        (f'<a id="{kind.number}"></a>{kind.number}', kind.severity, kind.title, f"{kind.text}.", kind.action)
        for kind in sorted(TYPES.values(), key=lambda kind: kind.number)
    ]
    order = ", ".join(SEVERITIES)
    head = ("Number", "Severity", "Title", "What is wrong", "What to do")
    lines = ["# Alarms", "", ALARMS_HEAD, f"Severities, worst first: {order}.", "", *_table(head, rows), ""]
    absent = [(spans, f"{why[0].upper()}{why[1:]}.") for spans, why in ABSENT.items()]
    lines += [
        "## Alarms of the original that never stand here",
        "",
        ABSENT_HEAD,
        *_table(("Numbers", "Why"), absent),
        "",
    ]
    return "\n".join(lines)


def checks_page() -> str:
    """Show every check, in the order in which they are shown everywhere."""
    rows = [(f'<a id="{kind.id}"></a>`{kind.id}`', kind.title, kind.expected, kind.remedy) for kind in CHECKS.values()]
    return "\n".join(["# Checks", "", CHECKS_HEAD, *_table(("Id", "Title", "Expected", "Remedy"), rows), ""])


def commands_page() -> str:
    """Show every command with its arguments."""
    lines = ["# Commands", "", COMMANDS_HEAD]
    for command in sorted(commands(), key=lambda command: command.name):
        lines += [f"## sextet {command.name}", "", f"    {_usage(command)}", "", command.help, ""]
        if command.confirm:
            lines += ["Asks first; `--yes` answers it.", ""]
        if command.outputs:
            lines += [f"Besides table and JSON: {', '.join(f'`-o {one}`' for one in command.outputs)}.", ""]
        if command.parameters:
            lines += [*[f"- `{_shown(one)}`: {one.help}" for one in command.parameters], ""]
        if command.name == "xcommand":
            lines += ["    xCommand ?", *(f"    {xcommands.usage(name)}" for name in sorted(xcommands.COMMANDS)), ""]
    return "\n".join(lines)


def commands() -> list[Command]:
    """Gather what every catalogue declares."""
    found = pkgutil.walk_packages(admin.__path__, f"{admin.__name__}.")
    modules = [importlib.import_module(each.name) for each in found if each.name.endswith("catalogue")]
    return [command for module in modules for command in module.COMMANDS]


def _sections() -> Iterator[tuple[str, type | Setting]]:
    """Walk Root: a section is a class, a list is a setting."""
    for name, default in ((name, getattr(Root(), name)) for name in Root.__dataclass_fields__):
        declared = Root.__dataclass_fields__[name].metadata.get("setting")
        yield name, declared if declared is not None else type(default)


def _intro(whole: type | Setting) -> list[str]:
    if isinstance(whole, type):
        return [(whole.__doc__ or "").split("\n")[0].partition(" (facts")[0].rstrip(".") + ".", ""]
    assert whole.item is not None
    marks = " †" if whole.peer else ""
    key = KEYS[whole.item]
    only = f" Where `{whole.when[0]}` is {', '.join(whole.when[1])}." if whole.when else ""
    return [
        f"{whole.label}{marks}: {whole.help}{only} A list of at most {whole.high}, each entry named by its `{key}`.",
        "",
    ]


def _setting_tables(path: str, whole: type | Setting, above: str = "") -> list[str]:
    """One table for the section, then one for each list in it; `above` is what the original's path begins with."""
    if isinstance(whole, Setting):
        assert whole.item is not None
        path, above, whole = f"{path}[…]", f"{above}{whole.path} n ", whole.item
    plain = [(name, one) for name, one in settings(whole) if one.kind is not Kind.MANY]
    lists = [(name, one) for name, one in settings(whole) if one.kind is Kind.MANY]
    lines = _table(
        ("Setting", "Label", "Value", "Default", "In force", "Meaning"),
        [_setting_row(f"{path}.{name}", one, above) for name, one in plain],
    )  # fmt: skip
    for name, one in lists:
        lines += ["", f"### {path}.{name}", "", *_intro(one), *_setting_tables(f"{path}.{name}", one, above)]
    return lines


def _setting_row(path: str, one: Setting, above: str) -> tuple[str, ...]:
    marks = (r" \*" if one.mandatory else "") + (" †" if one.peer else "")
    original = f" Original: `{above}{one.path}`." if one.path else ""
    when = "restart" if one.applies is Applies.RESTART else "live"
    only = f" Where `{one.when[0]}` is {', '.join(one.when[1])}." if one.when else ""
    return (f"`{path}`", f"{one.label}{marks}", _value(one), _default(one), when, one.help + only + original)


def _value(one: Setting) -> str:
    match one.kind:
        case Kind.NUMBER:
            return f"{one.low} to {one.high}{UNITS.get(one.unit, '')}"
        case Kind.CHOICE:
            return ", ".join(f"`{choice}`" for choice in one.choices)
        case Kind.TEXT:
            return f"{f'{one.low} to' if one.low else 'up to'} {one.high} characters"
    return KINDS[one.kind]


def _default(one: Setting) -> str:
    if one.kind is Kind.SWITCH:
        return "On" if one.default else "Off"
    return f"`{one.default}`" if one.default != "" else "empty"


def _usage(command: Command) -> str:
    return " ".join(["sextet", command.name, *(_bracketed(one) for one in command.parameters)])


def _bracketed(one: Parameter) -> str:
    return _shown(one) if one.required and one.kind != "value" else f"[{_shown(one)}]"


def _shown(one: Parameter) -> str:
    if not one.option:
        return one.name.upper()
    name = f"--{one.name.replace('_', '-')}"
    if one.kind == "flag":
        return name
    return f"{name} {f'{one.low}..{one.high}' if one.kind == 'number' else one.name.upper()}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *[[cell.replace("|", "\\|") for cell in row] for row in rows]]
    return [f"| {' | '.join(line)} |" for line in lines]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
