"""Configuration > Registration and Authentication: who may register, and who proves who they are (facts 6.4, 7.8)."""

from __future__ import annotations

from dataclasses import dataclass

from sextet.model.expression import ALIAS_MAX
from sextet.model.schema import Applies, choice, many, number, password, text
from sextet.model.settings.policy import POLICY_SERVICE
from sextet.model.settings.words import AUTHENTICATION, PATTERN_TYPES


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """Configuration > Authentication: who has to prove who they are, with digest (RFC 3261 22)."""

    local_zone: str = choice("Check credentials", AUTHENTICATION, label="Default Subzone authentication policy", path="Zones LocalZone DefaultSubZone Authentication Mode",
                             help="How requests of registering and registered endpoints are authenticated.")  # fmt: skip
    default_zone: str = choice("Do not check credentials", AUTHENTICATION, label="Default Zone authentication policy", path="Zones DefaultZone Authentication Mode",
                               help="How requests of unknown senders are authenticated.")  # fmt: skip
    nonce_lifetime: int = number(300, 30, 3600, unit="s", label="Nonce expire delta", path="SIP Authentication Digest Nonce ExpireDelta", applies=Applies.RESTART,
                                 help="How long a digest challenge may be answered; valid on every peer of the cluster.")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One name and password of the local authentication database."""

    name: str = text(mandatory=True, label="Name", help="The user name that the endpoint sends in its digest.")
    password: str = password(label="Password", mandatory=True, help="The password that the endpoint knows.")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPattern:
    """One entry of the registration allow or deny list; whatever alias is searched for can be listed.

    The original's limit is 60, of aliases too.
    """

    pattern: str = text(high=ALIAS_MAX, mandatory=True, label="Pattern string", path="Pattern String", help="What the registering alias is compared with.")
    pattern_type: str = choice("Exact", PATTERN_TYPES, label="Pattern type", path="Pattern Type", help="How the pattern is compared: whole, at the start, at the end, or as a regular expression.")
    description: str = text(high=64, label="Description", path="Description", help="A note for administrators.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Configuration > Registration: who may register (facts 7.8)."""

    new_per_second: int = number(500, 0, 10000, label="New registrations per second", help="How many devices that were not registered with a peer it takes in a second; the others are told with 503 and Retry-After when to come again. Refreshes are not counted; 0 is no limit.")
    restriction_policy: str = choice("None", ("None", "Allow List", "Deny List", POLICY_SERVICE), label="Restriction policy", path="Registration RestrictionPolicy Mode",
                                     help="Whether only listed aliases may register, or all but the listed ones, or those that a server allows.")  # fmt: skip
    service: str = text(high=50, names=("policy_services",), when=("restriction_policy", (POLICY_SERVICE,)), label="Policy service", help="The name of the policy service that is asked about every registration and every refresh.")
    allow_list: tuple[PolicyPattern, ...] = many(PolicyPattern, 2500, label="Allow list", path="Registration AllowList", help="Aliases that may register.")
    deny_list: tuple[PolicyPattern, ...] = many(PolicyPattern, 2500, label="Deny list", path="Registration DenyList", help="Aliases that may not register.")
