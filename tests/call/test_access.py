"""Who may call through the Default Zone."""

from __future__ import annotations

from sextet.model.settings.zones import AccessRule, DefaultZone
from tests.support.tables import table

RULES = (
    AccessRule(name="all of b", pattern=r".*\.b\.example", priority=200),
    AccessRule(name="not this one", pattern="bad.b.example", pattern_type="Exact", action="Deny"),
    AccessRule(name="off", pattern=".*", priority=1, state="Disabled"),
)
ACCESS = table(default_zone=DefaultZone(use_access_rules=True, access_rules=RULES)).access


def test_the_first_rule_that_matches_any_name_decides() -> None:
    assert ACCESS.objection(("cn", "x.b.example")) == ""
    assert ACCESS.objection(("x.b.example", "BAD.b.example")) == "access rule not this one denies x.b.example"


def test_an_address_in_a_rule_may_be_written_as_ipv6() -> None:
    rule = AccessRule(name="one", pattern="::ffff:192.0.2.7", pattern_type="Exact")
    access = table(default_zone=DefaultZone(use_access_rules=True, access_rules=(rule,))).access
    assert access.objection(("192.0.2.7",)) == ""


def test_what_no_rule_matches_is_refused() -> None:
    assert ACCESS.objection(("other.example",)) == "no access rule allows other.example"
    assert ACCESS.objection(()) == "no access rule allows a certificate without names"


def test_who_shows_no_trusted_certificate_is_refused() -> None:
    assert "ask for TLS" in ACCESS.objection(None)


def test_rules_that_are_not_used_object_to_nobody() -> None:
    assert table(default_zone=DefaultZone(access_rules=RULES)).access.objection(None) == ""
