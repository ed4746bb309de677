"""A person's FindMe account as a script: the devices of the active location ring, then the others (facts 7.7)."""

from __future__ import annotations

from collections.abc import Mapping

from sextet.call.policy.cpl import AddLocation, Node, ProxyNode, Result, Script
from sextet.model.settings.policy import FindMePerson
from sextet.model.validation.policy import names_of


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
    first = ProxyNode(number=0, timeout_s=location.ring_s if "noanswer" in outputs else 0, outputs=outputs)
    return Script(root=_ring(location.at_once, aliases, first), proxies=(first,))


def _ring(names: str, aliases: Mapping[str, str], then: Node) -> Node:
    for name in reversed(names_of(names)):
        alias = aliases.get(name.lower())
        if alias:
            then = AddLocation(alias=alias, then=then)
    return then
