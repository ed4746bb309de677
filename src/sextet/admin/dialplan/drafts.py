"""A draft: changes that nobody saved, as one text that people and pages hand on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sextet.model.config import Change
from sextet.model.schema import Problem, Refused

CHANGES_MAX = 5000  # a whole dial plan
_VERBS = ("set", "add", "remove")


def draft_of(text: Any) -> tuple[Change, ...]:
    """Read the changes of a draft; raises Refused for anything else."""
    if not text:
        return ()
    try:
        rows = json.loads(text)
        changes = tuple(Change(row["verb"], str(row["path"]), row.get("value")) for row in rows)
        if len(changes) > CHANGES_MAX or any(one.verb not in _VERBS for one in changes):
            raise ValueError("changes")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        form = '[{"verb": "set", "path": "search_rules[Out].target", "value": "Paris"}]'
        raise Refused(Problem("draft", f"The draft cannot be read; write a list of changes such as {form}.")) from error
    return changes


def written(changes: Sequence[Change]) -> str:
    """Write a draft as draft_of reads it, a change on each line."""
    rows = ({"verb": one.verb, "path": one.path, "value": one.value} for one in changes)
    return "[" + ",\n ".join(json.dumps(row, ensure_ascii=False) for row in rows) + "]"
