"""Zones: what each type needs, what they may not share, and what stays as it was made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sextet.model.schema import settings
from sextet.model.sections import Root
from sextet.model.settings.protocols import Protocols
from sextet.model.settings.registration import Credential
from sextet.model.settings.zones import (
    BY_ADDRESS,
    BY_SERVICE,
    DNS,
    ENUM,
    NEIGHBOR,
    TRAVERSAL_CLIENT,
    TRAVERSAL_SERVER,
    TYPES,
    AccessRule,
    DefaultZone,
    Zone,
    ZonePeer,
)
from sextet.model.validate import problems

EDGE = Credential(name="edge", password="secret")
SERVER = Zone(name="E", type=TRAVERSAL_SERVER, user_name="edge")


def found(*zones: Zone, before: Root | None = None, **sections: Any) -> dict[str, str]:
    listed = problems(Root(zones=zones, **sections), before)
    assert all(problem.sentence.endswith(".") for problem in listed)
    return {problem.field: problem.sentence for problem in listed}


@pytest.mark.parametrize(
    ("zone", "needs"),
    [
        (Zone(name="z"), ()),
        (Zone(name="z", look_up=BY_SERVICE), ("service_domain",)),
        (Zone(name="z", type=DNS), ()),
        (Zone(name="z", type=ENUM), ("dns_suffix",)),
        (Zone(name="z", type=TRAVERSAL_CLIENT), ("peers", "user_name", "password")),
        (Zone(name="z", type=TRAVERSAL_SERVER, tls_verify=True), ("user_name", "tls_subject_name")),
    ],
)
def test_a_zone_is_told_everything_that_its_type_needs(zone: Zone, needs: tuple[str, ...]) -> None:
    assert set(found(zone)) == {f"zones[z].{name}" for name in needs}


def test_what_belongs_to_another_type_is_not_asked_for() -> None:
    assert found(Zone(name="z", type=DNS, look_up=BY_SERVICE), Zone(name="y", type=ENUM, dns_suffix="e164.arpa")) == {}


def test_the_type_of_a_zone_stays() -> None:
    before = Root(zones=(Zone(name="a"),))
    told = found(Zone(name="a", type=DNS), Zone(name="b", type=DNS), before=before)
    assert set(told) == {"zones[a].type"}
    assert "is a Neighbor zone and stays one" in told["zones[a].type"]


def test_each_traversal_server_has_a_port_of_its_own() -> None:
    assert found(SERVER, credentials=(EDGE,)) == {}
    told = found(SERVER, replace(SERVER, name="F"), credentials=(EDGE,))
    assert told == {"zones[F].traversal_port": "Traversal port: 7001 is for zone E; choose another."}
    for port, owner in ((5061, "SIP over TLS"), (5060, "SIP over TCP"), (4372, "cluster communication")):
        told = found(replace(SERVER, traversal_port=port), credentials=(EDGE,))
        assert owner in told["zones[E].traversal_port"]


def test_a_traversal_server_knows_the_password_of_its_client() -> None:
    assert "not in the local authentication database" in found(SERVER)["zones[E].user_name"]


def test_access_rules_are_patterns_and_need_tls() -> None:
    rules = (
        AccessRule(name="bad", pattern="("),
        AccessRule(name="good", pattern=".*"),
        AccessRule(name="Good", pattern="x"),
    )
    told = found(
        default_zone=DefaultZone(use_access_rules=True, access_rules=rules),
        protocols=Protocols(sip_tls=False, sip_tcp=True),
    )
    assert set(told) == {
        "default_zone.access_rules[bad].pattern",
        "default_zone.access_rules[Good].name",
        "default_zone.use_access_rules",
    }


def test_every_setting_of_a_zone_counts_for_a_type() -> None:
    known = {"type": TYPES, "look_up": (BY_ADDRESS, BY_SERVICE)}
    for name, declared in settings(Zone):
        assert declared.when is None or set(declared.when[1]) <= set(known[declared.when[0]]), name
    assert NEIGHBOR in TYPES


def test_addresses_of_a_traversal_client_are_enough_by_name() -> None:
    zone = Zone(name="z", type=TRAVERSAL_CLIENT, user_name="u", password="p", peers=(ZonePeer(address="e.example"),))
    assert found(zone) == {}
