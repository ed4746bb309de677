"""How a result looks: as JSON for programs, for people in the words of its command's writer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sextet.console.paper import Paper, key, plain
from sextet.console.writers import (
    bandwidth,
    certificates,
    cluster,
    configuration,
    live,
    records,
    resources,
    searches,
    upgrade,
    zones,
)

WRITERS: dict[str, Callable[[Paper, Any], None]] = {
    **bandwidth.WRITERS,
    **certificates.WRITERS,
    **cluster.WRITERS,
    **configuration.WRITERS,
    **live.WRITERS,
    **records.WRITERS,
    **resources.WRITERS,
    **searches.WRITERS,
    **upgrade.WRITERS,
    **zones.WRITERS,
}


def as_json(result: Any) -> str:
    """Write a result for programs: the keys never change their meaning."""
    return json.dumps(result, indent=2, ensure_ascii=False)


def as_text(command: str, result: Any, width: int, colour: bool) -> str:
    """Write a result for people; without a writer of its own, as a table of its keys."""
    paper = Paper(width, colour)
    WRITERS.get(command, _anything)(paper, result)
    return str(paper)


def _anything(paper: Paper, result: Any) -> None:
    if isinstance(result, list) and result and all(isinstance(row, dict) for row in result):
        paper.table({name: key(name) for name in result[0]}, result, "")
    elif isinstance(result, dict) and "sentence" in result:  # it says what the other keys hold for programs
        paper.say(result["sentence"])
    elif isinstance(result, dict):
        for name, value in result.items():
            paper.say(f"{name}: {plain(value)}")
    elif result is not None:
        paper.say(plain(result))
