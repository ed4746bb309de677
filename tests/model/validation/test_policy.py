"""What is refused of call policy rules."""

from __future__ import annotations

from typing import Any

from sextet.call.checked import check
from sextet.model.schema import Refused


def found(**rule: Any) -> dict[str, str]:
    rules = [{"priority": 1, "destination_pattern": ".*", "source_type": "Zone", **rule}]
    try:
        check(
            {
                "subzones": [{"name": "Floor"}],
                "zones": [{"name": "World", "type": "DNS"}],
                "call_policy": {"rules": rules},
            }
        )
    except Refused as refused:
        return {problem.field: problem.sentence for problem in refused.problems}
    return {}


def test_a_rule_about_a_zone_names_a_zone_or_subzone_that_is_there() -> None:
    for name in ("Floor", "World", "LocalZone", "DefaultZone", "DefaultSubZone"):
        assert found(zone=name) == {}
    assert found(zone="Paris", state="Disabled") == {}
    assert found(zone="Paris") == {
        "call_policy.rules[1].zone": "Originating zone: there is no zone or subzone 'Paris'; "
        "enter the name of one, or disable the rule."
    }
