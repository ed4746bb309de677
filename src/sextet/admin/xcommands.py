"""What the original's commands are here: parameters, the command behind each, its arguments (facts 5.3, 5.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sextet.admin.commands import Usage
from sextet.admin.dialplan import bandwidth
from sextet.admin.listings import RegistrationLine, registrations
from sextet.cluster.face import Face
from sextet.model.schema import Problem
from sextet.model.settings.local_zone import MODES

Given = Mapping[str, str]
_ROW = ("Fqdn", "IpAddress")
_LOCATE = (("alias", "alias"), ("protocol", "protocol"), ("sourcezone", "from"), ("sourcealias", "caller"))
_MODES = {mode.replace(" ", "").lower(): mode for mode in MODES}  # the original writes NoBandwidth
OPTIONAL = {
    "Link Add": ("Pipe1", "Pipe2"),
    "Pipe Add": ("TotalMode", "Total", "PerCallMode", "PerCall"),
    "Locate": ("HopCount", "Protocol", "SourceZone", "Authenticated", "SourceAlias"),
    "Remove Registration": ("Registration", "RegistrationSerialNumber"),  # one of these
}


def _number(text: str) -> int | str:
    """Read a number; what is none is refused by the command that gets it."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def _wish(_: Face, given: Given) -> dict[str, Any]:
    """Write what is to be located in the words of `locate`."""
    wish: dict[str, Any] = {name: given[parameter] for parameter, name in _LOCATE if parameter in given}
    if "hopcount" in given:
        wish["hops"] = _number(given["hopcount"])
    if "authenticated" in given:
        wish["unauthenticated"] = given["authenticated"].lower() in ("no", "off", "false")
    return wish


def _registration(face: Face, given: Given) -> dict[str, Any]:
    """Name a device by its place in this peer's `xStatus Registrations`, or by its serial number on any peer."""
    if len(given) != 1:
        sentence = "Write it so: xCommand Remove Registration, with Registration or RegistrationSerialNumber."
        raise Usage(Problem("words", sentence))
    place, serial = given.get("registration", ""), given.get("registrationserialnumber", "")
    found = next((line for number, line in enumerate(registered(face), 1) if number == _number(place)), None)
    found = found or next((line for line in registrations(face) if line.serial == serial.lower()), None)
    if found is None:
        sentence = (
            f"There is no registration {(place or serial)[:40]!r}; `xstatus registrations` lists those of this peer."
        )
        raise Usage(Problem("words", sentence))
    return {"alias": found.alias, "device": found.device}


def _link(_: Face, given: Given) -> dict[str, Any]:
    names = {"linkname": "name", **{name: name for name in ("node1", "node2", "pipe1", "pipe2")}}
    return {"path": "links", "value": {names[name]: value for name, value in given.items()}}


def _pipe(_: Face, given: Given) -> dict[str, Any]:
    """Modes are written as the original does; what is no mode is refused by the setting."""
    limits = {"total": "total_limit", "percall": "per_call_limit"}
    modes = {"totalmode": "total_mode", "percallmode": "per_call_mode"}
    value: dict[str, Any] = {"name": given["pipename"]}
    value |= {limits[name]: _number(text) for name, text in given.items() if name in limits}
    value |= {modes[name]: _MODES.get(text.lower(), text) for name, text in given.items() if name in modes}
    return {"path": "pipes", "value": value}


def _by_place(list_: str, noun: str, names: Callable[[Face], Sequence[str]]) -> Callable[[Face, Given], dict[str, Any]]:
    """Name what is removed by its place in `xStatus`, as the original does."""

    def found(face: Face, given: Given) -> dict[str, Any]:
        place = _number(given[f"{noun}id"])
        there = names(face)
        if not isinstance(place, int) or not 1 <= place <= len(there):
            raise Usage(
                Problem("words", f"There is no {noun} {given[f'{noun}id'][:40]!r}; `xstatus {list_}` counts them.")
            )
        return {"path": f"{list_}[{there[place - 1]}]"}

    return found


# The original's name -> the parameters that it needs, the command behind it, and the command's arguments.
COMMANDS: dict[str, tuple[tuple[str, ...], str, Callable[[Face, Given], dict[str, Any]]]] = {
    "Force Config Update": ((), "cluster force-config-update", lambda _, given: {}),
    "Force System Key Update": ((), "cluster force-system-key-update", lambda _, given: {}),
    "Default Links Add": ((), "bandwidth default-links", lambda _, given: {}),
    "Check Bandwidth": (
        ("Node1", "Node2", "Bandwidth", "CallType"),
        "bandwidth check",
        lambda _, given: {
            "node1": given["node1"],
            "node2": given["node2"],
            "kbps": _number(given["bandwidth"]),
            "call_type": given["calltype"],
        },
    ),
    "Link Add": (("LinkName", "Node1", "Node2"), "config add", _link),
    "Link Delete": (
        ("LinkId",),
        "config remove",
        _by_place("links", "link", lambda face: [one.name for one in bandwidth.links(face)]),
    ),
    "Pipe Add": (("PipeName",), "config add", _pipe),
    "Pipe Delete": (
        ("PipeId",),
        "config remove",
        _by_place("pipes", "pipe", lambda face: [one.name for one in bandwidth.pipes(face)]),
    ),
    "Disconnect Call": (("CallSerialNumber",), "call disconnect", lambda _, given: {"tag": given["callserialnumber"]}),
    "Remove Registration": ((), "registration remove", _registration),
    "Locate": (("Alias",), "locate", _wish),
    "Check Pattern": (
        ("Target", "Pattern", "Type", "Behavior", "Replace"),
        "check-pattern",
        lambda _, given: {
            "alias": given["target"],
            **{name: given[name] for name in ("pattern", "type", "behavior", "replace")},
        },
    ),
    "Restart": ((), "peer restart", lambda _, given: {}),
    "Boot": ((), "peer restart", lambda _, given: {}),
    "Cluster Address Mapping Add": (
        _ROW,
        "config add",
        lambda _, given: {
            "path": "clustering.address_mappings",
            "value": {"fqdn": given["fqdn"], "ip": given["ipaddress"]},
        },
    ),
    "Cluster Address Mapping Delete": (
        _ROW,
        "config remove",
        lambda _, given: {"path": f"clustering.address_mappings[{given['fqdn']}]"},
    ),
}


def registered(face: Face) -> list[RegistrationLine]:
    """List the devices of this peer, in the order in which `xStatus Registrations` counts them."""
    own = face.status().number
    return [line for line in registrations(face) if line.peer == own]
