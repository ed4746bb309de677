"""Can a configuration be accepted? What the model says of it, and what only the dial plan itself can tell.

Everything that stores a configuration asks here, so that no engine is ever given a table that it cannot use.
"""

from __future__ import annotations

from collections.abc import Iterator

from sextet.call.policy.cpl_reading import BadScript, read, read_answer
from sextet.call.rehearsal import broken
from sextet.model import validate
from sextet.model.config import Document, item_path
from sextet.model.schema import Problem, Refused
from sextet.model.sections import Root


def check(document: Document, before: Root | None = None, *, rehearsed: bool = True) -> Root:
    """Build the typed value and judge it as a whole; raises Refused with everything that is wrong.

    A draft that nobody stores is not `rehearsed`: it may break the tests that are stored with the dial plan.
    """
    try:
        whole = validate.check(document, before)
    except Refused as refused:
        script = document.get("call_policy", {}).get("script", "")
        raise Refused(*refused.problems, *_script(script if isinstance(script, str) else "")) from refused
    problems = [*_script(whole.call_policy.script), *_default_cpl(whole)] or (
        broken(whole, before) if rehearsed else []
    )
    if problems:
        raise Refused(*problems)
    return whole


def _script(text: str) -> Iterator[Problem]:
    """A script is read whatever the mode is: who turns it on later must not find out then."""
    if not text.strip():
        return
    try:
        read(text)
    except BadScript as error:
        yield from (Problem("call_policy.script", f"CPL script: {sentence}") for sentence in error.problems)


def _default_cpl(whole: Root) -> Iterator[Problem]:
    for service in whole.policy_services:
        if not service.default_cpl.strip():
            continue
        try:
            read_answer(service.default_cpl)
        except BadScript as error:
            place = f"{item_path('policy_services', service.name)}.default_cpl"
            yield from (Problem(place, f"Default CPL: {sentence}") for sentence in error.problems)
