"""Can somebody still log in and change something?"""

from __future__ import annotations

from collections.abc import Iterator

from sextet.model.schema import Problem
from sextet.model.sections import Root


def administrators(whole: Root, before: Root | None) -> Iterator[Problem]:
    """Nobody may lock everybody out; a new system may still have no account at all."""
    if _writers(whole) or not (whole.administrators or (before is not None and _writers(before))):
        return
    yield Problem(
        "administrators",
        "Administrator accounts: none is Enabled with Read-write access; keep one, or nobody could change anything.",
    )


def _writers(whole: Root) -> int:
    return sum(account.state == "Enabled" and account.access_level == "Read-write" for account in whole.administrators)
