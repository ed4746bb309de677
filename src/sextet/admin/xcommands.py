"""What the original's commands are here: parameters, the command behind each, its arguments (facts 5.3, 5.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sextet.admin import xpaths, xstatus
from sextet.admin.commands import Usage
from sextet.admin.door import typed
from sextet.admin.listings import serial_of
from sextet.cluster.face import Face
from sextet.model.config import Change, item_path, setting_at
from sextet.model.schema import Problem, Refused, setting
from sextet.model.sections import KEYS, Root
from sextet.model.status import Registration

Given = Mapping[str, str]  # by the parameter's name in lower case
_LOCATE = (("alias", "alias"), ("protocol", "protocol"), ("sourcezone", "from"), ("sourcealias", "caller"))
_LIMITS = {"TotalMode": "total_mode", "Total": "total_limit"}
_PATTERNS = {"PatternString(r)": "pattern", "PatternType": "pattern_type", "Description": "description"}


@dataclass(frozen=True, slots=True)
class Adding:
    """What makes a new entry of a list from parameters."""

    path: str  # of the list
    words: Mapping[str, str]  # the command's parameters in lower case -> the setting of each

    def entry(self, given: Given) -> tuple[dict[str, Any], list[str]]:
        """Make it; gives also the parameters that name no setting."""
        return xpaths.entry(_kind(self.path), self.words, given)


@dataclass(frozen=True, slots=True, kw_only=True)
class XCommand:
    """One command of the original's."""

    parameters: Mapping[str, str]  # with (r) those that are needed -> the values that each takes
    behind: str  # our command
    arguments: Callable[[Face, Given], dict[str, Any] | Awaitable[dict[str, Any]]]
    adds: Adding | None = None


# What is added and deleted: the list, and the parameters of Add with the setting of each. Whatever else xConfiguration
# has for such an entry may be given too, in its words: ZoneAdd ... NeighborPeer1Address: 192.0.2.10.
_ENTRIES: dict[str, tuple[str, dict[str, str]]] = {
    "Zone": ("zones", {"ZoneName(r)": "name", "Type(r)": "type"}),
    "Search Rule": ("search_rules", {"Name(r)": "name", "ZoneName": "target", "Description": "description"}),
    "Transform": (
        "transforms",
        {
            "Pattern(r)": "pattern", "Type": "pattern_type", "Behavior": "behavior", "Replace": "replace",
            "Priority": "priority", "Description": "description", "State": "state",
        },
    ),
    "Link": (
        "links",
        {"LinkName(r)": "name", "Node1": "node1", "Node2": "node2", "Pipe1": "pipe1", "Pipe2": "pipe2"},
    ),
    "Pipe": (
        "pipes",
        {"PipeName(r)": "name", **_LIMITS, "PerCallMode": "per_call_mode", "PerCall": "per_call_limit"},
    ),
    "SubZone": (
        "subzones",
        {
            "SubZoneName(r)": "name", **_LIMITS, "PerCallInterMode": "inter_mode", "PerCallInter": "inter_limit",
            "PerCallIntraMode": "intra_mode", "PerCallIntra": "intra_limit",
        },
    ),
    "SubZone Membership Rule": (
        "membership_rules",
        {"Name(r)": "name", "Type(r)": "type", "SubZoneName(r)": "subzone", "Description": "description"},
    ),
    "Allow List": ("registration.allow_list", _PATTERNS),
    "Deny List": ("registration.deny_list", _PATTERNS),
    "Domain": ("domains", {"Name(r)": "name"}),
    "Policy Service": ("policy_services", {"Name(r)": "name", "Description": "description"}),
    "Credential": ("credentials", {"Name(r)": "name", "Password(r)": "password"}),
}  # fmt: skip


def entries(whole: Root, path: str) -> tuple[Any, ...]:
    """Give the entries of a list, in the order in which xConfiguration and xStatus count them."""
    found: Any = whole
    for name in path.split("."):
        found = getattr(found, name)
    return tuple(found)


def added(face: Face, adding: Adding, given: Given) -> str:
    """Say under which number a new entry is found; "" where this peer has not got it yet."""
    kind, names = _kind(adding.path), _names(face.saved, adding.path)
    entry, _ = adding.entry(given)
    name = str(entry.get(KEYS[kind], setting(kind, KEYS[kind]).default))
    return f"This is {setting_at(adding.path).path} {names.index(name) + 1}." if name in names else ""


def _add(path: str, words: Mapping[str, str]) -> XCommand:
    adding = Adding(path, {name.removesuffix("(r)").lower(): field for name, field in words.items()})
    return XCommand(
        parameters={name: xpaths.space(setting(_kind(path), field)) for name, field in words.items()},
        behind="config add",
        arguments=lambda _, given: {"path": path, "value": adding.entry(given)[0]},
        adds=adding,
    )


def _delete(path: str, noun: str) -> XCommand:
    declared, parameter = setting_at(path), f"{noun.replace(' ', '')}Id"

    def arguments(face: Face, given: Given) -> dict[str, Any]:
        text, names = given[parameter.lower()], _names(face.saved, path)
        place = _number(text)
        if not isinstance(place, int) or not 1 <= place <= len(names):
            counted = setting(_kind(path), KEYS[_kind(path)]).path
            lists = f"xconfiguration {declared.path}" if counted else f"config show {path}"
            raise Usage(Problem(parameter, f"There is no {noun.lower()} {text[:40]!r}; `{lists}` counts them."))
        return {"path": item_path(path, names[place - 1])}

    spaces = {f"{parameter}(r)": f"<1..{declared.high}>"}
    return XCommand(parameters=spaces, behind="config remove", arguments=arguments)


def _kind(path: str) -> type:
    kind = setting_at(path).item
    assert kind is not None
    return kind


def _names(whole: Root, path: str) -> list[str]:
    name = KEYS[_kind(path)]
    return [str(getattr(one, name)) for one in entries(whole, path)]


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


async def _registration(face: Face, given: Given) -> dict[str, Any]:
    """Name a device by its place in this peer's `xStatus Registrations`, or by its serial number on any peer."""
    if len(given) != 1:
        raise Usage(wrong("Remove Registration", "Give either Registration or RegistrationSerialNumber."))
    if "registration" in given:
        found = await asyncio.to_thread(_at_place, xstatus.own_registrations(face), _number(given["registration"]))
    else:
        rows = [row for those in face.registrations().values() for row in those.values()]
        found = await asyncio.to_thread(_of_serial, rows, given["registrationserialnumber"].lower())
    if found is None:
        (named,) = given.values()
        sentence = f"There is no registration {named[:40]!r}; `xstatus registrations` lists those of this peer."
        raise Usage(Problem("", sentence))
    return {"alias": found[0], "device": found[1]}


def _at_place(rows: Sequence[Registration], place: int | str) -> tuple[str, str] | None:
    there = xstatus.devices(rows) if isinstance(place, int) else []
    return (
        (there[place - 1][0], there[place - 1][1].device)
        if isinstance(place, int) and 0 < place <= len(there)
        else None
    )


def _of_serial(rows: Sequence[Registration], serial: str) -> tuple[str, str] | None:
    there = ((row.alias, one.device) for row in rows for one in row.bindings)
    return next((one for one in there if serial_of(*one) == serial), None)


def _call(face: Face, given: Given) -> dict[str, Any]:
    """Name a call by its place in this peer's `xStatus Calls`, or by its serial number or tag on any peer."""
    if len(given) != 1:
        raise Usage(wrong("Disconnect Call", "Give either Call or CallSerialNumber."))
    if "callserialnumber" in given:
        return {"tag": given["callserialnumber"]}
    own = xstatus.own_calls(face)
    place = _number(given["call"])
    if not isinstance(place, int) or not 1 <= place <= len(own):
        sentence = f"There is no call {given['call'][:40]!r}; `xstatus calls` lists those of this peer."
        raise Usage(Problem("Call", sentence))
    return {"tag": own[place - 1].serial}


def _plain(behind: str) -> XCommand:
    return XCommand(parameters={}, behind=behind, arguments=lambda _, given: {})


def _mapping(verb: str, arguments: Callable[[Given], dict[str, Any]]) -> XCommand:
    parameters = {"Fqdn(r)": "<S: 1, 128>", "IpAddress(r)": "<S: 1, 39>"}
    return XCommand(parameters=parameters, behind=f"config {verb}", arguments=lambda _, given: arguments(given))


COMMANDS: dict[str, XCommand] = {
    **{f"{noun} Add": _add(path, words) for noun, (path, words) in _ENTRIES.items()},
    **{f"{noun} Delete": _delete(path, noun) for noun, (path, _) in _ENTRIES.items()},
    "Cluster Address Mapping Add": _mapping(
        "add",
        lambda given: {
            "path": "clustering.address_mappings",
            "value": {"fqdn": given["fqdn"], "ip": given["ipaddress"]},
        },
    ),
    "Cluster Address Mapping Delete": _mapping(
        "remove", lambda given: {"path": item_path("clustering.address_mappings", given["fqdn"])}
    ),
    "Force Config Update": _plain("cluster force-config-update"),
    "Force System Key Update": _plain("cluster force-system-key-update"),
    "Default Links Add": _plain("bandwidth default-links"),
    "Restart": _plain("peer restart"),
    "Boot": _plain("peer restart"),
    "Check Bandwidth": XCommand(
        parameters={
            "Node1(r)": "<S: 1, 50>",
            "Node2(r)": "<S: 1, 50>",
            "Bandwidth(r)": "<1..100000000>",
            "CallType(r)": "<Traversal/NonTraversal>",
        },
        behind="bandwidth check",
        arguments=lambda _, given: {
            "node1": given["node1"],
            "node2": given["node2"],
            "kbps": _number(given["bandwidth"]),
            "call_type": given["calltype"],
        },
    ),
    "Check Pattern": XCommand(
        parameters={
            "Target(r)": "<S: 1, 60>",
            "Pattern(r)": "<S: 1, 60>",
            "Type(r)": "<Exact/Prefix/Suffix/Regex>",
            "Behavior(r)": "<Strip/Leave/Replace/AddPrefix/AddSuffix>",
            "Replace": "<S: 0, 60>",
        },
        behind="check-pattern",
        arguments=lambda _, given: {
            "alias": given["target"],
            **{name: given[name] for name in ("pattern", "type", "behavior", "replace") if name in given},
        },
    ),
    "Locate": XCommand(
        parameters={
            "Alias(r)": "<S: 1, 60>",
            "HopCount": "<0..255>",
            "Protocol": "<H323/SIP>",
            "SourceZone": "<S: 0, 50>",
            "Authenticated": "<Yes/No>",
            "SourceAlias": "<S: 0, 60>",
        },
        behind="locate",
        arguments=_wish,
    ),
    "Disconnect Call": XCommand(
        parameters={"Call": "<1..1000>", "CallSerialNumber": "<S: 1, 255>"}, behind="call disconnect", arguments=_call
    ),
    "Remove Registration": XCommand(
        parameters={"Registration": "<1..3750>", "RegistrationSerialNumber": "<S: 1, 255>"},
        behind="registration remove",
        arguments=_registration,
    ),
}


def usage(name: str) -> str:
    """Write how a command is called, as the original's help does."""
    return " ".join([name, *(f"{parameter}: {values}" for parameter, values in COMMANDS[name].parameters.items())])


def wrong(name: str, sentence: str) -> Problem:
    """Say what is wrong with a call of a command, and how it is called rightly."""
    return Problem("", f"{sentence} Write it so: xCommand {usage(name)}")


def parsed(name: str, named: Sequence[tuple[str, str]], bare: Sequence[str]) -> Given:
    """Put values to their parameters, those without a name in order; raises Usage with everything that is wrong."""
    command = COMMANDS[name]
    needed = {parameter.lower(): parameter for parameter in command.parameters}
    known = {parameter.removesuffix("(r)"): shown for parameter, shown in needed.items()}
    given = {parameter.lower(): value for parameter, value in named}
    as_written = {parameter.lower(): parameter for parameter, _ in named}
    free = [parameter for parameter in known if parameter not in given]
    given |= dict(zip(free, bare, strict=False))
    entry, unknown = command.adds.entry(given) if command.adds else ({}, [one for one in given if one not in known])
    said = [f"There is no parameter {as_written[parameter][:60]!r}." for parameter in unknown]
    said += [f"There is no parameter for {value[:60]!r}." for value in bare[len(free) :]]
    missing = [shown[:-3] for parameter, shown in known.items() if shown.endswith("(r)") and parameter not in given]
    said += [f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing."] if missing else []
    if said:
        raise Usage(wrong(name, " ".join(said)), *(_unfit(command.adds.path, entry) if command.adds else ()))
    return given


def _unfit(path: str, entry: Mapping[str, Any]) -> Sequence[Problem]:
    """Say which values are none of their settings: who has to write a command again wants to hear of all."""
    try:
        typed([Change("add", path, entry)])
    except Refused as refused:
        return refused.problems
    return ()
