"""Default links, and links that follow the zones, subzones and pipes they name."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from sextet.model import config, schema
from sextet.model.config import Change
from sextet.model.linking import NAMED, completed, followed, missing_links
from sextet.model.sections import Root
from sextet.model.settings.bandwidth import LINKS_MAX
from sextet.model.validate import check

START = config.to_document(Root())


def edited(before: Any, *changes: Change) -> Any:
    after = followed(before, config.changed(before, changes), [change.path for change in changes])
    return config.to_document(check(after))


def links(document: Any) -> dict[str, tuple[str, str]]:
    return {row["name"]: (row["node1"], row["node2"]) for row in document["links"]}


def add(path: str, **values: Any) -> Change:
    return Change("add", path, values)


def test_a_new_system_has_the_original_s_four_links() -> None:
    assert links(START) == {
        "DefaultSZtoTraversalSZ": ("DefaultSubZone", "TraversalSubZone"),
        "DefaultSZtoDefaultZ": ("DefaultSubZone", "DefaultZone"),
        "DefaultSZtoClusterSZ": ("DefaultSubZone", "ClusterSubZone"),
        "TraversalSZtoDefaultZ": ("TraversalSubZone", "DefaultZone"),
    }
    assert missing_links(START) == []


def test_a_new_zone_and_a_new_subzone_get_their_links_in_the_same_edit() -> None:
    document = edited(START, add("zones", name="London"), add("subzones", name="Taipei"))
    assert (
        links(document).items()
        >= {
            "Zone001ToDefaultSZ": ("London", "DefaultSubZone"),
            "Zone001ToTraversalSZ": ("London", "TraversalSubZone"),
            "SubZone001ToDefaultSZ": ("Taipei", "DefaultSubZone"),
            "SubZone001ToTraversalSZ": ("Taipei", "TraversalSubZone"),
        }.items()
    )


def test_a_removed_zone_takes_its_links_along_and_only_those() -> None:
    two = edited(START, add("zones", name="London"), add("zones", name="Paris"))
    one = edited(two, Change("remove", "zones[London]"))
    assert {nodes for nodes in links(one).values() if "London" in nodes} == set()
    assert sum("Paris" in nodes for nodes in links(one).values()) == 2


def test_a_link_that_an_administrator_removed_stays_away() -> None:
    document = edited(START, add("zones", name="London"))
    without = edited(document, Change("remove", "links[Zone001ToTraversalSZ]"))
    assert "Zone001ToTraversalSZ" not in links(edited(without, Change("set", "zones[London].hop_count", 3)))
    assert [row["name"] for row in missing_links(without)] == ["Zone001ToTraversalSZ"]


def test_what_is_renamed_keeps_its_links_rules_and_pipes() -> None:
    document = edited(
        START,
        add("subzones", name="Taipei"),
        add("pipes", name="Line"),
        add(
            "membership_rules", name="r", type="Subnet", subnet_address="192.0.2.0", subnet_prefix=24, subzone="Taipei"
        ),
        Change("set", "links[DefaultSZtoDefaultZ].pipe1", "Line"),
    )
    renamed = edited(
        document, Change("set", "subzones[Taipei].name", "Kaohsiung"), Change("set", "pipes[Line].name", "Access")
    )
    assert links(renamed)["SubZone001ToDefaultSZ"] == ("Kaohsiung", "DefaultSubZone")
    assert renamed["membership_rules"][0]["subzone"] == "Kaohsiung"
    assert [row["pipe1"] for row in renamed["links"] if row["name"] == "DefaultSZtoDefaultZ"] == ["Access"]


def test_what_is_renamed_is_named_so_wherever_it_is_named() -> None:
    service = {"name": "Judge", "servers": [{"address": "judge.example"}]}
    document = edited(
        START,
        add("zones", name="London"),
        add("subzones", name="Taipei"),
        Change("add", "policy_services", service),
        add("search_rules", name="out", target="London", source="Named", source_name="Taipei"),
        add("search_rules", name="asks", target="Judge", source="Named", source_name="London"),
        add("dial_plan_tests", name="t", alias="x", source="Taipei", target="London", state="Disabled"),
        add("call_policy.rules", priority=1, source_type="Zone", zone="London", destination_pattern="x"),
        Change("set", "call_policy.mode", "Policy service"),
        Change("set", "call_policy.service", "Judge"),
        Change("set", "registration.restriction_policy", "Policy service"),
        Change("set", "registration.service", "Judge"),
    )
    after = edited(
        document,
        Change("set", "zones[London].name", "Londinium"),
        Change("set", "subzones[Taipei].name", "Tamsui"),
        Change("set", "policy_services[Judge]", {**service, "name": "Court"}),
    )
    _, out, asks = after["search_rules"]
    assert (out["target"], out["source_name"], asks["target"], asks["source_name"]) == (
        "Londinium",
        "Tamsui",
        "Court",
        "Londinium",
    )
    [test], [rule] = after["dial_plan_tests"], after["call_policy"]["rules"]
    assert (test["source"], test["target"], rule["zone"]) == ("Tamsui", "Londinium", "Londinium")
    assert (after["call_policy"]["service"], after["registration"]["service"]) == ("Court", "Court")
    assert ("Londinium", "DefaultSubZone") in links(after).values()


def test_what_names_a_list_names_one_whose_items_have_a_name() -> None:
    def named(section: type) -> Iterator[str]:
        for field in dataclasses.fields(section):
            declared = field.metadata.get("setting")
            if declared is None or declared.item is not None:
                yield from named(type(field.default) if declared is None else declared.item)
            else:
                yield from declared.names

    assert set(named(Root)) == set(NAMED)
    items = {field.name: field.metadata["setting"].item for field in dataclasses.fields(Root) if field.metadata}
    assert all(schema.setting(items[kind], "name").mandatory for kind in NAMED)


def test_a_name_that_is_taken_gets_a_number() -> None:
    document = edited(START, add("zones", name="London"), add("zones", name="Paris"))
    again = edited(edited(document, Change("remove", "zones[London]")), add("zones", name="Rome"))
    assert links(again)["Zone002ToDefaultSZ-2"] == ("Rome", "DefaultSubZone")


def test_a_configuration_from_before_there_were_links_gets_them() -> None:
    old = {name: value for name, value in START.items() if name != "links"} | {"zones": [{"name": "London"}]}
    assert sum("London" in (link.node1, link.node2) for link in config.from_document(old).links) == 2
    assert config.from_document({**old, "links": []}).links == ()


def test_links_never_exceed_their_limit() -> None:
    full = [{"name": f"l{n}", "node1": "DefaultSubZone", "node2": "ClusterSubZone"} for n in range(LINKS_MAX)]
    assert len(edited({**START, "links": full}, add("zones", name="London"))["links"]) == LINKS_MAX


@pytest.mark.parametrize("junk", [5, "x", [5], [{"name": []}], [{"name": 3}], {}, None])
def test_what_is_no_configuration_is_left_to_its_own_check(junk: Any) -> None:
    assert isinstance(completed({"zones": junk, "subzones": junk}), dict)
    followed(START, {**START, "zones": junk, "links": junk}, ["zones"])
    assert completed(junk) is junk
