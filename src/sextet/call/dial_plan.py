"""What holds for every search, before and beside transforms and rules (facts 7.5)."""

from __future__ import annotations

from dataclasses import dataclass

from sextet.model.ip import Network, ip_of, subnet_of
from sextet.model.sections import Root


@dataclass(frozen=True, slots=True, kw_only=True)
class DialPlanRow:
    """What holds for every search."""

    unknown_ip: str  # Off, Direct, Indirect
    fallback_alias: str
    interworking: str
    loop_detection: bool
    networks: tuple[Network, ...]  # of subzones: whoever is in one of them is known
    transports: tuple[str, ...]  # in which an IP address is called

    def within(self, ip: str) -> bool:
        """Say whether an address is within the range of a subzone."""
        return bool(self.networks) and any(ip_of(ip) in network for network in self.networks)


def of_config(config: Root) -> DialPlanRow:
    """Make it ready; an IP address says no transport: those that are on, in the order of RFC 3263 4.1."""
    plan, protocols = config.dial_plan, config.protocols
    usable = {"udp": protocols.sip_udp, "tcp": protocols.sip_tcp, "tls": protocols.sip_tls}
    subnets = (rule for rule in config.membership_rules if rule.state == "Enabled" and rule.type == "Subnet")
    return DialPlanRow(
        unknown_ip=plan.unknown_ip,
        fallback_alias=plan.fallback_alias,
        interworking=plan.interworking,
        loop_detection=plan.loop_detection,
        networks=tuple(subnet_of(rule.subnet_address, rule.subnet_prefix) for rule in subnets),
        transports=tuple(name for name, is_on in usable.items() if is_on),
    )
