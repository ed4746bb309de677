"""One line of a history: a flat value of texts and numbers, as JSON keeps it and peers tell it to each other."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, TypeVar, cast

T = TypeVar("T")

_TYPES: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float)}


def row_of(value: Any) -> dict[str, Any]:
    """Write a dataclass down."""
    return {name: getattr(value, name) for name in _names(cast(Any, type(value)))}


def value_of(kind: type[T], row: Mapping[str, Any]) -> T:
    """Read a dataclass; raises ValueError, KeyError or TypeError for anything else."""
    values = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        value = values[field.name] = row[field.name]
        if not isinstance(value, _TYPES[str(field.type)]) or isinstance(value, bool):
            raise ValueError(f"{field.name} of a {kind.__name__} is {value!r}")
    return kind(**values)


@functools.cache  # dataclasses.asdict copies all that is in a value
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))
