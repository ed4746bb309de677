"""xStatus: the state of this peer by the original's elements (facts 5.5).

There may be a hundred thousand registrations. What an element shows is looked at only where it is asked for, and lines
are written beside the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sextet.admin import xpaths
from sextet.admin.commands import Usage
from sextet.admin.dialplan.bandwidth import NOTHING
from sextet.admin.listings import serial_of
from sextet.admin.peers import views
from sextet.admin.peers.resources import resources
from sextet.call.bandwidth.plan import LINK, PIPE, SUBZONE, ZONE
from sextet.cluster.face import Face, Used
from sextet.model.alarms import TYPES
from sextet.model.schema import Problem
from sextet.model.settings.local_zone import BUILT_IN
from sextet.model.status import Binding, Call, Registration

Body = Mapping[str, Any]


async def status(face: Face, words: str) -> tuple[str, ...]:
    """Write the elements whose names begin so, all where there are no words; raises Usage."""
    wanted = [name for name in ELEMENTS if xpaths.key(name).startswith(xpaths.key(words.rstrip("? ")))]
    if not wanted:
        raise Usage(Problem("", f"There is no element {words[:60]!r}; there are {', '.join(ELEMENTS)}."))
    looked_at = {name: ELEMENTS[name](face) for name in wanted}
    return await asyncio.to_thread(_written, looked_at)


def devices(rows: Sequence[Registration]) -> list[tuple[str, Binding]]:
    """Give the devices of a peer with their aliases, in the order in which `xStatus Registrations` counts them."""
    return sorted(((row.alias, one) for row in rows for one in row.bindings), key=lambda one: (one[0], one[1].contact))


def own_registrations(face: Face) -> list[Registration]:
    """Give what is registered with this peer at this moment, for who reads it beside the event loop."""
    return list(face.registrations().get(face.status().number, {}).values())


def own_calls(face: Face) -> list[Call]:
    """Give this peer's calls, in the order in which `xStatus Calls` counts them."""
    own = face.status().number
    return [owned.row for owned in face.calls() if owned.number == own]


def _written(looked_at: Mapping[str, Body | Callable[[], Body]]) -> tuple[str, ...]:
    lines: list[str] = []
    for name, there in looked_at.items():
        body = there() if callable(there) else there
        lines += [f"*s {name}:{'' if body else ' /'}", *_tree(body, 1), "*s/end", ""]
    return (*lines, "OK")


def _tree(body: Body, depth: int) -> Iterator[str]:
    for name, value in body.items():
        if isinstance(value, Mapping):
            yield f"{'  ' * depth}{name}:{'' if value else ' /'}"
            yield from _tree(value, depth + 1)
        else:
            shown = str(value) if isinstance(value, int) else f'"{value}"'
            yield f"{'  ' * depth}{name}: {shown}"


def _unit(face: Face) -> Body:
    own = face.status().number
    row = next((owned.row for owned in face.statuses() if owned.number == own), None)
    return {
        "Product": "sextet",
        "Name": row.system_name if row else "",
        "Uptime": round(row.now_s - row.started_s) if row else 0,
        "Software": {"Version": row.version if row else ""},
    }


def _peers(face: Face) -> Body:
    return {
        f"Peer {member.number}": {
            "Address": member.address,
            "Status": member.clustering,
            "Certificate": member.certificate,
            "ConfigurationPrimary": member.primary,
        }
        for member in face.status().members
    }


def _cluster(face: Face) -> Body:
    status = face.status()
    named = {"Name": status.name, "Database": status.database, "Role": views.role(status)}
    return named if status.members else {}


def _alarms(face: Face) -> Body:
    own = face.status().number
    alarms = [owned.row for owned in face.alarms() if owned.number == own]
    return {
        str(n): {"ID": one.number, "Title": TYPES[one.number].title, "Detail": one.detail}
        for n, one in enumerate(alarms, 1)
    }


def _calls(face: Face) -> Body:
    return {
        f"Call {n}": {
            "SerialNumber": one.serial,
            "Tag": one.tag,
            "Source": one.source,
            "Target": one.destination,
            "Route": one.nodes,
            "Bandwidth": {"Allocated": one.kbps},
        }
        for n, one in enumerate(own_calls(face), 1)
    }


def _usage(face: Face) -> Body:
    return {_name(line.label): {"Current": f"{line.total:g}", "Max": line.limit} for line in resources(face).lines}


def _zones(face: Face) -> Body:
    saved, used = face.saved, face.bandwidth()
    return {
        "LocalZone": {
            **{name: _use(used, SUBZONE, name) for name in BUILT_IN},
            **{f"SubZone {n}": _use(used, SUBZONE, one.name) for n, one in enumerate(saved.subzones, 1)},
        },
        **{f"Zone {n}": _use(used, ZONE, one.name) for n, one in enumerate(saved.zones, 1)},
    }


def _links(face: Face) -> Body:
    used = face.bandwidth()
    return {f"Link {n}": _use(used, LINK, one.name) for n, one in enumerate(face.saved.links, 1)}


def _pipes(face: Face) -> Body:
    used = face.bandwidth()
    return {f"Pipe {n}": _use(used, PIPE, one.name) for n, one in enumerate(face.saved.pipes, 1)}


def _use(used: Mapping[str, Used], kind: str, name: str) -> Body:
    by_calls = used.get(f"{kind}/{name}", NOTHING)
    return {"Name": name, "Bandwidth": {"LocalUsage": by_calls.local, "ClusterUsage": by_calls.cluster}}


def _registrations(face: Face) -> Callable[[], Body]:
    rows = own_registrations(face)
    return lambda: {
        f"Registration {n}": {"Alias": alias, "Contact": one.contact, "SerialNumber": serial_of(alias, one.device)}
        for n, (alias, one) in enumerate(devices(rows), 1)
    }


def _name(label: str) -> str:
    return "".join(word.capitalize() for word in label.partition(",")[0].split())


ELEMENTS: Mapping[str, Callable[[Face], Body | Callable[[], Body]]] = {
    "SystemUnit": _unit,
    "Alternates": _peers,
    "Cluster": _cluster,
    "Alarm": _alarms,
    "Calls": _calls,
    "ResourceUsage": _usage,
    "Zones": _zones,
    "Links": _links,
    "Pipes": _pipes,
    "Registrations": _registrations,
}
