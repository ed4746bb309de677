"""People with a FindMe ID (facts 7.7): as scripts, by which their devices ring, and as who is shown as calling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sextet.call.alias import key
from sextet.call.policy.cpl import AddLocation, Node, ProxyNode, Result, Script
from sextet.model.settings.policy import FindMe, FindMePerson
from sextet.model.validation.policy import names_of

UNREACHED = (404, 480)  # nobody is registered, or cannot be reached: who is not there does not answer


def people_of(findme: FindMe) -> list[FindMePerson]:
    """Give those who are called by their FindMe ID."""
    people = findme.people if findme.mode == "On" else ()
    return [person for person in people if person.state == "Enabled"]


def script_of(person: FindMePerson) -> Script:
    """Make the script of one person; without an active location it rings nowhere."""
    active = person.active_location.lower()
    location = next((one for one in person.locations if one.name.lower() == active), None)
    if location is None:
        return Script()
    aliases = {device.name.lower(): device.alias for device in person.devices}
    outputs: dict[Result, Node] = {}
    named: tuple[tuple[Result, str], ...] = (("noanswer", location.no_answer), ("busy", location.busy))
    for result, names in named:
        if names_of(names):
            outputs[result] = _ring(names, aliases, ProxyNode(number=-1))
    unanswered = outputs.get("noanswer")
    first = ProxyNode(
        number=0, timeout_s=location.ring_s if unanswered else 0, outputs=outputs,
        failures=dict.fromkeys(UNREACHED, unanswered) if unanswered else {},
    )  # fmt: skip
    return Script(root=_ring(location.at_once, aliases, first), proxies=(first,))


def callers(people: Sequence[FindMePerson]) -> dict[str, str]:
    """Give the FindMe ID of whose device an alias is.

    Of several people with one device it is his who has it as a principal device; where that is not one, nobody's.
    """
    having: dict[str, list[tuple[str, bool]]] = {}
    for person in people:
        own: dict[str, bool] = {}
        for device in person.devices:
            own[key(device.alias)] = own.get(key(device.alias), False) or device.principal
        for alias, principal in own.items():
            having.setdefault(alias, []).append((person.findme_id, principal))
    found: dict[str, str] = {}
    for alias, owners in having.items():
        chosen = owners if len(owners) == 1 else [owner for owner in owners if owner[1]]
        if len(chosen) == 1:
            found[alias] = chosen[0][0]
    return found


def _ring(names: str, aliases: Mapping[str, str], then: Node) -> Node:
    for name in reversed(names_of(names)):
        alias = aliases.get(name.lower())
        if alias:
            then = AddLocation(alias=alias, then=then)
    return then
