"""What does not fit together among subzones, membership rules, links and pipes."""

from __future__ import annotations

from typing import Any

from sextet.model.sections import Root
from sextet.model.settings.bandwidth import DEFAULT_LINKS, Link, Pipe
from sextet.model.settings.local_zone import MembershipRule, Subzone
from sextet.model.settings.zones import Zone
from sextet.model.validate import problems

SITE = Subzone(name="Site")


def found(**sections: Any) -> dict[str, str]:
    return {problem.field: problem.sentence for problem in problems(Root(**sections))}


def subnet(**more: Any) -> MembershipRule:
    return MembershipRule(
        **({"name": "r", "subnet_address": "192.0.2.0", "subnet_prefix": 24, "subzone": "Site"} | more)
    )


def test_a_usual_configuration_is_fine() -> None:
    links = (*DEFAULT_LINKS, Link(name="l", node1="Site", node2="London", pipe1="Line"))
    zones = (Zone(name="London"),)
    assert not found(
        subzones=(SITE,), membership_rules=(subnet(),), links=links, pipes=(Pipe(name="Line"),), zones=zones
    )


def test_no_two_nodes_share_a_name() -> None:
    assert list(found(subzones=(SITE,), zones=(Zone(name="site"),))) == ["subzones[Site].name"]
    for name in ("DefaultSubZone", "clustersubzone", "DefaultZone", "LocalZone"):
        assert list(found(subzones=(Subzone(name=name),))) == [f"subzones[{name}].name"]
    assert list(found(zones=(Zone(name="TraversalSubZone"),))) == ["zones[TraversalSubZone].name"]


def test_a_rule_needs_a_subzone_and_what_its_type_asks_for() -> None:
    assert list(found(membership_rules=(subnet(),))) == ["membership_rules[r].subzone"]
    assert not found(membership_rules=(subnet(subzone="DefaultSubZone"),))
    one = {"subzones": (SITE,)}
    assert list(found(membership_rules=(subnet(subnet_address=""),), **one)) == ["membership_rules[r].subnet_address"]
    assert list(found(membership_rules=(subnet(subnet_prefix=33),), **one)) == ["membership_rules[r].subnet_prefix"]
    assert not found(membership_rules=(subnet(subnet_address="2001:db8::", subnet_prefix=33),), **one)
    mapped = subnet(subnet_address="::ffff:192.0.2.0", subnet_prefix=24)
    assert list(found(membership_rules=(mapped,), **one)) == ["membership_rules[r].subnet_prefix"]
    alias = {"type": "Alias pattern match", "pattern_type": "Regex"}
    assert list(found(membership_rules=(subnet(**alias),), **one)) == ["membership_rules[r].pattern"]
    assert list(found(membership_rules=(subnet(pattern="(", **alias),), **one)) == ["membership_rules[r].pattern"]


def test_a_link_joins_two_different_nodes_of_which_one_is_a_subzone() -> None:
    zones = (Zone(name="London"), Zone(name="Paris"))
    assert list(found(links=(Link(name="l", node1="Nowhere", node2="DefaultZone"),))) == ["links[l].node1"]
    assert list(found(links=(Link(name="l", node1="DefaultSubZone", node2="DefaultSubZone"),))) == ["links[l].node2"]
    assert list(found(links=(Link(name="l", node1="London", node2="Paris"),), zones=zones)) == ["links[l].node2"]


def test_a_link_names_pipes_that_are_there_each_once() -> None:
    link = {"name": "l", "node1": "DefaultSubZone", "node2": "DefaultZone"}
    assert list(found(links=(Link(**link, pipe1="Line"),))) == ["links[l].pipe1"]
    assert list(found(links=(Link(**link, pipe1="Line", pipe2="Line"),), pipes=(Pipe(name="Line"),))) == [
        "links[l].pipe2"
    ]


def test_names_are_there_once() -> None:
    assert found(pipes=(Pipe(name="Line"), Pipe(name="line")))
    assert found(subzones=(SITE, Subzone(name="SITE")))
