"""What the lists of transforms and search rules have besides: hits, warnings, an order, copies, and tests to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.responses import Response

from sextet.model.config import Change
from sextet.model.ordering import PRIORITY_MAX, moved
from sextet.model.schema import Refused
from sextet.web.desk import Message
from sextet.web.elsewhere import gathered
from sextet.web.guard import Visit
from sextet.web.saving import Kept, Plan, save

RULES, TRANSFORMS, TESTS = "search_rules", "transforms", "dial_plan_tests"
NAME_MAX = 50  # of a search rule


class Ordered(Protocol):
    """What moving needs to know of a list's page; declared.ListPage is one."""

    @property
    def path(self) -> str: ...
    @property
    def list(self) -> str: ...
    @property
    def noun(self) -> str: ...
    @property
    def key(self) -> str: ...
    def items(self, visit: Visit) -> Sequence[dict[str, Any]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What stands beside the rows of a list, by their keys."""

    hits: Mapping[str, int]
    warnings: Mapping[str, str]
    since: str
    silent: tuple[str, ...]
    ordered: bool


async def beside(visit: Visit, name: str) -> Beside | None:
    """Find what is known about the rows; None where the list has nothing of the kind."""
    if name not in (RULES, TRANSFORMS) or visit.desk.searches is None:
        return None
    counted = await visit.desk.searches.hits()
    try:
        found = await visit.desk.searches.locator.warnings()
    except Refused:
        found = ()
    if name == RULES:
        hits, kind = dict(counted.rules), "rule"
    else:
        hits, kind = {str(priority): count for priority, count in counted.transforms.items()}, "transform"
    warnings = {one.name.removeprefix("transform "): one.sentence for one in found if one.kind == kind}
    return Beside(hits=hits, warnings=warnings, since=counted.since, silent=counted.silent, ordered=True)


def copied(item: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], key: str) -> dict[str, Any]:
    """Make the copy of a rule or transform that a form begins with: a name or priority that nobody has."""
    taken = {str(row[key]) for row in rows}
    if key == "priority":
        free = next((n for n in range(int(item[key]) + 1, PRIORITY_MAX + 1) if str(n) not in taken), PRIORITY_MAX)
        return {**item, key: free}
    names = (f"{str(item[key])[: NAME_MAX - 8]} {word}" for word in ("copy", *(f"copy {n}" for n in range(2, 1000))))
    return {**item, key: next(name for name in names if name not in taken)}


async def move_item(page: Ordered, visit: Visit) -> Response:
    """Move a row up or down by one."""
    name, up = visit.query.get("item", ""), visit.posted.get("where") == "up"

    def plan() -> Plan:
        rows = [dict(row) for row in page.items(visit)]
        after = moved(rows, page.key, name, up=up)
        return Plan(changes=(Change("set", page.list, after),) if after != rows else ())

    result = await save(visit, plan)
    if isinstance(result, Kept):
        lines = tuple(gathered(result.problems))
        message = result.notice or Message(tone="bad", title=f"The {page.noun} was not moved.", lines=lines)
        return visit.go(page.path, message)
    nowhere = Message(tone="info", title=f"The {page.noun} is at the end of the list already.")
    return visit.go(page.path, result.message if result else nowhere)
