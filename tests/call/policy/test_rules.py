"""Rules as a CPL document say what the rules say."""

from __future__ import annotations

import pytest

from sextet.call.pattern import NO_VARIABLES
from sextet.call.policy.cpl import Facts, Proxy, Reject, decide
from sextet.call.policy.cpl_reading import read
from sextet.call.policy.rules import as_cpl, script_of
from sextet.model.settings.policy import PolicyRule

RULES = (
    PolicyRule(priority=3, destination_pattern="9.*", source_type="Zone", zone="R&D <lab>"),
    PolicyRule(priority=1, destination_pattern="911", action="Allow"),
    PolicyRule(priority=2, destination_pattern='9"\\d+', callers="Unauthenticated callers", source_pattern="guest.*"),
    PolicyRule(priority=4, destination_pattern=".*", state="Disabled"),
)


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        (Facts(origin="a", destination="911", zone="R&D <lab>", authenticated=True), Proxy()),
        (Facts(origin="a", destination="911", zone="R&D <lab>"), Reject(403, "Rejected by call policy rule 3")),
        (Facts(origin="guest7", destination='9"12', zone="x"), Reject(403, "Rejected by call policy rule 2")),
        (Facts(origin="a", destination="12", zone="x"), None),
    ],
)
def test_the_document_decides_as_the_rules_do(facts: Facts, wanted: object) -> None:
    made = script_of(RULES, NO_VARIABLES)
    assert decide(made, facts) == decide(read(as_cpl(RULES)), facts) == wanted
