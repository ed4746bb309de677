"""Can a pattern and its replace string be used (facts 7.1, 7.4)?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sextet.model.expression import flaw, groups_of
from sextet.model.schema import Problem

NOT_YET = ("ipv4_1", "ipv4_2", "ipv6_1", "ipv6_2")  # variables of facts 7.4 that need a second network interface
PATTERN_ONLY = ("ip", "localdomains")  # they stand for many texts
_VARIABLE = re.compile(r"%([a-z][a-z0-9_]*)%", re.IGNORECASE)
_REFERENCE = re.compile(r"\\(\\|[0-9])")


def pattern(field: str, kind: str, pattern: str) -> Iterator[Problem]:
    later = [name for name in _VARIABLE.findall(pattern) if name.lower() in NOT_YET]
    if later:
        yield Problem(field, f"Pattern string: %{later[0]}% is not known here; use %ipv4% or %ipv6%.")
    wrong = flaw(pattern) if kind == "Regex" else ""
    if wrong:
        yield Problem(field, f"Pattern string: {wrong}")


def behavior(path: str, behavior: str, kind: str, pattern: str, replace: str) -> Iterator[Problem]:
    """Exact and Regex match the whole alias, so that Strip would leave nothing to search for."""
    if behavior == "Strip" and kind in ("Exact", "Regex"):
        yield Problem(
            f"{path}.behavior", f"Pattern behavior: Strip leaves nothing of an alias with {kind}; choose Replace."
        )
    if behavior in ("Strip", "Leave"):
        return
    field = f"{path}.replace"
    for name in _VARIABLE.findall(replace):
        if name.lower() in (*PATTERN_ONLY, *NOT_YET):
            yield Problem(field, f"Replace string: %{name}% is no single text; use another variable, or write it out.")
    numbers = [int(found) for found in _REFERENCE.findall(replace) if found != "\\"]
    most = groups_of(pattern) if kind == "Regex" and behavior == "Replace" else -1
    if behavior == "Replace" and kind == "Regex" and max(numbers, default=0) > most:
        yield Problem(
            field,
            f"Replace string: \\{max(numbers)} is not in the pattern, which has {most} groups; correct one of them.",
        )
    if behavior == "Replace" and kind == "Exact" and not replace:
        yield Problem(field, "Replace string: nothing would be left of the alias; enter what replaces it.")
