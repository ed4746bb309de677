"""What is refused of policy services, and of who names them."""

from __future__ import annotations

from typing import Any

import pytest

from sextet.call.checked import check
from sextet.model.config import Document
from sextet.model.schema import Refused

JUDGE: dict[str, Any] = {"name": "Judge", "servers": [{"address": "192.0.2.9:8080"}]}


def found(*services: dict[str, Any], **more: Any) -> dict[str, str]:
    document: Document = {"policy_services": list(services), **more}
    try:
        check(document)
    except Refused as refused:
        return {problem.field: problem.sentence for problem in refused.problems}
    return {}


def test_a_service_may_be_the_call_policy_and_the_target_of_a_rule() -> None:
    rule = {"name": "r", "target": "Judge", "mode": "Any alias"}
    assert found(JUDGE, call_policy={"mode": "Policy service", "service": "Judge"}, search_rules=[rule]) == {}


@pytest.mark.parametrize("name", ["", "Nobody"])
def test_a_call_policy_names_a_service_that_is_there(name: str) -> None:
    assert "call_policy.service" in found(JUDGE, call_policy={"mode": "Policy service", "service": name})
    assert found(JUDGE, call_policy={"mode": "Off", "service": name}) == {}


@pytest.mark.parametrize("name", ["", "Nobody"])
def test_a_restriction_policy_names_a_service_that_is_there(name: str) -> None:
    wrong = found(JUDGE, registration={"restriction_policy": "Policy service", "service": name})
    assert "choose another restriction policy" in wrong["registration.service"]
    assert found(JUDGE, registration={"restriction_policy": "Policy service", "service": "Judge"}) == {}


def test_a_service_and_a_zone_have_different_names() -> None:
    zone = {"name": "Judge", "type": "DNS"}
    assert "choose another" in found(JUDGE, zones=[zone])["policy_services[Judge].name"]
    assert "policy_services[LocalZone].name" in found({**JUDGE, "name": "LocalZone"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("servers", []),
        ("path", "a b"),
        ("path", "a\r\nX: y"),
        ("status_path", "é"),
        ("user_name", "a:b"),
        ("default_cpl", "<reject"),
        ("default_cpl", "<time-switch/>"),
    ],
)
def test_what_cannot_work_is_named(field: str, value: object) -> None:
    assert f"policy_services[Judge].{field}" in found({**JUDGE, field: value})


def test_a_password_needs_a_name() -> None:
    assert "policy_services[Judge].user_name" in found({**JUDGE, "password": "hidden"})
    assert found({**JUDGE, "password": "hidden", "user_name": "sextet"}) == {}
