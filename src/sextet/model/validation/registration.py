"""Do the allow and deny list make sense (facts 7.8)?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sextet.model.config import item_path
from sextet.model.schema import Problem
from sextet.model.settings.registration import PolicyPattern, Registration
from sextet.model.validation.patterns import pattern


def policy(registration: Registration) -> Iterator[Problem]:
    lists: tuple[tuple[str, str, Sequence[PolicyPattern]], ...] = (
        ("allow_list", "Allow list", registration.allow_list),
        ("deny_list", "Deny list", registration.deny_list),
    )
    for name, label, rows in lists:
        for row in rows:
            path = item_path(f"registration.{name}", row.pattern)
            yield from pattern(f"{path}.pattern", row.pattern_type, row.pattern)
        if registration.restriction_policy == label.title() and not rows and name == "allow_list":
            yield Problem(
                "registration.restriction_policy",
                "Restriction policy: the allow list is empty, so nobody could register; fill it first.",
            )
