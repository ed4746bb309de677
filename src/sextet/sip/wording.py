"""How an error of the engine is said."""

from __future__ import annotations


def chain_of(error: BaseException) -> str:
    """Write an error and its causes as one sentence."""
    parts: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        if str(cause):
            parts.append(str(cause))
        cause = cause.__cause__
    return ": ".join(parts)
