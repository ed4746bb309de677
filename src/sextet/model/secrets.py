"""Every secret of a document, replaced by what a function makes of it; everything else stays as it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from sextet.model.config import Document, item_path
from sextet.model.schema import Setting
from sextet.model.sections import KEYS, Root

Make = Callable[[str, str], str]  # path and value in, value out


def replaced(document: Document, make: Make) -> dict[str, Any]:
    """Copy a document with every secret that is not empty replaced; what no section declares is left as it is."""
    return _section(Root, document, "", make)


def secrets_of(document: Document) -> Iterator[tuple[str, str]]:
    """List every secret that is not empty, with its path."""
    found: list[tuple[str, str]] = []

    def note(path: str, value: str) -> str:
        found.append((path, value))
        return value

    replaced(document, note)
    return iter(found)


def _section(kind: type, document: Document, path: str, make: Make) -> dict[str, Any]:
    fields = {field.name: field for field in dataclasses.fields(kind)}
    return {
        name: _value(fields[name], value, f"{path}{name}", make) if name in fields else value
        for name, value in document.items()
    }


def _value(field: dataclasses.Field[Any], value: Any, path: str, make: Make) -> Any:
    declared: Setting | None = field.metadata.get("setting")
    if declared is None:
        return _section(type(field.default), value, f"{path}.", make) if isinstance(value, dict) else value
    if declared.item is not None and isinstance(value, list | tuple):
        return [_item(declared.item, item, path, make) for item in value]
    return make(path, value) if declared.secret and isinstance(value, str) and value else value


def _item(kind: type, item: Any, path: str, make: Make) -> Any:
    if not isinstance(item, dict):
        return item
    return _section(kind, item, f"{item_path(path, str(item.get(KEYS[kind], '')))}.", make)
