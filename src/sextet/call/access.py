"""May a stranger call through the Default Zone: what do access rules say of its certificate (facts 7.2)?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sextet.call.alias import plain_ip
from sextet.call.pattern import Pattern, Variables, ready
from sextet.model.settings.zones import DefaultZone

NAMES_MAX = 200  # of one certificate; a larger one is judged by its first


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRule:
    """An enabled access rule, ready for use."""

    name: str
    allow: bool
    pattern: Pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The access rules in the order in which they are asked."""

    used: bool = False
    rules: tuple[AccessRule, ...] = ()

    def objection(self, names: Sequence[str] | None) -> str:
        """Say why a request is refused, as a reason; empty where it may pass.

        `names` are the common name and the subject alternative names of a certificate that an authority of ours vouches
        for; None stands for a connection without one. The first rule that matches any of them decides; what no rule
        matches is refused, which is our choice: the original's answer is not known.
        """
        if not self.used:
            return ""
        if names is None:
            return "the access rules of the Default Zone ask for TLS and a trusted certificate"
        lowered = [(name, name.lower()) for name in names[:NAMES_MAX]]
        for rule in self.rules:
            if any(rule.pattern.matches(name, low) for name, low in lowered):
                return "" if rule.allow else f"access rule {rule.name} denies {names[0]}"
        return f"no access rule allows {names[0] if names else 'a certificate without names'}"


def of_config(zone: DefaultZone, variables: Variables) -> Access:
    """Make the enabled rules ready for use; raises Unusable."""
    rows = sorted(zone.access_rules, key=lambda row: row.priority)
    return Access(
        used=zone.use_access_rules,
        rules=tuple(
            AccessRule(
                name=row.name,
                allow=row.action == "Allow",
                pattern=ready(f"access rule {row.name}", row.pattern_type, plain_ip(row.pattern), variables),
            )
            for row in rows
            if row.state == "Enabled"
        ),
    )
