"""xCommand, xConfiguration and xStatus: a thin dialect over the commands and the schema's paths (facts 5.1 to 5.5).

Names are matched without spaces and without regard to case, and a unique beginning is enough. Only what sextet has is
there: settings that carry a path of the original's (xpaths.py), and the commands of xcommands.py.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sextet.admin import dialect_catalogue as catalogue
from sextet.admin import xpaths
from sextet.admin.actor import Actor
from sextet.admin.commands import Arguments, Registry, Usage
from sextet.admin.dialplan import bandwidth
from sextet.admin.peers import views
from sextet.admin.peers.resources import resources
from sextet.admin.xcommands import COMMANDS, added, parsed, registered, usage
from sextet.cluster.face import Face
from sextet.model.alarms import TYPES
from sextet.model.schema import Problem
from sextet.model.sections import Root
from sextet.model.settings.local_zone import BUILT_IN

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
        return _status(face, str(arguments.get("words", "")))

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
    result = await registry.run(command.behind, command.arguments(face, given), actor)
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


def _status(face: Face, words: str) -> list[str]:
    elements = {name: body for name, body in _elements(face).items() if xpaths.key(name).startswith(xpaths.key(words))}
    if words and not elements:
        raise Usage(Problem("", f"There is no element {words[:60]!r}; there are {', '.join(_elements(face))}."))
    lines: list[str] = []
    for name, body in elements.items():
        lines += [f"*s {name}:{'' if body else ' /'}", *_tree(body, 1), "*s/end", ""]
    return [*lines, "OK"]


def _elements(face: Face) -> dict[str, dict[str, Any]]:
    status = face.status()
    own = status.number
    row = next((owned.row for owned in face.statuses() if owned.number == own), None)
    unit = {
        "Product": "sextet",
        "Name": row.system_name if row else "",
        "Uptime": round(row.now_s - row.started_s) if row else 0,
        "Software": {"Version": row.version if row else ""},
    }
    peers = {
        f"Peer {member.number}": {
            "Address": member.address,
            "Status": member.clustering,
            "Certificate": member.certificate,
            "ConfigurationPrimary": member.primary,
        }
        for member in status.members
    }
    cluster = {"Name": status.name, "Database": status.database} if status.members else {}
    alarms = [owned.row for owned in face.alarms() if owned.number == own]
    calls = [owned.row for owned in face.calls() if owned.number == own]
    return {
        "SystemUnit": unit,
        "Alternates": peers,
        "Cluster": {**cluster, **({"Role": views.role(status)} if cluster else {})},
        "Alarm": {
            str(n): {"ID": one.number, "Title": TYPES[one.number].title, "Detail": one.detail}
            for n, one in enumerate(alarms, 1)
        },
        "Calls": {
            f"Call {n}": {
                "SerialNumber": one.serial,
                "Tag": one.tag,
                "Source": one.source,
                "Target": one.destination,
                "Route": one.nodes,
                "Bandwidth": {"Allocated": one.kbps},
            }
            for n, one in enumerate(calls, 1)
        },
        "ResourceUsage": {
            _name(line.label): {"Current": f"{line.total:g}", "Max": line.limit} for line in resources(face).lines
        },
        **_bandwidth(face),
        "Registrations": {
            f"Registration {n}": {"Alias": one.alias, "Contact": one.contact, "SerialNumber": one.serial}
            for n, one in enumerate(registered(face), 1)
        },
    }


def _bandwidth(face: Face) -> dict[str, dict[str, Any]]:
    """Facts 5.5."""

    def use(line: bandwidth.LinkLine | bandwidth.PipeLine | bandwidth.SubzoneLine) -> dict[str, Any]:
        return {"Name": line.name, "Bandwidth": {"LocalUsage": line.local_kbps, "ClusterUsage": line.cluster_kbps}}

    local, built_in = bandwidth.subzones(face), len(BUILT_IN)
    subzones, pipes = ({line.name: use(line) for line in lines} for lines in (local, bandwidth.pipes(face)))
    return {
        "Zones": {
            "LocalZone": {
                **{line.name: use(line) for line in local[:built_in]},
                **{f"SubZone {n}": subzones[one.name] for n, one in enumerate(face.saved.subzones, 1)},
            },
            **{f"Zone {n}": _zone(face, zone.name) for n, zone in enumerate(face.saved.zones, 1)},
        },
        "Links": {f"Link {n}": use(line) for n, line in enumerate(bandwidth.links(face), 1)},
        "Pipes": {f"Pipe {n}": pipes[one.name] for n, one in enumerate(face.saved.pipes, 1)},
    }


def _zone(face: Face, name: str) -> dict[str, Any]:
    used = face.bandwidth().get(f"zone/{name}", bandwidth.NOTHING)
    return {"Name": name, "Bandwidth": {"LocalUsage": used.local, "ClusterUsage": used.cluster}}


def _tree(body: Mapping[str, Any], depth: int) -> Iterator[str]:
    for name, value in body.items():
        if isinstance(value, Mapping):
            yield f"{'  ' * depth}{name}:{'' if value else ' /'}"
            yield from _tree(value, depth + 1)
        else:
            shown = str(value) if isinstance(value, int) else f'"{value}"'
            yield f"{'  ' * depth}{name}: {shown}"


def _name(label: str) -> str:
    return "".join(word.capitalize() for word in label.partition(",")[0].split())


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
