"""What policy services say, and what holds where they say nothing (facts 7.6): the search asks here, nobody waits.

A question that has no answer yet ends the search of its alias (`stages.Ask`); who carries out searches has it asked,
and searches again. Then the answer is a CPL document, or empty where the service did not help: its default CPL holds.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from sextet.call.policy.cpl import Script
from sextet.call.policy.cpl_reading import BadScript, read_answer
from sextet.model.settings.policy_services import PolicyService

# POLICY_TYPE: who asks: call policy, a search rule, or registration
ADMIN, SEARCH, REGISTRATION = "ADMIN", "SEARCH", "REGISTRATION"
UNAVAILABLE = {
    ADMIN: "<reject status='403' reason='Service Unavailable'/>",
    SEARCH: "<reject status='504' reason='Policy Service Unavailable'/>",
    REGISTRATION: "<reject status='504' reason='Policy Service Unavailable'/>",
}
READ_MAX = 64  # default CPLs and answers that are kept read; the same answer comes again and again

Answers = Callable[[str, str, str], str | None]
"""(service, one of the above, alias) -> its CPL; empty: the default CPL holds; None: it has to be asked first."""


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """What decisions need to know of a policy service."""

    name: str
    default_cpl: str  # empty: what is usual for who asks

    def default(self, kind: str) -> str:
        """Give the CPL that holds while the service cannot be asked."""
        return self.default_cpl or UNAVAILABLE[kind]


def rows_of(services: tuple[PolicyService, ...]) -> dict[str, ServiceRow]:
    """Make the services ready for decisions, by name."""
    return {one.name: ServiceRow(one.name, one.default_cpl.strip()) for one in services}


@functools.lru_cache(READ_MAX)
def script_of(text: str) -> Script:
    """Read a document that was found right before; one that is not says nothing, and the call goes on."""
    try:
        return read_answer(text)
    except BadScript:
        return Script()
