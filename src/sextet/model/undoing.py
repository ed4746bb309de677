"""What takes back what one revision changed, where nothing of it was changed since.

Pure, on documents. Lists are compared item by item: what was added or changed beside these items stays.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sextet.model.config import Change, item_path, to_document
from sextet.model.schema import Kind, Problem, Refused, Setting, settings
from sextet.model.sections import KEYS, Root

NOT_SO = ("clustering", "administrators")  # have procedures of their own, and passwords that are not stored as such

Document = Mapping[str, Any]
Rows = dict[str, Any]


def undone(before: Document, after: Document, now: Document) -> tuple[Change, ...]:
    """Give the changes that take back what led from `before` to `after`; raises Refused where they cannot."""
    changes: list[Change] = []
    problems: list[Problem] = []
    for path, declared, was, became, there in _places(before, after, now):
        if path.partition(".")[0] in NOT_SO:
            problems.append(Problem(path, f"{declared.label}: this is not undone at once; change it where it is set."))
        elif there == became:
            changes.append(Change("set", path, was))
        elif declared.kind is Kind.MANY and declared.item is not None:
            rows = [_by_key(declared.item, found) for found in (was, became, there)]
            moved = [key for key in {**rows[0], **rows[1]} if rows[0].get(key) != rows[1].get(key)]
            problems += [
                Problem(item_path(path, key), f"{declared.label}: {key} was changed since; undo that first.")
                for key in moved
                if rows[2].get(key) != rows[1].get(key)
            ]
            changes.append(Change("set", path, _put_back(rows[0], rows[2], moved)))
        else:
            problems.append(Problem(path, f"{declared.label}: it was changed since; undo that first."))
    if problems or not changes:
        raise Refused(*problems or [Problem("", "This revision changed nothing that can be undone.")])
    return tuple(changes)


def _places(before: Document, after: Document, now: Document) -> Iterator[tuple[str, Setting, Any, Any, Any]]:
    """Walk the settings and lists that changed: path, declaration, and what stood, came and stands there."""
    for field in dataclasses.fields(Root):
        declared = field.metadata.get("setting")
        documents = [document.get(field.name) for document in (before, after, now)]
        if declared is not None:
            parts = [(field.name, declared, documents)]
        else:
            parts = [
                (f"{field.name}.{name}", one, [(document or {}).get(name) for document in documents])
                for name, one in settings(type(field.default))
                if not one.peer
            ]
        for path, one, values in parts:
            was, became, there = (to_document(one.default) if value is None else value for value in values)
            if was != became:
                yield path, one, was, became, there


def _by_key(kind: type, rows: Sequence[Mapping[str, Any]]) -> Rows:
    return {str(row.get(KEYS[kind])): row for row in rows}


def _put_back(was: Rows, there: Rows, moved: Sequence[str]) -> list[Any]:
    """Put the items that moved back as they were, and those that went to where they stood."""
    rows = [(key, was.get(key) if key in moved else row) for key, row in there.items()]
    rows = [(key, row) for key, row in rows if row is not None]
    order = list(was)
    for place, key in enumerate(order):
        if key in moved and key not in there:
            ahead = set(order[:place])
            rows.insert(max((n for n, (other, _) in enumerate(rows, 1) if other in ahead), default=0), (key, was[key]))
    return [row for _, row in rows]
