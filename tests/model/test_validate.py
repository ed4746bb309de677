"""Whole configurations: what does not fit together, and what the original answers with an alarm instead."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sextet.model.config import to_document
from sextet.model.schema import Refused
from sextet.model.sections import Root
from sextet.model.settings.clustering import AddressMapping, Clustering
from sextet.model.settings.dialplan import SearchRule, Transform
from sextet.model.settings.protocols import Domain, Protocols
from sextet.model.settings.registration import PolicyPattern, Registration
from sextet.model.settings.users import Administrator
from sextet.model.settings.zones import Zone, ZonePeer
from sextet.model.validate import check, problems

ADMIN = Administrator(name="admin", password_hash="x")


def found(**sections: Any) -> dict[str, str]:
    listed = problems(Root(**sections))
    for problem in listed:
        assert problem.sentence.endswith(".")
    assert len({problem.field for problem in listed}) == len(listed), "one setting, one sentence"
    return {problem.field: problem.sentence for problem in listed}


def peers(*addresses: str, **more: Any) -> Clustering:
    rows = {f"peer_{n}_address": address for n, address in enumerate(addresses, 1)}
    return Clustering(**(rows | more))


def rule(**more: Any) -> SearchRule:
    return SearchRule(**({"name": "r", "target": "LocalZone"} | more))


def pattern(text: str, kind: str, **more: Any) -> SearchRule:
    return rule(**({"mode": "Alias pattern match", "pattern": text, "pattern_type": kind, "behavior": "Leave"} | more))


def test_a_new_system_and_a_usual_one_are_fine() -> None:
    assert problems(Root()) == []
    assert (
        found(
            clustering=peers("expc01.apolo.local", "expc02.apolo.local", configuration_primary=2),
            domains=(Domain(name="apolo.local"),),
            zones=(Zone(name="London", peers=(ZonePeer(address="192.0.2.1"),)),),
            search_rules=(pattern(r"(\d+)@.*", "Regex", behavior="Replace", replace=r"\1@x", target="London"),),
            administrators=(ADMIN,),
        )
        == {}
    )


def test_six_peers_without_a_cluster_name_are_left_to_the_alarm() -> None:
    assert found(clustering=peers(*(f"192.0.2.{n}" for n in range(1, 7)))) == {}


def test_a_gap_and_a_duplicate_in_the_peer_list_are_named_where_they_are() -> None:
    assert found(clustering=peers("expc01.x.y", "", "EXPC01.x.y")) == {
        "clustering.peer_2_address": "Peer 2 address: is empty, but a later one is filled; move the later ones up.",
        "clustering.peer_3_address": "Peer 3 address: EXPC01.x.y is peer 1 already; remove one of them.",
    }
    twice = peers("2001:db8::1", "2001:0db8:0::1", cluster_ip_version="IPv6")
    assert set(found(clustering=twice)) == {"clustering.peer_2_address"}


def test_a_primary_that_moves_up_takes_its_number_along() -> None:
    before = Root(clustering=peers("a.x", "b.x", "c.x", "d.x", configuration_primary=3))

    def said(*rows: str, primary: int) -> list[str]:
        return [one.sentence for one in problems(Root(clustering=peers(*rows, configuration_primary=primary)), before)]

    assert said("a.x", "c.x", "d.x", primary=3) == [
        "Configuration primary: peer 3 would be d.x, and the primary c.x is peer 2 now; choose 2."
    ]
    assert said("a.x", "c.x", "d.x", primary=2) == []
    assert said("a.x", "b.x", "d.x", primary=3) == []  # the primary itself was taken off, and d.x chosen
    assert said("a.x", "b.x", "c.y", "d.x", primary=3) == []  # it has another name
    assert said("a.x", "c.x", "b.x", "d.x", primary=3) == []  # an order that was wrong is put right


@pytest.mark.parametrize(
    ("address", "version", "fine"),
    [
        ("192.0.2.1", "IPv4", True),
        ("192.0.2.1", "IPv6", False),
        ("2001:db8::1", "IPv6", True),
        ("2001:db8::1", "IPv4", False),
        ("expc01.x.y", "IPv6", True),
        ("127.77.0.1", "IPv4", True),
        ("0.0.0.0", "IPv4", False),
        ("224.0.0.1", "IPv4", False),
        ("255.255.255.255", "IPv4", False),
        ("::", "IPv6", False),
    ],
)
def test_an_address_is_of_the_clusters_version_and_of_one_system(address: str, version: str, fine: bool) -> None:
    assert (found(clustering=peers(address, cluster_ip_version=version)) == {}) is fine


def test_the_primary_is_a_filled_row() -> None:
    assert found(clustering=peers("192.0.2.1", configuration_primary=2)) == {
        "clustering.configuration_primary": "Configuration primary: peer 2 is empty; choose one of 1."
    }
    assert found(clustering=Clustering(configuration_primary=3)) == {}


@pytest.mark.parametrize("address", ["192.0.2.1", "expc01"])
def test_enforce_needs_names_that_a_certificate_can_carry(address: str) -> None:
    clustering = peers("expc02.x.y", address, tls_verification_mode="Enforce")
    assert address in found(clustering=clustering)["clustering.tls_verification_mode"]
    assert found(clustering=replace(clustering, peer_2_address="expc01.x.y")) == {}


def mapping(*rows: tuple[str, str], enabled: bool = True, names: tuple[str, ...] = ()) -> dict[str, str]:
    listed = tuple(AddressMapping(fqdn=fqdn, ip=ip) for fqdn, ip in rows)
    return found(clustering=peers(*names, address_mappings=listed, address_mapping_enabled=enabled))


def test_mapped_addresses_are_private_and_each_peers_own() -> None:
    assert mapping(("a.x", "10.0.0.1"), ("b.x", "127.77.0.2")) == {}
    assert "not a private address" in mapping(("a.x", "8.8.8.8"))["clustering.address_mappings[a.x].ip"]
    assert "not an IPv4 address" in mapping(("a.x", "fd00::1"))["clustering.address_mappings[a.x].ip"]
    assert "belongs to a.x" in mapping(("a.x", "10.0.0.1"), ("b.x", "10.0.0.1"))["clustering.address_mappings[b.x].ip"]
    assert "there already" in mapping(("a.x", "10.0.0.1"), ("A.x", "10.0.0.2"))["clustering.address_mappings[A.x].fqdn"]


def test_a_mapping_that_is_used_has_a_row_for_every_name() -> None:
    """Facts 9.4; rows may be entered before the peers are changed to names."""
    names = ("a.x", "B.x")
    assert "B.x has no row" in mapping(("a.x", "10.0.0.1"), names=names)["clustering.address_mappings"]
    assert mapping(("a.x", "10.0.0.1"), names=names, enabled=False) == {}
    assert mapping(("a.x", "10.0.0.1"), ("b.x", "10.0.0.2"), names=names) == {}
    assert mapping(("a.x", "10.0.0.1"), names=("192.0.2.1", "192.0.2.2")) == {}
    assert mapping(("a.x", "10.0.0.1"), names=("c.x", "d.x")) == {}
    assert mapping(names=names) == {}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"sip_tls": False}, "protocols.sip_mode"),
        ({"sip_tcp": True, "sip_tcp_port": 5061}, "protocols.sip_tls_port"),
        ({"sip_tls_port": 4372}, "protocols.sip_tls_port"),
        ({"sip_tls_port": 8443}, "protocols.sip_tls_port"),
        ({"sip_tcp": True, "sip_tcp_port": 4371}, "protocols.sip_tcp_port"),
        ({"sip_udp": True, "sip_udp_port": 1719}, "protocols.sip_udp_port"),
        ({"standard_refresh_minimum": 61}, "protocols.standard_refresh_minimum"),
        ({"outbound_refresh_maximum": 299}, "protocols.outbound_refresh_minimum"),
        ({"session_refresh_minimum": 1801}, "protocols.session_refresh_minimum"),
        ({"session_refresh_value": 499}, "protocols.session_refresh_minimum"),
    ],
)
def test_protocol_settings_that_exclude_each_other(changes: dict[str, Any], field: str) -> None:
    assert set(found(protocols=Protocols(**changes))) == {field}


@pytest.mark.parametrize(
    "changes",
    [
        {"sip_mode": False, "sip_tls": False},
        {"sip_tcp": True, "sip_udp": True},
        {"sip_tcp": False, "sip_tcp_port": 5061},
        {"sip_mode": False, "sip_tls_port": 4372},
        {"sip_udp": True, "sip_udp_port": 5061},
        {"standard_refresh_minimum": 60, "standard_refresh_maximum": 60},
        {"session_refresh_minimum": 7200, "session_refresh_value": 7200},
    ],
)
def test_protocol_settings_that_only_seem_to(changes: dict[str, Any]) -> None:
    assert found(protocols=Protocols(**changes)) == {}


def test_peers_need_tls_among_themselves() -> None:
    protocols = Protocols(sip_tls=False, sip_udp=True)
    assert set(found(protocols=protocols, clustering=peers("192.0.2.1", "192.0.2.2"))) == {"protocols.sip_tls"}
    assert found(protocols=protocols, clustering=peers("192.0.2.1")) == {}


def test_names_that_differ_in_their_letters_only_are_the_same() -> None:
    assert set(
        found(
            domains=(Domain(name="x.y"), Domain(name="X.y")),
            zones=(Zone(name="a"), Zone(name="A")),
            search_rules=(rule(name="b"), rule(name="B")),
            administrators=(ADMIN, replace(ADMIN, name="Admin")),
        )
    ) == {"domains[X.y].name", "zones[A].name", "search_rules[B].name", "administrators[Admin].name"}


def test_a_zone_must_not_be_called_like_one_that_is_built_in() -> None:
    for name in ("LocalZone", "defaultzone", "Local Zone"):
        assert set(found(zones=(Zone(name=name),))) == {f"zones[{name}].name"}


def test_a_rule_has_a_target_that_exists_and_is_enabled() -> None:
    zones = (Zone(name="On"), Zone(name="Off", state="Disabled"))
    assert (
        "there is no zone or policy service 'Rome'"
        in found(search_rules=(rule(target="Rome"),))["search_rules[r].target"]
    )
    assert "is disabled" in found(search_rules=(rule(target="Off"),), zones=zones)["search_rules[r].target"]
    for target in ("LocalZone", "Local Zone", "On"):
        assert found(search_rules=(rule(target=target),), zones=zones) == {}
    assert found(search_rules=(rule(target="Rome", state="Disabled"),)) == {}


def test_a_named_source_exists() -> None:
    named = rule(source="Named", source_name="Rome")
    assert set(found(search_rules=(named,))) == {"search_rules[r].source_name"}
    assert "is empty" in found(search_rules=(replace(named, source_name=""),))["search_rules[r].source_name"]
    assert found(search_rules=(named,), zones=(Zone(name="Rome"),)) == {}
    assert found(search_rules=(replace(named, source_name="DefaultZone"),)) == {}
    assert found(search_rules=(replace(named, source="Any"),)) == {}


def test_a_pattern_is_needed_in_its_mode_only() -> None:
    assert set(found(search_rules=(pattern("", "Prefix"),))) == {"search_rules[r].pattern"}
    assert found(search_rules=(rule(pattern="(", pattern_type="Regex"),)) == {}


def test_expressions_compile_and_are_safe_wherever_they_stand() -> None:
    listed = (PolicyPattern(pattern="(a+)+", pattern_type="Regex"), PolicyPattern(pattern="(", pattern_type="Exact"))
    assert set(
        found(
            search_rules=(pattern("(", "Regex"),),
            transforms=(Transform(priority=1, pattern="[", pattern_type="Regex", behavior="Add Prefix", replace="1"),),
            registration=Registration(allow_list=listed, deny_list=listed),
        )
    ) == {
        "search_rules[r].pattern",
        "transforms[1].pattern",
        "registration.allow_list[(a+)+].pattern",
        "registration.deny_list[(a+)+].pattern",
    }


def test_variables_that_cannot_be_filled_in_are_refused() -> None:
    assert set(found(search_rules=(pattern("%ipv4_1%", "Exact"),))) == {"search_rules[r].pattern"}
    for replace_string in ("%ip%", "x@%LocalDomains%"):
        made = pattern("9", "Prefix", behavior="Replace", replace=replace_string)
        assert set(found(search_rules=(made,))) == {"search_rules[r].replace"}
    assert found(search_rules=(pattern("9", "Prefix", behavior="Replace", replace="%localdomain1%"),)) == {}


def test_what_would_leave_nothing_of_the_alias_is_refused() -> None:
    for kind in ("Exact", "Regex"):
        assert set(found(search_rules=(pattern("a", kind, behavior="Strip"),))) == {"search_rules[r].behavior"}
        assert found(search_rules=(pattern("a", "Prefix", behavior="Strip"),)) == {}
    assert set(found(search_rules=(pattern("a", "Exact", behavior="Replace"),))) == {"search_rules[r].replace"}


def test_a_replace_string_names_groups_that_the_pattern_has() -> None:
    made = pattern("(a)(b)", "Regex", behavior="Replace", replace=r"\2\1\0")
    assert found(search_rules=(made,)) == {}
    assert r"\3 is not in the pattern" in found(search_rules=(replace(made, replace=r"\3"),))["search_rules[r].replace"]
    assert found(search_rules=(replace(made, replace=r"\\3"),)) == {}
    assert found(search_rules=(replace(made, pattern="a", pattern_type="Prefix", replace=r"\3"),)) == {}


def test_transforms_have_priorities_of_their_own_and_something_to_add() -> None:
    rows = (Transform(priority=1, pattern="a"), Transform(priority=1, pattern="b"))
    assert set(found(transforms=rows)) == {"transforms[1]"}
    assert set(found(transforms=(Transform(pattern="a", behavior="Add Suffix"),))) == {"transforms[1].replace"}


def test_an_allow_list_that_is_empty_lets_nobody_in() -> None:
    assert set(found(registration=Registration(restriction_policy="Allow List"))) == {"registration.restriction_policy"}
    assert found(registration=Registration(restriction_policy="Deny List")) == {}


def test_the_last_account_that_may_change_anything_stays() -> None:
    reader = replace(ADMIN, name="r", access_level="Read-only")
    off = replace(ADMIN, name="o", state="Disabled")
    assert set(found(administrators=(reader, off))) == {"administrators"}
    assert found(administrators=(reader, off, ADMIN)) == {}
    before = Root(administrators=(ADMIN,))
    assert [problem.field for problem in problems(Root(), before)] == ["administrators"]
    assert problems(Root(), Root()) == []


def test_checking_a_document_says_everything_at_once_and_nothing_twice() -> None:
    document = to_document(Root(clustering=peers("192.0.2.1", "192.0.2.1", configuration_primary=5)))
    document["protocols"]["sip_udp_port"] = 7
    document["protocols"]["standard_refresh_minimum"] = 9000
    document["domains"] = [{"name": "x.y"}, {"name": "x.y"}]
    document["clustering"]["address_mappings"] = [{"fqdn": "a.x", "ip": "here"}, {"fqdn": "b.x", "ip": "here"}]
    with pytest.raises(Refused) as caught:
        check(document)
    assert sorted(problem.field for problem in caught.value.problems) == [
        "clustering.address_mappings[a.x].ip",
        "clustering.address_mappings[b.x].ip",
        "clustering.configuration_primary",
        "clustering.peer_2_address",
        "domains[x.y].name",
        "protocols.sip_udp_port",
        "protocols.standard_refresh_minimum",
    ]


def test_checking_gives_the_configuration_when_all_is_well() -> None:
    root = Root(domains=(Domain(name="apolo.local"),))
    assert check(to_document(root)) == root
