"""What is stored can be used: scripts are read before, and all problems come at once."""

from __future__ import annotations

import pytest

from sextet.call.checked import check
from sextet.model.schema import Refused


def problems(document: dict[str, object]) -> list[str]:
    with pytest.raises(Refused) as refused:
        check(document)
    return [f"{problem.field}: {problem.sentence}" for problem in refused.value.problems]


@pytest.mark.parametrize("mode", ["Off", "Local CPL"])
def test_a_script_that_cannot_be_read_is_never_stored(mode: str) -> None:
    (found,) = problems({"call_policy": {"mode": mode, "script": "<cpl>"}})
    assert found.startswith("call_policy.script: CPL script: The script is not well-formed XML")


def test_problems_of_the_model_and_of_the_script_come_together() -> None:
    found = problems({"call_policy": {"mode": "On", "script": "<cpl>"}})
    assert len(found) == 2


def test_what_is_good_passes() -> None:
    assert check({}).call_policy.script == ""
