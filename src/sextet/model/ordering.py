"""The order of transforms and search rules: what moves when one is put in or moved (facts 7.1).

Pure, on documents and rows, so that pages and command line move things in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sextet.model.linking import followed

PRIORITY_MAX = 65534  # facts 7.1

Row = dict[str, Any]
Document = Mapping[str, Any]


def settled(before: Document, after: Document, paths: Sequence[str]) -> Document:
    """Let everything follow an edit that follows by itself: links, and transforms that make room for a new one."""
    return followed(before, shifted(before, after), paths)


def shifted(before: Document, after: Document) -> Document:
    """Make room for transforms that took a priority that another one has: the others move down by one each.

    Where there is no room up to the highest priority nothing moves, and validation says which priority is there twice.
    """
    old, rows = (list(document.get("transforms", ())) for document in (before, after))
    if rows == old or not all(isinstance(row, dict) and type(row.get("priority")) is int for row in rows):
        return after
    for new in [row for row in rows if row not in old]:
        rows = _with_room(rows, new)
    return {**after, "transforms": rows}


def moved(rows: Sequence[Row], key: str, name: str, *, up: bool) -> list[Row]:
    """Let a row come one place earlier or later; `key` is what names a row.

    It swaps its priority with the neighbour's. One of the same priority is asked at the same time, whatever the order:
    then the row leaves for the next priority.
    """
    order = sorted(range(len(rows)), key=lambda place: (rows[place]["priority"], place))
    mine = next((n for n, place in enumerate(order) if str(rows[place][key]) == name), None)
    if mine is None or not 0 <= mine + (-1 if up else 1) < len(order):
        return list(rows)
    one, other = order[mine], order[mine + (-1 if up else 1)]
    result = list(rows)
    own, theirs = rows[one]["priority"], rows[other]["priority"]
    if own != theirs:
        result[one], result[other] = {**rows[one], "priority": theirs}, {**rows[other], "priority": own}
    elif 1 <= own + (-1 if up else 1) <= PRIORITY_MAX:
        result[one] = {**rows[one], "priority": own + (-1 if up else 1)}
    return result


def _with_room(rows: list[Row], new: Row) -> list[Row]:
    others = {row["priority"]: row for row in rows if row is not new}
    if new["priority"] not in others:
        return rows
    push: dict[int, int] = {}
    priority = new["priority"]
    while priority in others:
        push[priority] = priority + 1
        priority += 1
    if priority > PRIORITY_MAX:
        return rows
    return [
        row if row is new or row["priority"] not in push else {**row, "priority": push[row["priority"]]} for row in rows
    ]
