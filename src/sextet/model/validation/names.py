"""Are names unique? What differs only in its letters would be one thing to people and another to the system."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sextet.model.config import item_path
from sextet.model.schema import Problem
from sextet.model.sections import Root

LOCAL_LISTS = {"subzones": "Subzones", "membership_rules": "Membership rules", "links": "Links", "pipes": "Pipes"}


def names(whole: Root) -> Iterator[Problem]:
    """What differs only in its letters would be one thing to people and another to the system."""
    yield from twice("domains", "Domains", [domain.name for domain in whole.domains])
    yield from twice("zones", "Zones", [zone.name for zone in whole.zones])
    rules = [rule.name for rule in whole.default_zone.access_rules]
    yield from twice("default_zone.access_rules", "Access rules", rules)
    yield from twice("search_rules", "Search rules", [rule.name for rule in whole.search_rules])
    for path, label in LOCAL_LISTS.items():
        yield from twice(path, label, [row.name for row in getattr(whole, path)])
    yield from twice("administrators", "Administrator accounts", [account.name for account in whole.administrators])


def twice(path: str, label: str, names: Iterable[str], key: str = "name") -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for name in names:
        if name.lower() in seen:
            sentence = f"{label}: {name!r} is there already as {seen[name.lower()]!r}; choose another."
            yield Problem(f"{item_path(path, name)}.{key}", sentence)
        seen.setdefault(name.lower(), name)
