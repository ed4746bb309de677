"""Call policy rules as a script, and as the CPL document that says the same (facts 7.6)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.sax.saxutils import quoteattr

from sextet.call.pattern import Variables, ready
from sextet.call.policy.cpl import ProxyNode, Reject, Rule, RuleSwitch, Script
from sextet.call.policy.cpl_reading import CPL, TAA
from sextet.model.settings.policy import AUTHENTICATED, BY_ZONE, PolicyRule

FORBIDDEN = 403
ANY = ".*"


def script_of(rows: Sequence[PolicyRule], variables: Variables) -> Script:
    """Make the script that the enabled rules are, in the order of their priority; raises Unusable."""
    return Script(root=RuleSwitch(rules=tuple(_rule(row, variables) for row in _used(rows))))


def as_cpl(rows: Sequence[PolicyRule]) -> str:
    """Write the rules as a CPL document."""
    lines = [f'<cpl xmlns="{CPL}"', f'     xmlns:taa="{TAA}">', "  <taa:routed>", "    <taa:rule-switch>"]
    for row in _used(rows):
        tests = " ".join(f"{name}={quoteattr(text)}" for name, text in _tests(row))
        action = (
            "<proxy/>"
            if row.action == "Allow"
            else f"<reject status={quoteattr(str(FORBIDDEN))} reason={quoteattr(_reason(row))}/>"
        )
        lines += [f"      <taa:rule {tests}>", f"        {action}", "      </taa:rule>"]
    return "\n".join([*lines, "    </taa:rule-switch>", "  </taa:routed>", "</cpl>", ""])


def _used(rows: Sequence[PolicyRule]) -> list[PolicyRule]:
    return sorted((row for row in rows if row.state == "Enabled"), key=lambda row: row.priority)


def _rule(row: PolicyRule, variables: Variables) -> Rule:
    owner = f"call policy rule {row.priority}"
    tests = tuple((name, ready(owner, "Regex", text, variables)) for name, text in _tests(row))
    return Rule(tests=tests, then=ProxyNode(number=-1) if row.action == "Allow" else Reject(FORBIDDEN, _reason(row)))


def _tests(row: PolicyRule) -> list[tuple[str, str]]:
    if row.source_type == BY_ZONE:
        source = ("originating-zone", re.escape(row.zone))
    else:
        field = "authenticated-origin" if row.callers == AUTHENTICATED else "unauthenticated-origin"
        source = (field, row.source_pattern or ANY)
    return [source, ("destination", row.destination_pattern)]


def _reason(row: PolicyRule) -> str:
    return f"Rejected by call policy rule {row.priority}"
