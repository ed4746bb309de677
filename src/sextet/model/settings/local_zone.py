"""Configuration > Local zone: the subzones of this cluster's own endpoints, and which endpoint belongs where (facts 7.10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sextet.model.schema import an_ip, choice, number, text
from sextet.model.settings.words import AUTHENTICATION, PATTERN_TYPES, STATES
from sextet.model.settings.zones import DEFAULT_ZONE, LOCAL_ZONE

SUBZONES_MAX, RULES_MAX = 1000, 3000  # facts 7.10
DEFAULT_SUBZONE, TRAVERSAL_SUBZONE, CLUSTER_SUBZONE = "DefaultSubZone", "TraversalSubZone", "ClusterSubZone"
BUILT_IN = (DEFAULT_SUBZONE, TRAVERSAL_SUBZONE, CLUSTER_SUBZONE)  # as links name them; the last one is virtual: nobody registers there
SOURCES = (LOCAL_ZONE, DEFAULT_ZONE, DEFAULT_SUBZONE)  # where calls come from, besides zones and subzones
MODES = ("Unlimited", "Limited", "No bandwidth")
KBPS_MAX = 100_000_000  # facts appendix A
TOTAL_KBPS, PER_CALL_KBPS = 500_000, 1920  # facts 7.10: the numbers that stand there before anybody limits anything


def limit_mode(what: str, path: str) -> Any:
    """Declare whether something is limited."""
    return choice("Unlimited", MODES, label=f"{what} bandwidth restriction", path=f"{path} Mode", help=f"Whether the bandwidth {_OF[what]} is limited; No bandwidth allows no call at all.")


def limit_kbps(what: str, default: int, path: str) -> Any:
    """Declare the limit that holds where the mode is Limited."""
    return number(default, 1, KBPS_MAX, unit="kbps", label=f"{what} bandwidth limit", path=f"{path} Limit", help=f"The most bandwidth {_OF[what]}, where it is Limited.")


_OF = {
    "Total": "of all calls together",
    "Calls into or out of": "of one call between this subzone and anything else",
    "Calls entirely within": "of one call between two endpoints of this subzone",
    "Calls handled by": "of one traversal call",
    "Per call": "of one call",
}
_DEFAULT, _TRAVERSAL = (f"Zones LocalZone {name} Bandwidth" for name in ("DefaultSubZone", "TraversalSubZone"))
_ONE = "Bandwidth"


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultSubzone:
    """The subzone of every endpoint that no membership rule puts elsewhere."""

    registrations: str = choice("Allow", ("Allow", "Deny"), label="Registration policy", path="Zones LocalZone DefaultSubZone Registrations", help="Whether endpoints of the Default Subzone may register.")
    total_mode: str = limit_mode("Total", f"{_DEFAULT} Total")
    total_limit: int = limit_kbps("Total", TOTAL_KBPS, f"{_DEFAULT} Total")
    inter_mode: str = limit_mode("Calls into or out of", f"{_DEFAULT} PerCall Inter")
    inter_limit: int = limit_kbps("Calls into or out of", PER_CALL_KBPS, f"{_DEFAULT} PerCall Inter")
    intra_mode: str = limit_mode("Calls entirely within", f"{_DEFAULT} PerCall Intra")
    intra_limit: int = limit_kbps("Calls entirely within", PER_CALL_KBPS, f"{_DEFAULT} PerCall Intra")


@dataclass(frozen=True, slots=True, kw_only=True)
class TraversalSubzone:
    """The place that traversal calls pass; no endpoint belongs to it."""

    total_mode: str = limit_mode("Total", f"{_TRAVERSAL} Total")
    total_limit: int = limit_kbps("Total", TOTAL_KBPS, f"{_TRAVERSAL} Total")
    per_call_mode: str = limit_mode("Calls handled by", f"{_TRAVERSAL} PerCall")
    per_call_limit: int = limit_kbps("Calls handled by", PER_CALL_KBPS, f"{_TRAVERSAL} PerCall")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subzone:
    """One subzone: endpoints of one place, with their policies and limits."""

    name: str = text(low=1, high=50, mandatory=True, label="Name", path="Name", help="The name by which links and membership rules name this subzone.")
    registrations: str = choice("Allow", ("Allow", "Deny"), label="Registration policy", path="Registrations", help="Whether endpoints of this subzone may register.")
    authentication: str = choice("Check credentials", AUTHENTICATION, label="Authentication policy", path="Authentication Mode",
                                 help="How requests of this subzone's endpoints are authenticated.")  # fmt: skip
    total_mode: str = limit_mode("Total", f"{_ONE} Total")
    total_limit: int = limit_kbps("Total", TOTAL_KBPS, f"{_ONE} Total")
    inter_mode: str = limit_mode("Calls into or out of", f"{_ONE} PerCall Inter")
    inter_limit: int = limit_kbps("Calls into or out of", PER_CALL_KBPS, f"{_ONE} PerCall Inter")
    intra_mode: str = limit_mode("Calls entirely within", f"{_ONE} PerCall Intra")
    intra_limit: int = limit_kbps("Calls entirely within", PER_CALL_KBPS, f"{_ONE} PerCall Intra")


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipRule:
    """One rule that puts endpoints into a subzone, by their address or by their alias."""

    name: str = text(low=1, high=50, mandatory=True, label="Rule name", path="Name", help="The name shown where the rule decided.")
    description: str = text(high=64, label="Description", path="Description", help="A note for administrators.")
    priority: int = number(100, 1, 65534, label="Priority", path="Priority", help="The rule with the lowest number that matches decides; subnets of one priority by the longest prefix, then aliases in the order of this list.")
    type: str = choice("Subnet", ("Subnet", "Alias pattern match"), label="Type", path="Type", help="Whether an endpoint is known by its IP address or by its alias.")
    subnet_address: str = text(high=39, when=("type", ("Subnet",)), label="Subnet address", check=an_ip, path="Subnet Address", help="The subnet's address.")
    subnet_prefix: int = number(32, 1, 128, when=("type", ("Subnet",)), label="Prefix length", path="Subnet PrefixLength", help="How many bits of the address are the subnet's.")
    pattern_type: str = choice("Prefix", PATTERN_TYPES, when=("type", ("Alias pattern match",)), label="Pattern type", path="Pattern Type", help="How the pattern is compared.")
    pattern: str = text(high=60, when=("type", ("Alias pattern match",)), label="Pattern string", path="Pattern String", help="What the endpoint's alias is compared with.")
    subzone: str = text(high=50, mandatory=True, names=("subzones",), choices=(DEFAULT_SUBZONE,), label="Target subzone", path="SubZoneName", help="The subzone that matching endpoints belong to.")
    state: str = choice("Enabled", STATES, label="State", path="State", help="Whether the rule is used.")
