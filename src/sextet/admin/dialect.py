"""xCommand, xConfiguration and xStatus: a thin dialect over the commands and the schema's paths (facts 5.1 to 5.5).

Names are matched without spaces and without regard to case, and a unique beginning is enough. Only what sextet has is
there: settings that carry a path of the original's (xpaths.py), and the commands of xcommands.py.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sextet.admin import dialect_catalogue as catalogue
from sextet.admin import xpaths, xstatus
from sextet.admin.actor import Actor
from sextet.admin.commands import Arguments, Registry, Usage
from sextet.admin.xcommands import COMMANDS, added, parsed, usage
from sextet.cluster.face import Face
from sextet.model.schema import Problem
from sextet.model.sections import Root

MAINTENANCE = "SystemUnit Maintenance Mode"
_WORD = re.compile(r"""(?:([A-Za-z][\w.]*):\s*)?("[^"]*"|'[^']*'|\S+)""")


def add_to(registry: Registry, face: Face, maintenance: Callable[[], bool]) -> None:
    """Add the three verbs to a peer's commands; `maintenance` says whether that mode is on."""

    async def command(actor: Actor, arguments: Arguments) -> object:
        return await _command(registry, face, actor, str(arguments.get("words", "")))

    async def configuration(actor: Actor, arguments: Arguments) -> object:
        words = str(arguments.get("words", ""))
        if ":" in words:
            return await _set(registry, face, actor, words)
        return await asyncio.to_thread(_shown, face.saved, maintenance(), words)  # may be thirty thousand lines

    async def status(actor: Actor, arguments: Arguments) -> object:
        return await xstatus.status(face, str(arguments.get("words", "")))

    registry.add(catalogue.XCOMMAND, command)
    registry.add(catalogue.XCONFIGURATION, configuration)
    registry.add(catalogue.XSTATUS, status)


async def _command(registry: Registry, face: Face, actor: Actor, words: str) -> list[str]:
    if words.rstrip().endswith("?") or not words.strip():
        return [
            usage(name)
            for name in sorted(COMMANDS)
            if xpaths.key(name).startswith(xpaths.key(words.rstrip().rstrip("?")))
        ]
    said = [(name, _unquoted(value)) for name, value in _WORD.findall(words)]
    bare = [value for name, value in said if not name]
    named = [(name, value) for name, value in said if name]
    leading = len(list(itertools.takewhile(lambda one: not one[0], said)))
    name, length = _leading(bare[:leading])
    command, given = COMMANDS[name], parsed(name, named, bare[length:])
    arguments = command.arguments(face, given)
    if not isinstance(arguments, Mapping):
        arguments = await arguments
    result = await registry.run(command.behind, arguments, actor)
    sentence = result.get("sentence", "") if isinstance(result, Mapping) else ""
    if command.adds:
        sentence = added(face, command.adds, given)
    fields = [f'  Description: "{sentence}"'] if sentence else []
    return [f"*r Result (status=OK):{'' if fields else ' /'}", *fields, "*r/end", "", "OK"]


def _leading(words: Sequence[str]) -> tuple[str, int]:
    """Find the command that the first words name, and how many they are; values without a name may follow."""
    for length in range(len(words), 0, -1):
        wanted = xpaths.key("".join(words[:length]))
        if found := [name for name in COMMANDS if xpaths.key(name) == wanted]:
            return found[0], length
    return _the_one(" ".join(words), COMMANDS, "command"), len(words)


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


def _shown(saved: Root, maintenance: bool, words: str) -> list[str]:
    begins = words.strip().rstrip("?")
    there = [place for place in xpaths.places(saved, begins) if not (place.adds or place.declared.secret)]
    lines = [(xpaths.in_order(place.shown), place.shown, xpaths.written(place)) for place in there]
    if xpaths.key(MAINTENANCE).startswith(xpaths.key(begins)):
        lines.append((xpaths.in_order(MAINTENANCE), MAINTENANCE, "On" if maintenance else "Off"))
    if not lines:
        raise Usage(Problem("", f"There is nothing at {words.strip()[:60]!r}; `xconfiguration` lists it all."))
    return [*(f'*c xConfiguration {path}: "{value}"' for _, path, value in sorted(lines)), "", "OK"]


async def _set(registry: Registry, face: Face, actor: Actor, words: str) -> list[str]:
    named, _, value = words.partition(":")
    value = _unquoted(value.strip())
    there = {place.shown: place for place in xpaths.places(face.saved, named)}
    if not there and not xpaths.key(MAINTENANCE).startswith(xpaths.key(named)):
        sentence = f"There is no setting {named.strip()[:60]!r}; `xconfiguration` lists what there is."
        raise Usage(Problem("", sentence))
    path = _the_one(named, [*there, MAINTENANCE], "setting")
    if path == MAINTENANCE:
        await registry.run("peer maintenance", {"mode": value}, actor)
    else:
        await registry.run(*xpaths.edit(there[path], value), actor)
    return ["OK"]


def _the_one(words: str, names: Sequence[str] | Mapping[str, Any], what: str) -> str:
    """Find the one name that the words are, or begin; raises Usage where there is none or several."""
    wanted = xpaths.key(words)
    beginning = [name for name in names if xpaths.key(name).startswith(wanted)]
    found = [name for name in beginning if xpaths.key(name) == wanted] or beginning
    if len(found) != 1:
        said = repr(words.strip()[:60])
        if found and wanted:
            raise Usage(Problem("", f"{said} begins several names; write one of {', '.join(found[:6])}."))
        raise Usage(Problem("", f"There is no {what} {said}; there are {', '.join(sorted(names)[:8])} …"))
    return found[0]
