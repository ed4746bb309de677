"""Do subzones and membership rules make sense together (facts 7.10)?"""

from __future__ import annotations

from collections.abc import Iterator

from sextet.model.config import item_path
from sextet.model.ip import MAPPED, ip_of
from sextet.model.schema import Problem, is_ip
from sextet.model.sections import Root
from sextet.model.settings.local_zone import BUILT_IN, DEFAULT_SUBZONE, MembershipRule
from sextet.model.settings.zones import DEFAULT_ZONE, LOCAL_ZONE
from sextet.model.validation.patterns import pattern

TAKEN = frozenset(name.lower() for name in (*BUILT_IN, DEFAULT_ZONE, LOCAL_ZONE, "Local Zone"))


def subzones(whole: Root) -> Iterator[Problem]:
    """A link names a subzone or a zone by its name alone: no two nodes may share one."""
    zones = {zone.name.lower() for zone in whole.zones}
    for row in whole.subzones:
        field = f"{item_path('subzones', row.name)}.name"
        if row.name.lower() in TAKEN:
            yield Problem(field, f"Name: {row.name} is built in; choose another name.")
        elif row.name.lower() in zones:
            yield Problem(field, f"Name: there is a zone {row.name} already; choose another name.")
    for zone in whole.zones:
        if zone.name.lower() in TAKEN - {DEFAULT_ZONE.lower(), LOCAL_ZONE.lower(), "local zone"}:  # those: dialplan
            yield Problem(
                f"{item_path('zones', zone.name)}.name", f"Name: {zone.name} is built in; choose another name."
            )


def membership(whole: Root) -> Iterator[Problem]:
    there = {row.name for row in whole.subzones} | {DEFAULT_SUBZONE}
    for rule in whole.membership_rules:
        path = item_path("membership_rules", rule.name)
        if rule.subzone not in there:
            yield Problem(
                f"{path}.subzone", f"Target subzone: there is no subzone {rule.subzone!r}; choose one that there is."
            )
        yield from _subnet(path, rule) if rule.type == "Subnet" else _alias(path, rule)


def _subnet(path: str, rule: MembershipRule) -> Iterator[Problem]:
    if not rule.subnet_address:
        yield Problem(f"{path}.subnet_address", "Subnet address: the type Subnet needs one; enter it.")
    elif is_ip(rule.subnet_address) and ip_of(rule.subnet_address).version == 4:
        if ":" not in rule.subnet_address and rule.subnet_prefix > 32:
            yield Problem(f"{path}.subnet_prefix", "Prefix length: an IPv4 subnet has at most 32; enter 1 to 32.")
        elif ":" in rule.subnet_address and rule.subnet_prefix < MAPPED:
            words = f"an IPv4 subnet written as IPv6 has at least {MAPPED}; enter {MAPPED} to 128, or write it as IPv4."
            yield Problem(f"{path}.subnet_prefix", f"Prefix length: {words}")


def _alias(path: str, rule: MembershipRule) -> Iterator[Problem]:
    if not rule.pattern:
        yield Problem(f"{path}.pattern", "Pattern string: Alias pattern match needs one; enter it.")
    else:
        yield from pattern(f"{path}.pattern", rule.pattern_type, rule.pattern)
