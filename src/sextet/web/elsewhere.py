"""What is wrong elsewhere than on the form: each sentence once, with the items that it is about."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sextet.model.config import setting_at
from sextet.model.schema import Problem

NAMES_MAX = 5  # of the items that one sentence is about; hundreds of rules may ask a zone that somebody removes
_ITEM = re.compile(r"([a-z0-9_.]+)\[((?:[^\]]|\]\])*)\]")


def gathered(problems: Iterable[Problem]) -> list[str]:
    """Give the sentences; those of items that they do not name say whose they are."""
    about: dict[str, dict[str, list[str]]] = {}
    for problem in problems:
        lists = about.setdefault(problem.sentence, {})
        found = _ITEM.match(problem.field)
        name = found[2].replace("]]", "]") if found else ""
        if found and name and name not in problem.sentence:
            lists.setdefault(setting_at(found[1]).label, []).append(name)
    return [
        " ".join([sentence, *(f"In {label}: {_named(names)}." for label, names in lists.items())])
        for sentence, lists in about.items()
    ]


def _named(names: list[str]) -> str:
    listed, n = ", ".join(names[:NAMES_MAX]), len(names) - NAMES_MAX
    return f"{listed} and {n} more" if n > 0 else listed
