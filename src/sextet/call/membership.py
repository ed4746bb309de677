"""Which subzone does a device belong to, by its address and alias (facts 7.10)?

The enabled rule with the lowest priority number that matches decides. Among rules of one priority subnets come first,
the longest prefix before shorter ones, then alias patterns in the order of the configuration. Subnets of one priority
and length that are the same one: the first of the configuration. Without a match it is the Default Subzone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sextet.call.pattern import Pattern, Variables, ready
from sextet.model.ip import ip_of, subnet_of
from sextet.model.settings.local_zone import DEFAULT_SUBZONE, MembershipRule

Subnets = Mapping[tuple[int, int, int], str]  # (IP version, prefix length, bits of the prefix) -> subzone


@dataclass(frozen=True, slots=True, kw_only=True)
class Rank:
    """The rules of one priority; `lengths` are the (version, length) that occur, longest first."""

    subnets: Subnets
    lengths: tuple[tuple[int, int], ...]
    patterns: tuple[tuple[Pattern, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """All enabled rules, ready for use, lowest priority number first."""

    ranks: tuple[Rank, ...] = ()

    def subzone_of(self, ip: str, alias: str) -> str:
        """Give the subzone of a device; `ip` is where it sends from, "" where that is not known."""
        if not self.ranks:
            return DEFAULT_SUBZONE
        version, bits = _bits(ip)
        lowered = alias.lower()
        for rank in self.ranks:
            for of, length in rank.lengths:
                if of == version:
                    found = rank.subnets.get((of, length, bits >> (_WIDTH[of] - length)))
                    if found is not None:
                        return found
            for pattern, subzone in rank.patterns:
                if pattern.matches(alias, lowered):
                    return subzone
        return DEFAULT_SUBZONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One enabled rule: a subnet, or a pattern."""

    priority: int
    subzone: str
    network: tuple[str, int] | None = None
    pattern: Pattern | None = None


def of_config(rows: Iterable[MembershipRule], variables: Variables) -> Membership:
    """Make the enabled rules of a configuration ready for use; raises Unusable."""
    return of_rules([_rule(row, variables) for row in rows if row.state == "Enabled"])


def _rule(row: MembershipRule, variables: Variables) -> Rule:
    if row.type == "Alias pattern match":
        pattern = ready(f"membership rule {row.name}", row.pattern_type, row.pattern, variables)
        return Rule(priority=row.priority, subzone=row.subzone, pattern=pattern)
    return Rule(priority=row.priority, subzone=row.subzone, network=(row.subnet_address, row.subnet_prefix))


def of_rules(rules: Sequence[Rule]) -> Membership:
    """Make the rules ready for use; their order is the configuration's."""
    ranks = []
    for priority in sorted({rule.priority for rule in rules}):
        subnets: dict[tuple[int, int, int], str] = {}
        patterns = []
        for rule in rules:
            if rule.priority != priority:
                continue
            if rule.pattern is not None:
                patterns.append((rule.pattern, rule.subzone))
            elif rule.network is not None:
                subnets.setdefault(_prefix(*rule.network), rule.subzone)
        lengths = sorted({(version, length) for version, length, _ in subnets}, key=lambda one: (one[0], -one[1]))
        ranks.append(Rank(subnets=subnets, lengths=tuple(lengths), patterns=tuple(patterns)))
    return Membership(ranks=tuple(ranks))


_WIDTH = {4: 32, 6: 128}


def _prefix(address: str, length: int) -> tuple[int, int, int]:
    """Bits of the address behind the prefix say nothing."""
    subnet = subnet_of(address, length)
    return subnet.version, subnet.prefixlen, int(subnet.network_address) >> (subnet.max_prefixlen - subnet.prefixlen)


def _bits(ip: str) -> tuple[int, int]:
    try:
        found = ip_of(ip)
    except ValueError:
        return 0, 0
    return found.version, int(found)
